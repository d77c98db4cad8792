#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/aligned_vector.h"
#include "kernels/cpu/int8_kernels.h"
#include "kernels/matrix_view.h"

namespace segue::kernels::cpu {

/// Queries in int8 form, and what the error bounds need to know of each: see Int8Limits.
class Int8Queries {
 public:
  explicit Int8Queries(MatrixView<const float> queries);
  [[nodiscard]] const std::int8_t* levels(std::size_t query) const {
    return levels_.data() + query * static_cast<std::size_t>(dim_);
  }
  [[nodiscard]] std::int64_t dim() const { return dim_; }  ///< rounded up to a multiple of 4

  std::vector<float> norms, errors, steps, inverse_steps, corrections;

 private:
  void quantise(const float* query, std::int64_t dim, std::size_t at);

  std::int64_t dim_;
  std::vector<std::int8_t> levels_;
};

/// Up to kMaxInt8TileQueries queries packed for a set of kernels, ready to be scanned with.
class Int8Tile {
 public:
  explicit Int8Tile(const Int8Kernels& kernels) : kernels_(&kernels) {}
  /// @param members  the queries, as many as the kernels' tile takes at most
  void pack(const Int8Queries& queries, std::span<const std::int32_t> members);
  [[nodiscard]] int n_queries() const { return n_queries_; }
  [[nodiscard]] int n_padded() const { return n_padded_; }
  [[nodiscard]] std::size_t query(int i) const { return static_cast<std::size_t>(members_[i]); }
  [[nodiscard]] const std::int8_t* data() const { return data_.data(); }

  float norms[kMaxInt8TileQueries], errors[kMaxInt8TileQueries], steps[kMaxInt8TileQueries],
      inverse_steps[kMaxInt8TileQueries], corrections[kMaxInt8TileQueries];

 private:
  const Int8Kernels* kernels_;
  int n_queries_ = 0;
  int n_padded_ = 0;
  std::int32_t members_[kMaxInt8TileQueries];
  AlignedVector<std::int8_t> data_;
};

}  // namespace segue::kernels::cpu
