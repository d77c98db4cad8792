#pragma once

#include <string_view>

#include "tests/ptx/numbers.h"

namespace segue::ptx {

/// The fundamental and packed types of the PTX manual. kB1 is .b1, never a register.
enum class Type : u8 {
  kNone,
  kPred,
  kB8,
  kB16,
  kB32,
  kB64,
  kB128,
  kU8,
  kU16,
  kU32,
  kU64,
  kS8,
  kS16,
  kS32,
  kS64,
  kF16,
  kF16x2,
  kBf16,
  kBf16x2,
  kTf32,
  kF32,
  kF64
};

/// `.u32` without the dot; kNone for anything else.
Type type_named(std::string_view name);

/// Bytes of a value; 4 for predicates, which are kept as one mask for the 32 lanes.
int width_of(Type type);

inline bool is_signed(Type t) { return t == Type::kS8 || t == Type::kS16 || t == Type::kS32 || t == Type::kS64; }
inline bool is_float(Type t) { return t >= Type::kF16; }
inline bool is_integer(Type t) { return t >= Type::kB8 && t <= Type::kS64; }

/// State spaces. kGeneric addresses reach global, shared, local and parameter memory by windows.
enum class Space : u8 { kGeneric, kGlobal, kShared, kLocal, kConst, kParam };

inline constexpr u64 kSharedWindow = 0x00F000000000ULL;
inline constexpr u64 kLocalWindow = 0x00F100000000ULL;
inline constexpr u64 kParamWindow = 0x00F200000000ULL;
inline constexpr u64 kWindowBytes = 0x000100000000ULL;

/// Where a block's shared memory begins: the first KB is the system's from sm_80 on, so that a null pointer shows.
inline constexpr u32 kSharedBase = 1024;
/// Where a thread's local memory begins, for the same reason.
inline constexpr u32 kLocalBase = 256;

}  // namespace segue::ptx
