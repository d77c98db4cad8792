#pragma once

#include <string>

namespace segue::ptx {

/// The PTX text in what nvcc registers at start-up. std::runtime_error if there is none, or if it is compressed.
std::string ptx_of_fat_binary(const void* wrapper);

}  // namespace segue::ptx
