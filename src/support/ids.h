#pragma once

#include <cstdint>

namespace segue {

/// Row of an item in the catalogue. Items known from the training part have rows 0 .. n_items-1 in the order of
/// their first appearance; row n_items stands for every unknown item: it has an embedding and is never recommended.
using ItemRow = std::int32_t;
inline constexpr ItemRow kNoItem = -1;  ///< an empty slot, or "no item yet"

}  // namespace segue
