#pragma once

#include <string>

#include "support/json.h"

namespace segue::cli {

std::string program_version();   ///< "0.1.0"
std::string program_revision();  ///< git revision of the build, "unknown" outside a checkout
/// {"segue", "revision", "libtorch", "arrow", "compiler", "build", "cuda"}: for manifests and doctor.
Json versions();
/// {"processor", "instruction_sets", "threads", "memory_bytes", "system"}.
Json machine();

}  // namespace segue::cli
