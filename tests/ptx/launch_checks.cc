#include "tests/ptx/launch_checks.h"

#include "tests/ptx/machine.h"

namespace segue::ptx {

std::string refusal(const Kernel& kernel, const Dim3& grid, const Dim3& block, std::size_t dynamic_shared_bytes,
                    std::size_t most_dynamic) {
  constexpr u32 kMostThreads = 1024;
  constexpr std::size_t kMostParameterBytes = 32764;  // since CUDA 12.1, from sm_70 on
  const auto number = [](u64 value) { return std::to_string(value); };
  if (grid.count() == 0 || grid.x > 0x7FFFFFFF || grid.y > 65535 || grid.z > 65535)
    return "a grid of " + number(grid.x) + " x " + number(grid.y) + " x " + number(grid.z) + " blocks";
  if (block.count() == 0 || block.count() > kMostThreads || block.z > 64)
    return "a block of " + number(block.x) + " x " + number(block.y) + " x " + number(block.z) + " threads";
  if (kernel.max_threads != 0 && block.count() > kernel.max_threads)
    return "a block of " + number(block.count()) + " threads where .maxntid allows " + number(kernel.max_threads);
  if (kernel.required_threads != 0 && block.count() != kernel.required_threads)
    return "a block of " + number(block.count()) + " threads where .reqntid wants " + number(kernel.required_threads);
  if (dynamic_shared_bytes > most_dynamic)
    return number(dynamic_shared_bytes) + " bytes of dynamic shared memory where " + number(most_dynamic) +
           " are allowed";
  const std::size_t most = limits_of(machine().options.compute_capability).shared_per_block_opt_in;
  if (kernel.static_shared_bytes + dynamic_shared_bytes > most)
    return number(kernel.static_shared_bytes + dynamic_shared_bytes) + " bytes of shared memory where the device has " +
           number(most);
  if (kernel.static_shared_bytes > 48 * 1024)
    return number(kernel.static_shared_bytes) + " bytes of static shared memory";
  if (kernel.parameter_bytes > kMostParameterBytes) return number(kernel.parameter_bytes) + " bytes of parameters";
  return {};
}

std::vector<u8> packed_parameters(const Kernel& kernel, const void* const* arguments) {
  std::vector<u8> bytes(kernel.parameter_bytes);
  for (std::size_t i = 0; i < kernel.parameters.size(); ++i)
    std::memcpy(bytes.data() + kernel.parameters[i].offset, arguments[i], kernel.parameters[i].bytes);
  return bytes;
}

}  // namespace segue::ptx
