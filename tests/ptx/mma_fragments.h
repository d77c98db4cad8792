#pragma once

namespace segue::ptx {

struct Element {
  int row, column;
};

// Where element i of a lane's fragment of m16n8k<k> lies in its matrix; `bits` are those of an element: 8, 16 or 32.

/// A pair (16 bits), four (8 bits) or one (32 bits) side by side; then row + 8, then the second half of the columns.
inline Element element_of_a(int bits, int lane, int i) {
  const int side_by_side = 32 / bits;
  const int group = lane / 4, place = lane % 4;
  const int within = i % side_by_side, block = i / side_by_side;
  return {group + (block % 2) * 8, place * side_by_side + within + (block / 2) * 4 * side_by_side};
}

inline Element element_of_b(int bits, int lane, int i) {
  const int side_by_side = 32 / bits;
  return {lane % 4 * side_by_side + i % side_by_side + i / side_by_side * 4 * side_by_side, lane / 4};
}

inline Element element_of_c(int lane, int i) { return {lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2}; }

}  // namespace segue::ptx
