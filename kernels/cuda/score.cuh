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

/// A query as a definition of scores reads it.
struct ScoredQuery {
  const float* values;        ///< not of int8 items
  const std::int8_t* levels;  ///< of int8 items
  float scale;                ///< of the levels
};

/// 16 bytes of a row at a time: each lane reads a row of its own, so that the bytes around an element are read next.
/// @param aligned  rows begin on 16 bytes
template <DType kDType, class Visit>
__device__ inline void for_each_element(const char* row, std::int64_t dim, bool aligned, const Visit& visit) {
  using Stored = typename Element<kDType>::Stored;
  constexpr int kAtOnce = 16 / static_cast<int>(sizeof(Stored));
  const auto* elements = reinterpret_cast<const Stored*>(row);
  std::int64_t i = 0;
  if (aligned) {
    for (; i + kAtOnce <= dim; i += kAtOnce) {
      const int4 chunk = *reinterpret_cast<const int4*>(elements + i);
      Stored at_once[kAtOnce];
      memcpy(at_once, &chunk, 16);
#pragma unroll
      for (int j = 0; j < kAtOnce; ++j) visit(i + j, at_once[j]);
    }
  }
  for (; i < dim; ++i) visit(i, elements[i]);
}

template <DType kDType>
__device__ inline float defined_score(const ScoredQuery& query, const DeviceVectors& items, std::int64_t item,
                                      float bias, bool aligned) {
  const char* row = items.row(item);
  if constexpr (kDType == DType::kInt8) {
    int sum = 0;
    for_each_element<kDType>(row, items.dim, aligned,
                             [&](std::int64_t i, std::int8_t level) { sum += query.levels[i] * level; });
    return __fmaf_rn(static_cast<float>(sum), __fmul_rn(query.scale, items.scales[item]), bias);
  } else {
    float score = bias;
    for_each_element<kDType>(row, items.dim, aligned, [&](std::int64_t i, auto element) {
      score = __fmaf_rn(query.values[i], Element<kDType>::widen(element), score);
    });
    return score;
  }
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
