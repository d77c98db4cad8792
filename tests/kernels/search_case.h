#pragma once

// Searches to compare: items of every dtype, dense and strided, with filters and odd values; and what they found.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include "kernels/top_k.h"

namespace segue::kernels {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr Device kReference{Device::Kind::kReference, 1, nullptr};
inline constexpr std::array kDTypes = {DType::kFloat32, DType::kBFloat16, DType::kFloat16, DType::kInt8};

struct Case {
  std::int64_t n_queries = 1, n_items = 1, dim = 1, stride = 0;
  DType dtype = DType::kFloat32;
  std::vector<float> queries, scales, bias;
  std::vector<std::byte> elements;
  std::vector<std::uint32_t> allowed;
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> excluded;

  [[nodiscard]] ItemVectors vectors() const {
    return {elements.data(), dtype, n_items, dim, stride, dtype == DType::kInt8 ? scales.data() : nullptr};
  }
  [[nodiscard]] ItemMatrix items() const {
    return {vectors(), bias.empty() ? nullptr : bias.data(), allowed.empty() ? nullptr : allowed.data()};
  }
  [[nodiscard]] ItemLists lists() const {
    if (offsets.empty()) return {};
    return {offsets.data(), excluded.data()};
  }
};

/// Puts items of `dtype` in place, `gap` elements of noise behind each row.
inline Case make_case(const std::vector<float>& queries, const std::vector<float>& items, std::int64_t dim, DType dtype,
                      std::int64_t gap = 0) {
  Case made;
  made.dim = dim;
  made.n_queries = static_cast<std::int64_t>(queries.size()) / dim;
  made.n_items = static_cast<std::int64_t>(items.size()) / dim;
  made.dtype = dtype;
  made.stride = gap == 0 ? 0 : dim + gap;
  made.queries = queries;
  const ItemVectorArrays dense = convert_rows({items.data(), made.n_items, dim}, dtype, 2);
  const auto row_bytes = static_cast<std::size_t>(dim * bytes_of(dtype));
  const auto step = static_cast<std::size_t>((dim + gap) * bytes_of(dtype));
  // Bytes of 0xFF are NaN in every float: an element read from a gap would show. None is behind the last row.
  made.elements.assign(static_cast<std::size_t>(made.n_items - 1) * step + row_bytes, std::byte{0xFF});
  for (std::size_t i = 0; i < static_cast<std::size_t>(made.n_items); ++i)
    std::memcpy(made.elements.data() + i * step, dense.elements.data() + i * row_bytes, row_bytes);
  made.scales = dense.scales;
  return made;
}

inline Case random_case(std::int64_t n_queries, std::int64_t n_items, std::int64_t dim, DType dtype, std::int64_t gap,
                        std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> queries(static_cast<std::size_t>(n_queries * dim));
  std::vector<float> items(static_cast<std::size_t>(n_items * dim));
  for (auto* values : {&queries, &items}) {
    for (float& value : *values) value = normal(random);
  }
  return make_case(queries, items, dim, dtype, gap);
}

inline void add_filters(Case& to, std::mt19937& random) {
  for (std::int64_t i = 0; i < to.n_items; ++i) to.bias.push_back(static_cast<float>(random() % 7) - 3);
  for (std::int64_t i = 0; i < (to.n_items + 31) / 32; ++i)
    to.allowed.push_back(static_cast<std::uint32_t>(random() | random()));
  to.offsets = {0};
  for (std::int64_t q = 0; q < to.n_queries; ++q) {
    for (std::uint32_t i = 0; i < random() % 4; ++i)
      to.excluded.push_back(static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(to.n_items)));
    to.offsets.push_back(static_cast<std::int64_t>(to.excluded.size()));
  }
  to.excluded.push_back(0);  // so that data() is never null
}

/// Puts infinities, NaN, subnormals and ends of the range among elements, queries, scales and bias.
inline void add_odd_values(Case& to, std::mt19937& random) {
  const float odd[] = {kNan, kInfinity, -kInfinity, 3e38F, -3e38F, 1e-42F, 0.0F, -0.0F, 1e-30F};
  const auto pick = [&] { return odd[random() % std::size(odd)]; };
  const auto at = [&](std::size_t n) { return random() % n; };
  for (int i = 0; i < 3; ++i) {
    if (to.dtype == DType::kFloat32) {
      const float value = pick();
      const std::size_t element = at(to.elements.size() / 4);
      std::memcpy(to.elements.data() + element * 4, &value, 4);
    } else {  // any bits
      to.elements[at(to.elements.size())] = static_cast<std::byte>(random());
    }
    if (random() % 4 == 0) to.queries[at(to.queries.size())] = pick();
    if (!to.scales.empty()) to.scales[at(to.scales.size())] = pick();
    if (!to.bias.empty()) to.bias[at(to.bias.size())] = pick();
  }
}

struct Lists {
  std::vector<std::uint32_t> score_bits;
  std::vector<std::int32_t> rows;
  bool operator==(const Lists&) const = default;
};

/// Bits, so that 0.0 and -0.0 differ; NaN is one value.
inline std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits(values.size());
  std::transform(values.begin(), values.end(), bits.begin(), [](float value) {
    std::uint32_t of_value = 0;
    std::memcpy(&of_value, &value, sizeof value);
    return std::isnan(value) ? 0x7FC0'0000U : of_value;
  });
  return bits;
}

}  // namespace segue::kernels
