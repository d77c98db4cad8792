#pragma once

// The score of a pair by its definition (kernels/top_k.h), on the device, for items of every dtype. What nominates
// candidates is elsewhere; every score that leaves the device was made here or by the same chain of fma.

#include <cuda_fp16.h>

#include <type_traits>

#include "kernels/item_vectors.h"

namespace segue::kernels::cuda {

/// ItemVectors as kernels take them: the stride is in bytes, and 0 is resolved.
struct DeviceVectors {
  explicit DeviceVectors(const ItemVectors& vectors)
      : data(static_cast<const char*>(vectors.data)),
        scales(vectors.scales),
        n_rows(vectors.n_rows),
        dim(vectors.n_cols),
        row_bytes(vectors.stride() * bytes_of(vectors.dtype)) {}

  __device__ const char* row(std::int64_t i) const { return data + i * row_bytes; }

  const char* data;
  const float* scales;
  std::int64_t n_rows, dim, row_bytes;
};

template <DType kDType>
struct Element;

template <>
struct Element<DType::kFloat32> {
  using Stored = float;
  static __device__ float widen(float value) { return value; }
};

template <>
struct Element<DType::kBFloat16> {
  using Stored = std::uint16_t;
  static __device__ float widen(std::uint16_t bits) { return __uint_as_float(static_cast<std::uint32_t>(bits) << 16); }
};

template <>
struct Element<DType::kFloat16> {
  using Stored = std::uint16_t;
  static __device__ float widen(std::uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
};

template <>
struct Element<DType::kInt8> {
  using Stored = std::int8_t;
};

/// scale of to_int8(): NaN where a value is not finite. `largest` is max |value|, NaN or infinite where one is.
__device__ inline float int8_scale(float largest) {
  return largest <= 3.402823466e38F ? __fdiv_rn(largest, 127.0F) : __int_as_float(0x7FC00000);
}

/// level of to_int8().
__device__ inline int int8_level(float value, float scale) {
  if (!(scale > 0)) return 0;
  const double level = rint(static_cast<double>(value) / static_cast<double>(scale));
  return static_cast<int>(fmax(-127.0, fmin(level, 127.0)));
}

/// A query as a definition of scores reads it. Where `aligned`, both begin on 16 bytes.
struct ScoredQuery {
  const float* values;        ///< not of int8 items
  const std::int8_t* levels;  ///< of int8 items
  float scale;                ///< of the levels
  bool aligned;
};

/// Adds the products of 16 bytes of an item's row, in the order of the definition.
template <DType kDType>
__device__ inline void add_chunk(const ScoredQuery& query, std::int64_t first, const int4& chunk, float& sum) {
  using Stored = typename Element<kDType>::Stored;
  constexpr int kElements = 16 / static_cast<int>(sizeof(Stored));
  Stored elements[kElements];
  memcpy(elements, &chunk, 16);
#pragma unroll
  for (int i = 0; i < kElements; i += 4) {
    const float4 values = *reinterpret_cast<const float4*>(query.values + first + i);
    sum = __fmaf_rn(values.x, Element<kDType>::widen(elements[i]), sum);
    sum = __fmaf_rn(values.y, Element<kDType>::widen(elements[i + 1]), sum);
    sum = __fmaf_rn(values.z, Element<kDType>::widen(elements[i + 2]), sum);
    sum = __fmaf_rn(values.w, Element<kDType>::widen(elements[i + 3]), sum);
  }
}
template <DType kDType>
__device__ inline void add_chunk(const ScoredQuery& query, std::int64_t first, const int4& chunk, int& sum) {
  const int4 levels = *reinterpret_cast<const int4*>(query.levels + first);
  sum = __dp4a(levels.x, chunk.x, sum);
  sum = __dp4a(levels.y, chunk.y, sum);
  sum = __dp4a(levels.z, chunk.z, sum);
  sum = __dp4a(levels.w, chunk.w, sum);
}

/// The score, of which `sum` has the first elements: the bias and their products, or of int8 the products of levels.
template <DType kDType, class Sum>
__device__ inline float score_from(const ScoredQuery& query, const DeviceVectors& items, std::int64_t item, float bias,
                                   std::int64_t first, Sum sum) {
  const auto* elements = reinterpret_cast<const typename Element<kDType>::Stored*>(items.row(item));
  if constexpr (kDType == DType::kInt8) {
    for (std::int64_t i = first; i < items.dim; ++i) sum += query.levels[i] * elements[i];
    return __fmaf_rn(static_cast<float>(sum), __fmul_rn(query.scale, items.scales[item]), bias);
  } else {
    for (std::int64_t i = first; i < items.dim; ++i)
      sum = __fmaf_rn(query.values[i], Element<kDType>::widen(elements[i]), sum);
    return sum;
  }
}

/// The score by its definition, by one thread.
/// @param aligned  rows begin on 16 bytes
template <DType kDType>
__device__ inline float defined_score(const ScoredQuery& query, const DeviceVectors& items, std::int64_t item,
                                      float bias, bool aligned) {
  using Stored = typename Element<kDType>::Stored;
  constexpr bool kIsInt8 = kDType == DType::kInt8;
  constexpr int kElements = 16 / static_cast<int>(sizeof(Stored));
  const auto* elements = reinterpret_cast<const Stored*>(items.row(item));
  std::conditional_t<kIsInt8, int, float> sum{};
  if constexpr (!kIsInt8) sum = bias;
  std::int64_t i = 0;
  if (aligned && query.aligned) {
    for (; i + kElements <= items.dim; i += kElements)
      add_chunk<kDType>(query, i, *reinterpret_cast<const int4*>(elements + i), sum);
  }
  return score_from<kDType>(query, items, item, bias, i, sum);
}

/// Whether every row begins on 16 bytes.
inline bool rows_are_aligned(const DeviceVectors& vectors) {
  return reinterpret_cast<std::uintptr_t>(vectors.data) % 16 == 0 && vectors.row_bytes % 16 == 0;
}

/// Calls `launch` with the dtype as a constant.
template <class Launch>
void for_dtype(DType dtype, const Launch& launch) {
  switch (dtype) {
    case DType::kFloat32: return launch(std::integral_constant<DType, DType::kFloat32>());
    case DType::kBFloat16: return launch(std::integral_constant<DType, DType::kBFloat16>());
    case DType::kFloat16: return launch(std::integral_constant<DType, DType::kFloat16>());
    case DType::kInt8: return launch(std::integral_constant<DType, DType::kInt8>());
  }
}

}  // namespace segue::kernels::cuda
