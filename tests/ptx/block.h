#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/ptx/async_proxy.h"
#include "tests/ptx/clocks.h"
#include "tests/ptx/kernel.h"
#include "tests/ptx/race_cells.h"
#include "tests/ptx/software_device.h"
#include "tests/ptx/wgmma_state.h"

namespace segue::ptx {

class DevicePages;
struct Allocation;
class RaceDetector;
struct Block;
struct Launch;

struct Dim3 {
  u32 x = 1, y = 1, z = 1;
  u64 count() const { return u64{x} * y * z; }
};

/// Lanes of one warp at one instruction.
struct Group {
  enum class State : u8 { kReady, kAtWarpSync, kAtBarrier, kHeld };
  u32 pc = 0, mask = 0;
  State state = State::kReady;
  u32 members = 0;           ///< kAtWarpSync: the lanes that must come
  bool has_arrived = false;  ///< kAtBarrier: counted already
  bool in_vain = false;      ///< its last instruction tested an mbarrier without success
};

/// One cp.async that has not been waited for.
struct AsyncCopy {
  int lane;
  u32 group;  ///< of its lane
  u64 destination;
  u64 source;
  u32 n_bytes, n_source_bytes;
  u8* source_data;  ///< where the interpreter finds the source; null when nothing is read
  bool has_landed;
};

struct Warp {
  Block* block = nullptr;
  u32 id = 0;         ///< of all warps of the process; never used twice
  u32 index = 0;      ///< in its block
  u32 all_lanes = 0;  ///< that it began with
  u32 live = 0;       ///< that have not exited
  u8* banks[2] = {nullptr, nullptr};
  std::vector<u8> registers;
  std::vector<u8> local, local_state;  ///< lane after lane
  // The lanes that run now. All others are in `groups`.
  u32 pc = 0, mask = 0;
  std::vector<Group> groups;
  WarpClocks clocks;
  std::vector<AsyncCopy> copies;
  std::array<u32, kLanes> n_committed{};
  std::unique_ptr<WgmmaOfWarp> wgmma;  ///< where the kernel has wgmma
  bool in_vain = false;                ///< the last test of an mbarrier had no success
  u32 vain_pc = 0;                     ///< where it stands
  u64 n_vain_turns = 0;                ///< that ended so, since the launch's n_changes was vain_since
  u64 vain_since = 0;
  Allocation* last_allocation = nullptr;

  template <class T>
  T* at(const Operand& operand) const {
    return reinterpret_cast<T*>(banks[operand.bank] + operand.offset);
  }
  /// The lanes for which a predicate holds.
  u32 predicate(const Operand& operand) const {
    u32 value;
    std::memcpy(&value, banks[operand.bank] + operand.offset, sizeof value);
    return operand.negated ? ~value : value;
  }
  void set_predicate(const Operand& operand, u32 value, u32 for_lanes) const {
    if (operand.width == 0) return;
    u32& kept = *at<u32>(operand);
    kept = (kept & ~for_lanes) | (value & for_lanes);
  }
};

struct Barrier {
  u32 n_arrived = 0;
  u32 expected = 0;                            ///< threads; 0: all live ones of the block
  std::vector<std::pair<Warp*, u32>> arrived;  ///< and wait
  bool has_passers = false;                    ///< bar.arrive: threads that have gone on
  Publication of_passers;                      ///< what they did before
  u32 reduced_count = 0;                       ///< bar.red: lanes whose predicate held
};

struct Block {
  Launch* launch = nullptr;
  Dim3 index;
  u64 linear_index = 0;
  std::vector<std::unique_ptr<Warp>> warps;
  std::vector<u8> shared, shared_state;
  std::vector<Cell> shared_cells;
  std::array<Barrier, 16> barriers;
  BlockClocks clocks;
  std::unique_ptr<AsyncProxy> async_proxy;  ///< where the kernel has wgmma
  std::vector<WarpGroup> warp_groups;
  u32 n_live_threads = 0;
};

/// A kernel as it is run: what does not change between its blocks.
struct Launch {
  const Kernel* kernel = nullptr;
  Dim3 grid, block;
  std::size_t shared_bytes = 0, dynamic_shared_bytes = 0;
  std::vector<u8> parameters;
  DevicePages* pages = nullptr;
  RaceDetector* races = nullptr;  ///< null: not looked for
  Random* random = nullptr;
  const Options* options = nullptr;
  Counters* counters = nullptr;
  std::vector<u64> executed, executed_lanes;  ///< by pc
  u64 n_executed = 0;
  u64 n_changes = 0;  ///< of what other warps see: writes, barriers that let go, lanes that exit
};

/// Thrown by an instruction that a device would stop at; the launch ends with it.
struct KernelFault : std::runtime_error {
  KernelFault(FaultKind of_kind, int of_lane, const std::string& message)
      : std::runtime_error(message), kind(of_kind), lane(of_lane) {}
  FaultKind kind;
  int lane;  ///< -1: none in particular
};

/// `block (1,0,0), thread (3,0,0)`; without a thread for lane -1.
std::string describe_thread(const Warp& warp, int lane);

}  // namespace segue::ptx
