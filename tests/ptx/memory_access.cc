#include "tests/ptx/memory_access.h"

#include <algorithm>
#include <cstdio>

#include "tests/ptx/device_pages.h"
#include "tests/ptx/memory_counters.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

std::string hexadecimal(u64 value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

const char* verb(const Access& access) {
  return access.kind == AccessKind::kRead    ? "a read"
         : access.kind == AccessKind::kWrite ? "a write"
                                             : "an atomic access";
}

[[noreturn]] void fail(FaultKind kind, int lane, const Access& access, const char* space, u64 address,
                       const std::string& why) {
  throw KernelFault(kind, lane,
                    std::string(verb(access)) + " of " + std::to_string(access.n_bytes) + " bytes of " + space +
                        " memory at " + hexadecimal(address) + " " + why);
}

inline void check_alignment(int lane, u64 address, const Access& access, const char* space) {
  if (address % static_cast<u64>(access.alignment) != 0)
    fail(FaultKind::kMisaligned, lane, access, space, address, "is not aligned to " + std::to_string(access.alignment));
}

/// The states of up to 16 bytes in two words; bytes beyond `n_bytes` are as in `filler`.
struct States {
  u64 low, high;
};
inline States states_at(const u8* state, int n_bytes, u64 filler) {
  States states{filler, filler};
  switch (n_bytes) {
    case 1: std::memcpy(&states.low, state, 1); break;
    case 2: std::memcpy(&states.low, state, 2); break;
    case 4: std::memcpy(&states.low, state, 4); break;
    case 8: std::memcpy(&states.low, state, 8); break;
    default: std::memcpy(&states, state, static_cast<std::size_t>(n_bytes)); break;
  }
  return states;
}

[[noreturn]] void fail_state(bool in_flight, int lane, u64 address, const Access& access, const char* space) {
  if (in_flight) fail(FaultKind::kInFlight, lane, access, space, address, "meets a cp.async that was not waited for");
  fail(FaultKind::kUninitialised, lane, access, space, address, "meets bytes that were never written");
}

/// A read wants bytes that were written; a write makes them so.
inline void pass_state(u8* state, int lane, u64 address, const Access& access, const char* space) {
  constexpr u64 kAllInitialised = 0x0101010101010101ULL * kInitialisedByte,
                kAllInFlight = 0x0101010101010101ULL * kInFlightByte;
  const States states = states_at(state, access.n_bytes, kAllInitialised);
  if (states.low == kAllInitialised && states.high == kAllInitialised && !access.is_asynchronous) return;
  const bool in_flight = ((states.low | states.high) & kAllInFlight) != 0;
  if (access.kind != AccessKind::kWrite) fail_state(in_flight, lane, address, access, space);
  if (in_flight && !access.is_asynchronous) fail_state(true, lane, address, access, space);
  std::memset(state, access.is_asynchronous ? kInFlightByte : kInitialisedByte,
              static_cast<std::size_t>(access.n_bytes));
}

void reach_global(Warp& warp, u32 mask, u32 raced, const u64* addresses, const Access& access, u8** data) {
  Launch& launch = *warp.block->launch;
  DevicePages& pages = *launch.pages;
  const auto n_bytes = static_cast<u64>(access.n_bytes);
  for_each_lane(mask, [&](int lane) {
    const u64 address = addresses[lane];
    Allocation* allocation = warp.last_allocation;
    if (allocation == nullptr || allocation->is_freed || address - allocation->begin >= allocation->n_bytes ||
        n_bytes > allocation->n_bytes - (address - allocation->begin)) {
      allocation = pages.holding(address, n_bytes);
      if (allocation == nullptr) {
        const Allocation* nearest = pages.contains(address) ? pages.find(address) : nullptr;
        if (nearest == nullptr) fail(FaultKind::kOutOfBounds, lane, access, "global", address, "is no device memory");
        const std::string where =
            "is at offset " + std::to_string(address - nearest->begin) + " of " + nearest->describe();
        fail(nearest->is_freed ? FaultKind::kUseAfterFree : FaultKind::kOutOfBounds, lane, access, "global", address,
             where);
      }
      warp.last_allocation = allocation;
    }
    check_alignment(lane, address, access, "global");
    pass_state(pages.state(address), lane, address, access, "global");
    if (launch.races != nullptr && (raced >> lane & 1) != 0) {
      Cell* cells = allocation->cells != nullptr ? allocation->cells : pages.cells(*allocation);
      launch.races->access(cells, address - allocation->begin, access.n_bytes, warp, lane, warp.pc,
                           access.kind != AccessKind::kRead, access.is_atomic, {false, address});
    }
    data[lane] = pages.data(address);
  });
}

void reach_shared(Warp& warp, u32 mask, u32 raced, const u64* addresses, const Access& access, u8** data) {
  Block& block = *warp.block;
  RaceDetector* races = block.launch->races;
  const u64 size = block.shared.size();
  const auto n_bytes = static_cast<u64>(access.n_bytes);
  AsyncProxy* const proxy = access.kind == AccessKind::kRead ? nullptr : block.async_proxy.get();
  for_each_lane(mask, [&](int lane) {
    const u64 offset = addresses[lane] - kSharedBase;
    if (offset >= size || n_bytes > size - offset)
      fail(FaultKind::kOutOfBounds, lane, access, "shared", addresses[lane],
           "is at offset " + std::to_string(static_cast<i64>(offset)) + " of " + std::to_string(size) + " bytes");
    check_alignment(lane, addresses[lane], access, "shared");
    pass_state(block.shared_state.data() + offset, lane, addresses[lane], access, "shared");
    if (races != nullptr && (raced >> lane & 1) != 0)
      races->access(block.shared_cells.data(), offset, access.n_bytes, warp, lane, warp.pc,
                    access.kind != AccessKind::kRead, access.is_atomic, {true, addresses[lane]},
                    access.is_asynchronous);
    if (proxy != nullptr) {
      if (proxy->is_read(offset, n_bytes))
        fail(FaultKind::kInFlight, lane, access, "shared", addresses[lane],
             "meets an operand of a wgmma that was not waited for");
      if (!access.is_asynchronous) proxy->wrote(warp, lane, offset, n_bytes);
    }
    data[lane] = block.shared.data() + offset;
  });
}

void reach_local(Warp& warp, u32 mask, const u64* addresses, const Access& access, u8** data) {
  const u64 size = warp.block->launch->kernel->local_bytes;
  for_each_lane(mask, [&](int lane) {
    const u64 offset = addresses[lane] - kLocalBase;
    if (offset >= size || static_cast<u64>(access.n_bytes) > size - offset)
      fail(FaultKind::kOutOfBounds, lane, access, "local", addresses[lane],
           "is beyond " + std::to_string(size) + " bytes");
    check_alignment(lane, addresses[lane], access, "local");
    const u64 at = static_cast<u64>(lane) * size + offset;
    pass_state(warp.local_state.data() + at, lane, addresses[lane], access, "local");
    data[lane] = warp.local.data() + at;
  });
}

void reach_parameters(Warp& warp, u32 mask, const u64* addresses, const Access& access, u8** data) {
  auto& parameters = warp.block->launch->parameters;
  for_each_lane(mask, [&](int lane) {
    const u64 size = parameters.size();
    if (addresses[lane] >= size || static_cast<u64>(access.n_bytes) > size - addresses[lane])
      fail(FaultKind::kOutOfBounds, lane, access, "parameter", addresses[lane],
           "is beyond " + std::to_string(size) + " bytes");
    if (access.kind != AccessKind::kRead)
      fail(FaultKind::kMisuse, lane, access, "parameter", addresses[lane], "is not allowed");
    check_alignment(lane, addresses[lane], access, "parameter");
    data[lane] = parameters.data() + addresses[lane];
  });
}

}  // namespace

