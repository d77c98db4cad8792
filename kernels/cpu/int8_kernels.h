#pragma once

#include <cstdint>

#include "kernels/int8_items.h"
#include "kernels/item_vectors.h"

namespace segue::kernels::cpu {

inline constexpr std::int64_t kFewQueries = 8;  ///< an AMX tile of 16 would be mostly padding
inline constexpr int kMaxInt8TileQueries = 32;  ///< queries a tile covers at most, over all instruction sets

/// What the limits of a tile of queries follow from. Arrays have room for kMaxInt8TileQueries.
struct Int8Limits {
  // Of queries, [n_queries] each:
  const float* thresholds;  ///< scores below are of no use; -inf: all are
  const float* norms;       ///< |q|
  const float* errors;      ///< |q - q'|, q' = step * z the int8 form of q
  const float* steps;       ///< of q'
  const float* inverse_steps;
  const float* corrections;  ///< what the offset 128 of the items adds to an integer sum: 128 * sum of z
  int n_queries;
  // Of the block:
  float scale, max_norm, max_error, max_size;
  std::int64_t dim;
  bool has_bias;
  // Results, [n_queries]; see Int8Scan. bounds: how far the score that a scan gives out can be from the defined one.
  std::int32_t* limits;
  float* float_limits;
  float* block_steps;  ///< step * scale
  float* offsets;
  float* bounds;  ///< +inf: none
};

/// One block of items against one tile of queries.
struct Int8Scan {
  const std::uint8_t* panels;  ///< [n_panels, dim / 4, 16, 4]; a tile load may touch kInt8PanelSlack bytes behind
  const std::uint8_t* next;    ///< what is scanned next, to be fetched along the way; nullptr: not known
  std::int64_t n_panels;       ///< even
  std::int64_t dim;            ///< rounded up to a multiple of 4
  const std::int8_t* queries;  ///< as pack_queries left it
  int n_queries;               ///< a value that queries_for returns
  /// Without bias: an item is a candidate when its integer sum reaches limits[query].
  const std::int32_t* limits;
  /// With bias: when sum * steps[query] + bias of the item reaches float_limits[query].
  const float* bias;  ///< [n_panels * 16], or nullptr
  const float* float_limits;
  const float* steps;
  const float* offsets;
  // Results: what is found of each query, in rows kInt8BlockItems apart; its place in the block, and its score by int8,
  // sum * steps[query] + bias + offsets[query].
  std::uint32_t* places;
  float* scores;
  std::int32_t* counts;  ///< [n_queries], 0 at the beginning
};

/// The inner loops of the int8 scan, one set an instruction set, each in a file of its own (as tile_kernels.h says).
/// Sums are exact integers, so all of them nominate the same candidates.
struct Int8Kernels {
  const char* name;
  int tile_queries;
  /// Queries that the next tile should hold when `n_left` remain, padding included.
  int (*queries_for)(std::int64_t n_left);
  /// Bytes of a packed tile.
  std::int64_t (*packed_bytes)(int n_queries, std::int64_t dim);
  /// Packs a tile of `n` queries, each [dim], dim a multiple of 4, with padding to n_queries; `out` is 64-byte aligned
  /// and zeroed.
  void (*pack_queries)(const std::int8_t* const* queries, int n, int n_queries, std::int64_t dim, std::int8_t* out);
  /// Chooses the limits so that every item whose defined score reaches the threshold is a candidate. @returns false
  /// when no item of the block can be one.
  bool (*set_limits)(const Int8Limits& limits);
  void (*scan_block)(const Int8Scan& scan);
  /// Scores of up to 16 items by the definition, from rows anywhere in memory.
  /// @param vectors  of any dtype but int8;  @param bias [n_items] or nullptr;  @param rows [n];  @param out [16]
  void (*score_rows)(const float* query, const ItemVectors& vectors, const float* bias, const std::int32_t* rows, int n,
                     float* out);
  /// Brackets the scans of a thread.
  void (*begin_thread)();
  void (*end_thread)();
};

const Int8Kernels& portable_int8_kernels();
const Int8Kernels& avx2_int8_kernels();
const Int8Kernels& avx512_vnni_int8_kernels();
const Int8Kernels& amx_int8_kernels();
bool may_use_amx();  ///< the processor has it, and the system gave it to this process

/// The fastest set of instruction_set() for so many queries in a tile.
const Int8Kernels& int8_kernels(std::int64_t n_queries);

bool set_int8_limits_avx512(const Int8Limits& limits);

}  // namespace segue::kernels::cpu
