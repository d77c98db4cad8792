#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "collaborative/history_items.h"
#include "model_file/safetensors.h"
#include "support/ids.h"

namespace segue::collaborative {

struct Neighbour {
  ItemRow item = 0;
  float weight = 0;
  bool operator==(const Neighbour&) const = default;
};

enum class Largest { kWeight, kMagnitude };
/// Keeps the `n` neighbours of largest weight, or of largest magnitude; equal ones by lower row; with n = 0 all.
/// @param row   in rising row, before and after
/// @param keys  scratch
void keep_largest(std::vector<Neighbour>& row, std::int64_t n, Largest by, std::vector<float>& keys);

/// A sparse matrix of items x items, a row an item (CSR).
class NeighbourRows {
 public:
  NeighbourRows() = default;
  /// Appends the neighbours of one item, in rising row, to an empty `row`.
  using MakeRow = std::function<void(ItemRow item, std::vector<Neighbour>& row)>;
  /// Makes all rows side by side. `worker` is called once for each thread, for accumulators of its own.
  /// @param cost  of a row, for balance
  static NeighbourRows make(std::int32_t n_items, int n_threads, const std::function<double(std::int64_t)>& cost,
                            const std::function<MakeRow()>& worker);

  [[nodiscard]] std::int64_t n_entries() const { return static_cast<std::int64_t>(items_.size()); }
  [[nodiscard]] std::vector<Neighbour> row(ItemRow item) const;
  /// scores[j] += sum over the history of weight_i * (row i)[j], items in their order.
  void add_to(std::span<const WeightedItem> history, std::span<float> scores) const;

  /// "neighbours.offsets" i64 [n_items + 1], "neighbours.items" i32 and "neighbours.weights" f32 [n_entries].
  [[nodiscard]] std::map<std::string, model_file::TensorBytes> tensors() const;
  /// DataError: missing, misshapen, offsets that fall or do not cover the entries, items outside of the catalogue.
  static NeighbourRows load(const model_file::SafetensorsFile& file, std::int32_t n_items);

 private:
  std::vector<std::int64_t> offsets_ = {0};
  std::vector<ItemRow> items_;
  std::vector<float> weights_;
};

}  // namespace segue::collaborative
