#pragma once

#include <string_view>
#include <vector>

#include "tests/ptx/numbers.h"

namespace segue::ptx {

struct Token {
  enum class Kind : u8 { kName, kNumber, kString, kPunctuation, kEnd };
  Kind kind = Kind::kEnd;
  std::string_view text;
  u32 line = 0;

  bool is(std::string_view what) const { return text == what && kind != Kind::kString; }
};

/// The tokens of a PTX text, the last of kind kEnd. Names keep their dots and `::` (`ld.global.L1::no_allocate`,
/// `%tid.x`).
std::vector<Token> tokens_of(std::string_view text);

}  // namespace segue::ptx
