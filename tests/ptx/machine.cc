#include "tests/ptx/machine.h"

#include <chrono>
#include <cstdlib>

#include "tests/ptx/race_detector.h"
#include "tests/ptx/scheduler.h"

namespace segue::ptx {
namespace {

std::string race_message(const Launch& launch, const Warp& warp, int lane, u32 pc, bool is_write, u32 other_warp,
                         int other_lane, u32 other_pc, bool other_is_write, const Place& place) {
  char address[32];
  std::snprintf(address, sizeof address, "0x%llx", static_cast<unsigned long long>(place.address));
  std::string other = "of another block";
  const u32 index = other_warp - warp.block->clocks.first_warp;
  const auto n_warps = static_cast<u32>(warp.block->warps.size());
  if (warp.clocks.async_id != 0 && index >= n_warps && index - n_warps < n_warps) {
    other = "by wgmma for warp " + std::to_string(index - n_warps) + " of the same block, which goes on until its wait";
  } else if (index < n_warps) {
    other = "by thread " + std::to_string(index * kLanes + static_cast<u32>(other_lane)) + " of the same block";
  }
  std::string where = place.is_shared ? "shared memory" : "global memory";
  if (!place.is_shared) {
    if (const Allocation* allocation = launch.pages->find(place.address); allocation != nullptr)
      where += " (offset " + std::to_string(place.address - allocation->begin) + " of " + allocation->describe() + ")";
  }
  return "a race on " + where + " at " + address + ": " + (is_write ? "a write" : "a read") + " at " +
         launch.kernel->place_of(pc) + " by " + describe_thread(warp, lane) + " and " +
         (other_is_write ? "a write" : "a read") + " at " + launch.kernel->place_of(other_pc) + " " + other +
         ", with nothing that orders them, in " + launch.kernel->name;
}

void add_up(Machine& all, const Launch& launch, Counters& counters) {
  const Kernel& kernel = *launch.kernel;
  for (std::size_t pc = 0; pc < kernel.code.size(); ++pc) {
    if (launch.executed[pc] == 0) continue;
    const Instruction& instruction = kernel.code[pc];
    counters.warp_instructions[static_cast<std::size_t>(instruction.counted_as)] += launch.executed[pc];
    counters.n_warp_instructions += launch.executed[pc];
    counters.n_thread_instructions += launch.executed_lanes[pc];
    if (instruction.location.line == 0 || !kernel.text->files.contains(instruction.location.file)) continue;
    const std::string& path = kernel.text->files.at(instruction.location.file);
    all.line_counts[{path.substr(path.rfind('/') + 1), instruction.location.line}] += launch.executed[pc];
  }
}

}  // namespace

Limits limits_of(int compute_capability) {
  Limits limits{};
  limits.shared_per_block = 48 * 1024;
  limits.shared_per_block_opt_in =
      static_cast<std::size_t>(compute_capability >= 90                               ? 227
                               : compute_capability == 80 || compute_capability == 87 ? 163
                                                                                      : 99) *
      1024;
  limits.shared_per_sm = limits.shared_per_block_opt_in + 1024;
  limits.threads_per_sm = compute_capability == 80 || compute_capability >= 90 ? 2048 : 1536;
  limits.blocks_per_sm = compute_capability == 86 ? 16 : 32;
  return limits;
}

Machine& machine() {
  static Machine* const the_machine = [] {
    auto* all = new Machine;
    if (const char* text = std::getenv("SEGUE_SOFTWARE_DEVICE"); text != nullptr) all->options = options_from(text);
    all->random = Random(all->options.seed);
    return all;
  }();
  return *the_machine;
}

Device& Machine::device(int index) {
  if (devices.size() <= static_cast<std::size_t>(index)) devices.resize(static_cast<std::size_t>(index) + 1);
  auto& at = devices[static_cast<std::size_t>(index)];
  if (at == nullptr) at = std::make_unique<Device>(options.memory_bytes);
  return *at;
}

Counters& Machine::counters_for(const std::string& kernel) {
  for (Counters& each : counters)
    if (each.kernel == kernel) return each;
  counters.emplace_back();
  counters.back().kernel = kernel;
  return counters.back();
}

void add_fault(FaultKind kind, const std::string& kernel, const std::string& message) {
  constexpr std::size_t kMostFaults = 100;
  if (machine().faults.size() < kMostFaults)
    machine().faults.push_back({kind, kernel, std::string(name_of(kind)) + ": " + message});
}

bool run(const Kernel& kernel, int device, Dim3 grid, Dim3 block, const std::vector<u8>& parameters,
         std::size_t dynamic_shared_bytes) {
  Machine& all = machine();
  Launch launch;
  launch.kernel = &kernel;
  launch.grid = grid;
  launch.block = block;
  launch.dynamic_shared_bytes = dynamic_shared_bytes;
  launch.shared_bytes = kernel.static_shared_bytes + dynamic_shared_bytes;
  launch.parameters = parameters;
  launch.pages = &all.device(device).pages;
  launch.random = &all.random;
  launch.options = &all.options;
  launch.executed.assign(kernel.code.size(), 0);
  launch.executed_lanes.assign(kernel.code.size(), 0);
  Counters counters;
  launch.counters = &counters;
  RaceDetector races(++all.n_launches, [&launch](const Warp& warp, int lane, u32 pc, bool is_write, u32 other_warp,
                                                 int other_lane, u32 other_pc, bool other_is_write,
                                                 const Place& place) {
    add_fault(FaultKind::kRace, launch.kernel->name,
              race_message(launch, warp, lane, pc, is_write, other_warp, other_lane, other_pc, other_is_write, place));
  });
  if (all.options.races) launch.races = &races;
  const auto begin = std::chrono::steady_clock::now();
  const bool is_good = run_launch(launch);
  counters.interpreter_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  Counters& total = all.counters_for(kernel.name);
  add_up(all, launch, counters);
  counters.n_launches = 1;
  counters.n_blocks = grid.count();
  accumulate(total, counters);
  return is_good;
}

}  // namespace segue::ptx
