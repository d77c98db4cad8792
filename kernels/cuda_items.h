#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"
#include "kernels/top_k.h"

namespace segue::kernels {

/// Neighbouring items whose bounds are kept together.
inline constexpr std::int64_t kCudaTileItems = 128;

/// What holds for every item of a tile; x is an item, x' its nominator. Rounded so that they hold.
struct CudaTile {
  float max_norm;   ///< of x; +inf where a score could overflow or is not finite: no bound
  float max_error;  ///< of |x - x'|
  float slack;      ///< of what float32 rounds off a bias
  float max_bias;
  float min_scale, max_scale;  ///< of int8 nominators: x' = scale * levels
};

/// How CUDA's tensor cores read items: *nominators*, in a dtype that they multiply, and bounds of what that leaves off.
/// They only choose the items that are then scored by the definition, so that any nominators give the same lists. All
/// pointers are of the device's memory.
struct CudaItems {
  std::int64_t n_items = 0;
  std::int64_t dim = 0;
  DType nominators = DType::kFloat32;  ///< kFloat32: read as tf32
  const void* rows = nullptr;          ///< [n_items, row_bytes]: the items themselves where these will do
  std::int64_t row_bytes = 0;          ///< a multiple of 16; zeros behind the last dimension
  const float* scales = nullptr;       ///< [n_items] of int8 nominators
  const CudaTile* tiles = nullptr;     ///< [ceil(n_items / kCudaTileItems)]
};

/// The nominators to take without a reason for others: the items' own dtype; tensor cores read float32 as tf32.
///
/// Smaller ones are read faster and nominate more: bfloat16 and float16 for float32 items, int8 for all.
/// @returns whether items of `dtype` can be nominated by `nominators`
constexpr bool can_nominate(DType nominators, DType dtype) {
  return nominators == dtype || nominators == DType::kInt8 || dtype == DType::kFloat32;
}

/// Device memory that make_cuda_items() needs: bounds of the tiles, and a copy of the rows unless `nominators` is the
/// items' dtype and their rows begin and end on 16 bytes.
std::size_t cuda_items_bytes(const ItemMatrix& items, DType nominators);

/// Makes nominators on the device, in `memory` of cuda_items_bytes() that begins on 256 bytes; enqueued on the stream
/// of `device`. `items` (vectors and bias) must stay, and must not change.
/// @throws std::invalid_argument  not can_nominate(), malformed items;  DeviceFailure  no device, a launch failed
CudaItems make_cuda_items(const ItemMatrix& items, DType nominators, void* memory, const Device& device);

/// Device memory in which top_k() on CUDA searches so many queries at once with items.cuda; 0 for shapes where the
/// tensor cores do not help. With less top_k() takes the queries in parts, with none it scores every pair by the
/// definition.
std::size_t top_k_workspace_bytes(std::int64_t n_queries, const ItemMatrix& items, std::int64_t k,
                                  const Device& device);

}  // namespace segue::kernels
