#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "tests/ptx/numbers.h"

namespace segue::ptx {

/// A value for a register of a snippet, by its type's bits: `{"f32", 0x3F800000}`.
struct Input {
  std::string type;  ///< b16, b32, b64, f32, ...
  u64 bits;
};

/// Runs a few instructions that read %a, %b, %c, %e (as many as there are inputs) and write %d, of `type`; %p and %q
/// are predicates, %t a b32 for use in between. All lanes do the same, once as a full warp and once as seven lanes:
/// both must agree. Throws what the device says if it faults.
u64 snippet(const std::string& type, const std::string& instructions, std::initializer_list<Input> inputs);

/// The same for 32 lanes with values of their own: %a holds `a` of the lane, %lane its number; gives %d of every lane.
std::vector<u32> warp_snippet(const std::string& instructions, const std::vector<u32>& a);

}  // namespace segue::ptx
