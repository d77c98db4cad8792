#include "tests/ptx/block_start.h"

#include <algorithm>

namespace segue::ptx {
namespace {

u32 next_warp_id = 1;

u32 special_value(SpecialRegister which, const Block& block, const Warp& warp, u32 lane) {
  using S = SpecialRegister;
  const Launch& launch = *block.launch;
  const u32 thread = warp.index * kLanes + lane;
  const u32 bit = 1U << lane;
  switch (which) {
    case S::kTidX: return thread % launch.block.x;
    case S::kTidY: return thread / launch.block.x % launch.block.y;
    case S::kTidZ: return thread / launch.block.x / launch.block.y;
    case S::kNtidX: return launch.block.x;
    case S::kNtidY: return launch.block.y;
    case S::kNtidZ: return launch.block.z;
    case S::kCtaidX: return block.index.x;
    case S::kCtaidY: return block.index.y;
    case S::kCtaidZ: return block.index.z;
    case S::kNctaidX: return launch.grid.x;
    case S::kNctaidY: return launch.grid.y;
    case S::kNctaidZ: return launch.grid.z;
    case S::kLaneid: return lane;
    case S::kWarpid: return warp.index;
    case S::kNwarpid: return 64;
    case S::kSmid: return static_cast<u32>(block.linear_index % static_cast<u64>(launch.options->n_sms));
    case S::kNsmid: return static_cast<u32>(launch.options->n_sms);
    case S::kGridid: return 1;
    case S::kLanemaskEq: return bit;
    case S::kLanemaskLt: return bit - 1;
    case S::kLanemaskLe: return (bit - 1) | bit;
    case S::kLanemaskGt: return ~((bit - 1) | bit);
    case S::kLanemaskGe: return ~(bit - 1);
    case S::kDynamicSmemSize: return static_cast<u32>(launch.dynamic_shared_bytes);
    case S::kTotalSmemSize: return static_cast<u32>(launch.shared_bytes);
    case S::kZero: return 0;
    case S::kOne: return 1;
  }
  return 0;
}

void start_warp(Warp& warp, Block& block, u32 index, u32 n_threads) {
  const Kernel& kernel = *block.launch->kernel;
  warp.block = &block;
  warp.index = index;
  warp.id = next_warp_id++;
  const u32 first = index * kLanes;
  warp.all_lanes = n_threads - first >= kLanes ? kAllLanes : (1U << (n_threads - first)) - 1;
  warp.live = warp.mask = warp.all_lanes;
  warp.pc = 0;
  warp.groups.clear();
  warp.copies.clear();
  warp.n_committed.fill(0);
  warp.n_vain_turns = warp.vain_since = 0;
  warp.last_allocation = nullptr;
  warp.clocks.reset();
  warp.registers.assign(kernel.register_bytes + 64, 0xFF);  // a register that was never written holds no zero
  const auto at = reinterpret_cast<std::uintptr_t>(warp.registers.data());
  warp.banks[0] = warp.registers.data() + (64 - at % 64) % 64;
  warp.banks[1] = const_cast<u8*>(kernel.constants.data());
  warp.local.assign(kernel.local_bytes * kLanes, 0xFF);
  warp.local_state.assign(kernel.local_bytes * kLanes, 0);
  for (const auto& [which, operand] : kernel.special_registers) {
    for (u32 lane = 0; lane < kLanes; ++lane) {
      const u64 value = special_value(which, block, warp, lane);
      std::memcpy(warp.banks[0] + operand.offset + lane * operand.width, &value, operand.width);
    }
  }
}

}  // namespace

void start_block(Block& block, Launch& launch, u64 linear_index) {
  block.launch = &launch;
  block.linear_index = linear_index;
  block.index.x = static_cast<u32>(linear_index % launch.grid.x);
  block.index.y = static_cast<u32>(linear_index / launch.grid.x % launch.grid.y);
  block.index.z = static_cast<u32>(linear_index / launch.grid.x / launch.grid.y);
  const auto n_threads = static_cast<u32>(launch.block.count());
  block.n_live_threads = n_threads;
  const std::size_t n_warps = (n_threads + kLanes - 1) / kLanes;
  block.warps.resize(n_warps);
  block.shared.assign(launch.shared_bytes, 0xFF);
  block.shared_state.assign(launch.shared_bytes, 0);
  if (launch.races != nullptr) block.shared_cells.assign(launch.shared_bytes / 4 + 2, Cell{});
  for (Barrier& barrier : block.barriers) barrier = {};
  const bool has_wgmma = !launch.kernel->wgmma_registers.empty();
  block.clocks.first_warp = next_warp_id;
  block.clocks.at_barrier.assign(has_wgmma ? 2 * n_warps : n_warps, 0);
  for (std::size_t i = 0; i < n_warps; ++i) {
    if (block.warps[i] == nullptr) block.warps[i] = std::make_unique<Warp>();
    start_warp(*block.warps[i], block, static_cast<u32>(i), n_threads);
  }
  block.warp_groups.clear();
  if (has_wgmma) {
    start_wgmma(block);
    next_warp_id += static_cast<u32>(n_warps);
  }
}

std::string describe_thread(const Warp& warp, int lane) {
  const auto triple = [](u32 x, u32 y, u32 z) {
    return "(" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + ")";
  };
  const Block& block = *warp.block;
  std::string text = "block " + triple(block.index.x, block.index.y, block.index.z);
  if (lane >= 0) {
    const u32 thread = warp.index * kLanes + static_cast<u32>(lane);
    const Dim3& size = block.launch->block;
    text += ", thread " + triple(thread % size.x, thread / size.x % size.y, thread / size.x / size.y);
  }
  return text;
}

}  // namespace segue::ptx
