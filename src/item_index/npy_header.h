#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace segue::item_index {

/// What stands before the elements of a .npy file.
struct NpyHeader {
  std::string descr;  ///< "<f4"
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::size_t n_bytes = 0;  ///< of the header: the elements begin here
};

/// Reads the header at the beginning of a file, strictly: exactly the keys descr, fortran_order and shape.
/// @throws std::runtime_error  it is none, or is cut off: says what is wrong
NpyHeader parse_npy_header(std::string_view file);

/// A header of version 1 in C order; its length is a multiple of 64 bytes.
std::string npy_header_text(const std::string& descr, const std::vector<std::int64_t>& shape);

}  // namespace segue::item_index
