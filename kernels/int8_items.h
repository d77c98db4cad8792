#pragma once

#include <cstdint>
#include <vector>

#include "kernels/aligned_vector.h"
#include "kernels/host_device.h"
#include "kernels/item_vectors.h"

namespace segue::kernels {

inline constexpr std::int64_t kInt8PanelItems = 16;   ///< items side by side in a panel, one a lane
inline constexpr std::int64_t kInt8BlockItems = 256;  ///< items at most that share a scale and error bounds
inline constexpr std::int64_t kInt8MaxDim = 16384;    ///< sums of more dimensions could leave an int32
/// With fewer items, scoring the candidates costs more than the scan saves, unless queries come a few at a time.
inline constexpr std::int64_t kLeastInt8Items = 32768;
inline constexpr std::int64_t kInt8PanelSlack = 1024;  ///< bytes behind the last panel that a tile load may touch

/// What holds for every item of a block; x is an item, x' = scale * z its int8 form.
struct Int8Block {
  float scale;      ///< 0: every x' is 0
  float max_norm;   ///< of x'
  float max_error;  ///< of |x - x'|, and of what float32 rounds off a score for a query of norm 1; +inf: no bound
  float max_size;   ///< of |x| and |bias|; +inf: not finite
};

/// An int8 copy of items that a scan reads in place of float32, bfloat16 or float16 vectors. It only nominates
/// candidates, under an error bound; survivors are scored by the definition, so that results are those of the vectors
/// to the last bit. A quarter of the memory of float32.
///
/// Items lie at positions, block after block; a block begins at a multiple of 32, and positions behind its last item
/// are empty. Within a group of blocks items lie by falling largest element, so that those of a block need the same
/// scale.
struct Int8Items {
  std::int64_t n_items = 0;
  std::int64_t dim = 0;
  std::int64_t n_blocks = 0;
  const std::uint8_t* panels = nullptr;  ///< [n_positions / 16, ceil(dim / 4), 16, 4], z + 128; then kInt8PanelSlack
  const std::int64_t* firsts = nullptr;  ///< [n_blocks + 1] first position of each block, and n_positions
  const std::int32_t* rows = nullptr;    ///< [n_positions] row of the item at each position; -1: none
  const float* bias = nullptr;           ///< [n_positions], or nullptr
  const Int8Block* blocks = nullptr;     ///< [n_blocks]

  [[nodiscard]] SEGUE_HOST_DEVICE std::int64_t panel_bytes() const { return (dim + 3) / 4 * 4 * kInt8PanelItems; }
};

/// Owns the arrays of an Int8Items.
struct Int8ItemArrays {
  AlignedVector<std::uint8_t> panels;
  std::vector<std::int64_t> firsts;
  std::vector<std::int32_t> rows;
  std::vector<float> bias;
  std::vector<Int8Block> blocks;
  std::int64_t n_items = 0, dim = 0;

  [[nodiscard]] Int8Items view() const {
    return {n_items,       dim,         static_cast<std::int64_t>(blocks.size()), panels.data(),
            firsts.data(), rows.data(), bias.empty() ? nullptr : bias.data(),     blocks.data()};
  }
};

/// Cost: one pass over the vectors and a sort of the items. The bytes do not depend on `n_threads`.
/// @param bias  [n_items] or nullptr
/// @throws std::invalid_argument  int8 vectors, which need no copy; more than kInt8MaxDim dimensions, or 2^31 items
Int8ItemArrays make_int8_items(const ItemVectors& vectors, const float* bias, int n_threads);

/// The same in groups: blocks hold items of one group only, groups follow each other.
/// @param groups        [n_items] group of each item, 0 .. n_groups - 1; nullptr: one group
/// @param first_blocks  receives [n_groups + 1]: the blocks of each group
Int8ItemArrays make_grouped_int8_items(const ItemVectors& vectors, const float* bias, const std::int32_t* groups,
                                       std::int64_t n_groups, int n_threads, std::vector<std::int64_t>& first_blocks);

}  // namespace segue::kernels
