#pragma once

#include <string>
#include <vector>

namespace segue::ptx {

/// The PTX texts in what nvcc registers at start-up, one for each virtual architecture. std::runtime_error if there is
/// none, or if one is compressed.
std::vector<std::string> ptx_of_fat_binary(const void* wrapper);

}  // namespace segue::ptx
