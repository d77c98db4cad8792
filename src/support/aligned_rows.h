#pragma once

#include <string>
#include <vector>

namespace segue {

/// Rows of cells as lines, every column as wide as its widest cell and two blanks from the next, without blanks at the
/// end of a line.
/// @param rows  at least one, all of the same number of cells
std::string aligned_rows(const std::vector<std::vector<std::string>>& rows);

}  // namespace segue
