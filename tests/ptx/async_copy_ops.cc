// cp.async. A copy lands at a time that the seed chooses: at once, or not before the wait that asks for it. Until that
// wait its bytes are "in flight": reading or overwriting them is a fault, landed or not.

#include <algorithm>

#include "tests/ptx/async_copies.h"
#include "tests/ptx/device_pages.h"
#include "tests/ptx/elementwise.h"
#include "tests/ptx/memory_access.h"
#include "tests/ptx/opcodes.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

void land(Warp& warp, AsyncCopy& copy) {
  if (copy.has_landed) return;
  u8* to = warp.block->shared.data() + (copy.destination - kSharedBase);
  if (copy.n_source_bytes != 0) std::memcpy(to, copy.source_data, copy.n_source_bytes);
  std::memset(to + copy.n_source_bytes, 0, copy.n_bytes - copy.n_source_bytes);
  copy.has_landed = true;
}

/// Operands: destination, source, source size or sink, predicate of ignore-src or sink. immediate: the destination's
/// offset; target: the source's (its low 32 bits); width: the size.
void execute_cp_async(Warp& warp, const Instruction& instruction, u32 mask) {
  Launch& launch = *warp.block->launch;
  u64 destinations[kLanes], sources[kLanes];
  addresses_of(warp, instruction, instruction.operands[0], destinations);
  const i64 source_offset = static_cast<i32>(instruction.target);
  for_each_lane(mask, [&](int lane) {
    const Operand& from = instruction.operands[1];
    sources[lane] =
        (from.width == 8 ? warp.at<u64>(from)[lane] : warp.at<u32>(from)[lane]) + static_cast<u64>(source_offset);
  });
  const int size = instruction.width;
  const bool has_size = instruction.operands[2].width != 0, has_predicate = instruction.operands[3].width != 0;
  const u32 ignored = has_predicate ? warp.predicate(instruction.operands[3]) : 0;
  u32 n_source[kLanes];
  u32 whole = 0;
  for_each_lane(mask, [&](int lane) {
    n_source[lane] = has_size ? warp.at<u32>(instruction.operands[2])[lane] : static_cast<u32>(size);
    if ((ignored >> lane & 1) != 0) n_source[lane] = 0;
    if (n_source[lane] > static_cast<u32>(size))
      throw KernelFault(FaultKind::kMisuse, lane, "a cp.async whose source is larger than its destination");
    if (n_source[lane] == static_cast<u32>(size)) whole |= 1U << lane;
  });
  u8* source_data[kLanes] = {};
  u8* destination_data[kLanes];
  if (whole != 0)
    reach(warp, instruction, whole, whole, Space::kGlobal, sources, {AccessKind::kRead, size, size}, source_data);
  for_each_lane(mask & ~whole, [&](int lane) {
    if (n_source[lane] == 0) return;
    reach(warp, instruction, 1U << lane, 1U << lane, Space::kGlobal, sources,
          {AccessKind::kRead, static_cast<int>(n_source[lane]), size}, source_data);
  });
  Access write{AccessKind::kWrite, size, size};
  write.is_asynchronous = true;
  reach(warp, instruction, mask, mask, Space::kShared, destinations, write, destination_data);
  for_each_lane(mask, [&](int lane) {
    std::memset(destination_data[lane], 0xFF, static_cast<std::size_t>(size));
    AsyncCopy copy{lane,
                   warp.n_committed[static_cast<std::size_t>(lane)],
                   destinations[lane],
                   sources[lane],
                   static_cast<u32>(size),
                   n_source[lane],
                   source_data[lane],
                   false};
    if (launch.options->seed != 0 && launch.random->one_in(2)) land(warp, copy);
    warp.copies.push_back(copy);
  });
}

void execute_commit(Warp& warp, const Instruction&, u32 mask) {
  for_each_lane(mask, [&](int lane) { ++warp.n_committed[static_cast<std::size_t>(lane)]; });
}

/// immediate: how many groups may stay under way.
void execute_wait_group(Warp& warp, const Instruction& instruction, u32 mask) {
  for_each_lane(mask, [&](int lane) {
    const i64 n = i64{warp.n_committed[static_cast<std::size_t>(lane)]} - instruction.immediate;
    if (n > 0) finish_copies(warp, lane, static_cast<u32>(n));
  });
}

void execute_wait_all(Warp& warp, const Instruction&, u32 mask) {
  for_each_lane(mask, [&](int lane) { finish_copies(warp, lane, ~0U); });
}

void decode_cp(Decoder& d) {
  Instruction& instruction = d.instruction();
  if (!d.accept("async")) d.fail("a copy that this interpreter does not know");
  instruction.counted_as = InstructionClass::kAsyncCopy;
  if (d.accept("commit_group")) return d.set(execute_commit, {});
  if (d.accept("wait_all")) return d.set(execute_wait_all, {});
  if (d.accept("wait_group")) {
    instruction.immediate = d.integer(d.text(0));
    return d.set(execute_wait_group, {});
  }
  if (d.accept("mbarrier")) return decode_copies_arrive(d);
  const std::string_view cache = d.accept_one_of({"ca", "cg"});
  if (cache.empty() || !d.accept_any({"shared", "shared::cta"}) || !d.accept("global"))
    d.fail("a copy that this interpreter does not know");
  const bool has_policy = d.accept("L2::cache_hint");
  d.accept_any({"L2::64B", "L2::128B", "L2::256B"});
  const i64 size = d.integer(d.text(2));
  if (size != 16 && (cache == "cg" || (size != 4 && size != 8))) d.fail("a size that cp.async does not take");
  instruction.width = static_cast<u8>(size);
  const Operand source = d.address(d.text(1));
  instruction.target = static_cast<u32>(instruction.immediate);
  const Operand destination = d.address(d.text(0));
  Operand source_size, ignore;
  const std::size_t n = d.n_operands() - (has_policy ? 1 : 0);
  if (n >= 4) {
    if (d.is_predicate(d.text(3))) {
      ignore = d.predicate(d.text(3));
    } else {
      source_size = d.value(3, Type::kU32);
    }
  }
  d.set(execute_cp_async, {destination, source, source_size, ignore});
}

}  // namespace

void finish_copies(Warp& warp, int lane, u32 before_group) {
  RaceDetector* races = warp.block->launch->races;
  std::erase_if(warp.copies, [&](AsyncCopy& copy) {
    if (copy.lane != lane || copy.group >= before_group) return false;
    land(warp, copy);
    const u64 offset = copy.destination - kSharedBase;
    std::memset(warp.block->shared_state.data() + offset, kInitialisedByte, copy.n_bytes);
    if (races != nullptr)
      races->land(warp.block->shared_cells.data(), offset, static_cast<int>(copy.n_bytes), warp, lane);
    if (warp.block->async_proxy != nullptr) warp.block->async_proxy->wrote(warp, lane, offset, copy.n_bytes);
    return true;
  });
}

void add_async_copy_opcodes(OpcodeTable& table) { table["cp"] = decode_cp; }

}  // namespace segue::ptx
