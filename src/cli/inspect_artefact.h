#pragma once

#include <filesystem>

#include "support/json.h"

namespace segue::cli {

/// What `path` is and holds: a prepared dataset, a run directory, a checkpoint or other safetensors file, a bundle, a
/// folder of recommendations. Checks every checksum that is recorded.
/// @throws DataError  nothing Segue knows, damaged, or newer
Json inspect_artefact(const std::filesystem::path& path);

}  // namespace segue::cli
