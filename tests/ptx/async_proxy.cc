#include "tests/ptx/async_proxy.h"

#include <algorithm>
#include <cstdio>

#include "tests/ptx/block.h"
#include "tests/ptx/device_pages.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

constexpr u64 kChunkBytes = 16, kWordBytes = 4;

u16 thread_of(const Warp& warp, int lane) { return static_cast<u16>(warp.index * kLanes + static_cast<u32>(lane)); }

[[noreturn]] void fail(FaultKind kind, int lane, u64 offset, const std::string& why) {
  char address[32];
  std::snprintf(address, sizeof address, "0x%llx", static_cast<unsigned long long>(offset + kSharedBase));
  throw KernelFault(kind, lane, "a wgmma that reads 16 bytes of shared memory at " + std::string(address) + " " + why);
}

}  // namespace

void AsyncProxy::start(std::size_t shared_bytes, std::size_t n_threads) {
  n_readers_.assign(shared_bytes / kChunkBytes + 1, 0);
  writes_.assign(shared_bytes / kWordBytes + 1, {});
  fences_.resize(n_threads);
  for (auto& of_thread : fences_) of_thread.clear();
}

void AsyncProxy::wrote(const Warp& warp, int lane, u64 offset, u64 n_bytes) {
  const u16 thread = thread_of(warp, lane);
  const Write write{static_cast<u16>(thread + 1), static_cast<u32>(fences_[thread].size())};
  for (u64 word = offset / kWordBytes; word * kWordBytes < offset + n_bytes; ++word) writes_[word] = write;
}

bool AsyncProxy::is_read(u64 offset, u64 n_bytes) const {
  for (u64 chunk = offset / kChunkBytes; chunk * kChunkBytes < offset + n_bytes; ++chunk)
    if (n_readers_[chunk] != 0) return true;
  return false;
}

void AsyncProxy::fence(const Warp& warp, int lane) { fences_[thread_of(warp, lane)].push_back(warp.clocks.clock); }

void AsyncProxy::check_fenced(const Warp& warp, int lane, u64 offset) const {
  const Block& block = *warp.block;
  Write checked;
  for (u64 word = offset / kWordBytes; word < (offset + kChunkBytes) / kWordBytes; ++word) {
    const Write& write = writes_[word];
    if (write.thread == 0 || (write.thread == checked.thread && write.n_fences == checked.n_fences)) continue;
    checked = write;
    const u32 thread = write.thread - 1U;
    const std::string by = "written by thread " + std::to_string(thread);
    const std::vector<u32>& fences = fences_[thread];
    if (fences.size() <= write.n_fences)
      fail(FaultKind::kRace, lane, offset, by + ": there is no fence.proxy.async between the write and this read");
    const RaceDetector* races = block.launch->races;
    if (races == nullptr) continue;
    const Warp& writer = *block.warps[thread / kLanes];
    if (!races->is_known(warp, lane, writer.id, static_cast<int>(thread % kLanes), fences[write.n_fences]))
      fail(FaultKind::kRace, lane, offset,
           by + ": there is no fence.proxy.async between the write and what orders it before this read");
  }
}

void AsyncProxy::begin_read(Warp& warp, int lane, u64 address) {
  Block& block = *warp.block;
  const u64 offset = address - kSharedBase;
  if (offset >= block.shared.size() || kChunkBytes > block.shared.size() - offset)
    fail(FaultKind::kOutOfBounds, lane, offset,
         "is at offset " + std::to_string(static_cast<i64>(offset)) + " of " + std::to_string(block.shared.size()) +
             " bytes");
  const u8* const state = block.shared_state.data() + offset;
  if (!std::all_of(state, state + kChunkBytes, [](u8 byte) { return byte == kInitialisedByte; })) {
    const bool in_flight = std::any_of(state, state + kChunkBytes, [](u8 byte) { return (byte & kInFlightByte) != 0; });
    fail(in_flight ? FaultKind::kInFlight : FaultKind::kUninitialised, lane, offset,
         in_flight ? "meets a cp.async that was not waited for" : "meets bytes that were never written");
  }
  RaceDetector* races = block.launch->races;
  if (races == nullptr || races->begin_asynchronous_read(block.shared_cells.data(), offset, kChunkBytes, warp, lane,
                                                         warp.pc, {true, address}))
    check_fenced(warp, lane, offset);
  ++n_readers_[offset / kChunkBytes];
}

void AsyncProxy::end_read(Warp& warp, u64 address, u32 pc) {
  Block& block = *warp.block;
  const u64 offset = address - kSharedBase;
  --n_readers_[offset / kChunkBytes];
  if (RaceDetector* races = block.launch->races; races != nullptr)
    races->end_asynchronous_read(block.shared_cells.data(), offset, kChunkBytes, warp, pc);
}

}  // namespace segue::ptx
