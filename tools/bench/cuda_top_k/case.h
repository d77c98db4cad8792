#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda_items.h"
#include "kernels/item_vectors.h"
#include "tools/bench/cuda_top_k/device_array.h"

namespace segue::bench {

/// Which items are searched, and how.
struct Form {
  kernels::DType items = kernels::DType::kFloat32;
  std::optional<kernels::DType> nominators;  ///< none: the plain form, every pair by the definition

  [[nodiscard]] std::string name() const;
};
/// "float32:int8", "bfloat16:bfloat16", "float32:plain".
/// @throws std::invalid_argument
Form parse_form(const std::string& text);

struct TimeLimits {
  int n_least = 5, n_most = 200;
  double seconds = 0.2;
  double most_seconds_of_one = 0.5;  ///< a single search that takes longer than this is not repeated
};

struct Outcome {
  double ms = 0;           ///< median of single searches, from first to last kernel
  double ms_least = 0;     ///< the fastest
  double ms_in_a_row = 0;  ///< of one among ten that were enqueued together
  int n_repeats = 0;
  std::string differs;  ///< from the CPU or from float64: where; empty: equal
};

/// Items on the device in one form, and the same on the host.
class Case {
 public:
  /// @param rows     [n_items, dim], float32; rounded to the form's dtype
  /// @param queries  [at least 1, dim]; the first one is checked in float64 too
  Case(const Form& form, const std::vector<float>& rows, std::int64_t dim, const std::vector<float>& queries);

  /// Compares `n_checked` of the queries with the CPU, bit by bit, and one with float64; then times the search.
  /// @param queries  [n_queries at least, dim]; the first is that of the constructor
  Outcome run(const std::vector<float>& queries, std::int64_t n_queries, std::int64_t k, std::int64_t n_checked,
              const TimeLimits& limits);

  [[nodiscard]] std::int64_t device_bytes() const { return device_bytes_; }

 private:
  std::string check(const std::vector<float>& queries, const DeviceArray<float>& scores,
                    const DeviceArray<std::int32_t>& rows, std::int64_t n_queries, std::int64_t k,
                    std::int64_t n_checked) const;

  Form form_;
  std::int64_t dim_;
  kernels::ItemVectorArrays host_;
  std::vector<double> exact_;  ///< of the first query and all items; empty for int8 items, whose scores are another sum
  DeviceArray<std::byte> elements_;
  DeviceArray<float> scales_;
  DeviceArray<std::byte> made_;
  kernels::CudaItems cuda_items_;
  kernels::ItemMatrix items_;
  std::int64_t device_bytes_ = 0;
};

}  // namespace segue::bench
