#pragma once

#include <filesystem>
#include <string>

namespace segue::cli {

/// Sees to it that a folder may be written: it is new, or empty, or `is_own` and --overwrite.
/// @param what  the command writes: "an index"
/// @throws UsageError  naming the folder and what to do
void claim_folder(const std::filesystem::path& out, bool is_own, const std::string& what, bool overwrite);

}  // namespace segue::cli
