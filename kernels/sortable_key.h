#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/host_device.h"
#include "kernels/top_k.h"

namespace segue::kernels {

/// A score and its row packed so that integer order is the order top_k() promises: the score's bits, made monotonic,
/// above the complement of the row. A set of keys has one sorted form, so nothing that keeps the best keys can depend
/// on the order in which they arrived.
using SortableKey = std::uint64_t;

inline constexpr SortableKey kEmptyKey = 0;  ///< below the key of every candidate

/// kEmptyKey for a score that is never selected (NaN, -inf).
SEGUE_HOST_DEVICE inline SortableKey make_key(float score, std::uint32_t row) {
  constexpr std::uint32_t kNegativeInfinity = 0xFF80'0000U;
  constexpr std::uint32_t kMagnitude = 0x7FFF'FFFFU;
  constexpr std::uint32_t kInfinity = 0x7F80'0000U;
  std::uint32_t bits = 0;
  std::memcpy(&bits, &score, sizeof bits);
  if (bits == kNegativeInfinity || (bits & kMagnitude) > kInfinity) return kEmptyKey;
  if ((bits & kMagnitude) == 0) bits = 0;  // -0.0 becomes 0.0, so that the two tie
  const bool negative = (bits >> 31) != 0;
  const std::uint32_t monotonic = negative ? ~bits : bits | 0x8000'0000U;
  return (static_cast<SortableKey>(monotonic) << 32) | static_cast<std::uint32_t>(~row);
}

/// The score of a key, with 0.0 for -0.0; -inf for kEmptyKey.
SEGUE_HOST_DEVICE inline float score_of(SortableKey key) {
  const auto monotonic = static_cast<std::uint32_t>(key >> 32);
  const bool negative = (monotonic >> 31) == 0;
  const std::uint32_t bits = key == kEmptyKey ? 0xFF80'0000U : (negative ? ~monotonic : monotonic & 0x7FFF'FFFFU);
  float score = 0;
  std::memcpy(&score, &bits, sizeof score);
  return score;
}

/// The row of a key; kNoItemRow for kEmptyKey.
SEGUE_HOST_DEVICE inline std::int32_t row_of(SortableKey key) {
  return key == kEmptyKey ? std::int32_t{-1} : static_cast<std::int32_t>(~static_cast<std::uint32_t>(key));
}

/// Whether bit `row` of a bitset is set; true without a bitset.
SEGUE_HOST_DEVICE inline bool is_allowed(const std::uint32_t* allowed, std::int64_t row) {
  return allowed == nullptr || ((allowed[row >> 5] >> (row & 31)) & 1U) != 0;
}

}  // namespace segue::kernels