void addresses_of(const Warp& warp, const Instruction& instruction, const Operand& base, u64* addresses) {
  const auto offset = static_cast<u64>(instruction.immediate);
  if (base.width == 8) {
    const u64* from = warp.at<u64>(base);
    for (int lane = 0; lane < kLanes; ++lane) addresses[lane] = from[lane] + offset;
  } else {
    const u32* from = warp.at<u32>(base);
    for (int lane = 0; lane < kLanes; ++lane) addresses[lane] = static_cast<u32>(from[lane] + offset);
  }
}

Space space_of_generic(u64 address, u64* in_space) {
  if (address - kSharedWindow < kWindowBytes) {
    *in_space = address - kSharedWindow;
    return Space::kShared;
  }
  if (address - kLocalWindow < kWindowBytes) {
    *in_space = address - kLocalWindow;
    return Space::kLocal;
  }
  if (address - kParamWindow < kWindowBytes) {
    *in_space = address - kParamWindow;
    return Space::kParam;
  }
  *in_space = address;
  return Space::kGlobal;
}

void reach(Warp& warp, const Instruction& instruction, u32 mask, u32 raced, Space space, const u64* addresses,
           const Access& access, u8** data) {
  if (space == Space::kGeneric) {
    u64 in_space[kLanes];
    u32 lanes_of[6] = {};
    for_each_lane(mask, [&](int lane) {
      const Space of_lane = space_of_generic(addresses[lane], &in_space[lane]);
      lanes_of[static_cast<int>(of_lane)] |= 1U << lane;
    });
    for (Space each : {Space::kGlobal, Space::kShared, Space::kLocal, Space::kParam})
      if (const u32 lanes = lanes_of[static_cast<int>(each)]; lanes != 0)
        reach(warp, instruction, lanes, raced & lanes, each, in_space, access, data);
    return;
  }
  switch (space) {
    case Space::kShared: reach_shared(warp, mask, raced, addresses, access, data); break;
    case Space::kLocal: reach_local(warp, mask, addresses, access, data); break;
    case Space::kParam: reach_parameters(warp, mask, addresses, access, data); break;
    default: reach_global(warp, mask, raced, addresses, access, data); break;
  }
  Launch& launch = *warp.block->launch;
  if (access.kind != AccessKind::kRead && space != Space::kLocal) ++launch.n_changes;
  if (!launch.options->count_memory || launch.counters == nullptr) return;
  if (space == Space::kShared) count_shared_access(*launch.counters, mask, addresses, access);
  if (space == Space::kGlobal) count_global_access(*launch.counters, mask, addresses, access);
}

u64 location_of(const Warp& warp, Space space, u64 address) {
  if (space == Space::kGeneric) space = space_of_generic(address, &address);
  if (space != Space::kShared) return address;
  return u64{1} << 63 | u64{warp.block->clocks.first_warp} << 24 | address;
}

}  // namespace segue::ptx
