#pragma once

#include <string>

#include "support/json.h"

namespace segue::report {

/// A page that opens alone: rate against recall of the result of `segue bench retrieval --ivf`, queries together and
/// one by one, and the exact search as a line; below it the table.
std::string recall_page(const Json& result);

}  // namespace segue::report
