#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace segue::ptx {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

inline constexpr int kLanes = 32;
inline constexpr u32 kAllLanes = 0xFFFFFFFFU;

/// Calls `body(lane)` for each set bit of `mask`, lowest first.
template <class Body>
inline void for_each_lane(u32 mask, Body body) {
  for (; mask != 0; mask &= mask - 1) body(std::countr_zero(mask));
}

template <class To, class From>
inline To bits_as(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(&result, &value, sizeof result);
  return result;
}

/// A small fast generator (splitmix64): the schedule of the device depends on its seed alone.
class Random {
 public:
  explicit Random(u64 seed = 1) : state_(seed * 0x9E3779B97F4A7C15ULL + 0x2545F4914F6CDD1DULL) {}
  u64 next() {
    u64 z = state_ += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  u64 below(u64 n) { return n <= 1 ? 0 : next() % n; }
  bool one_in(u64 n) { return below(n) == 0; }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }  ///< in [0, 1)

 private:
  u64 state_;
};

}  // namespace segue::ptx
