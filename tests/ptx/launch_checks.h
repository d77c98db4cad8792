#pragma once

#include "tests/ptx/block.h"

namespace segue::ptx {

/// Why a device would refuse this launch; empty if it would not. `most_dynamic` is the limit that the kernel's
/// attribute sets for dynamic shared memory.
std::string refusal(const Kernel& kernel, const Dim3& grid, const Dim3& block, std::size_t dynamic_shared_bytes,
                    std::size_t most_dynamic);

/// The values of the parameters side by side, as the kernel reads them.
std::vector<u8> packed_parameters(const Kernel& kernel, const void* const* arguments);

}  // namespace segue::ptx
