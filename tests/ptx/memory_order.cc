// The order of memory accesses: strong accesses, fences.

#include "tests/ptx/memory_order.h"

#include "tests/ptx/memory_access.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {

void take_memory_order(Decoder& d) {
  Instruction& instruction = d.instruction();
  d.accept("weak");
  const std::string_view order = d.accept_one_of({"volatile", "relaxed", "acquire", "release", "acq_rel", "mmio"});
  instruction.is_strong = !order.empty();
  instruction.acquires = order == "acquire" || order == "acq_rel";
  instruction.releases = order == "release" || order == "acq_rel";
  instruction.is_block_scope = d.accept("cta");
  d.accept_any({"gpu", "sys", "cluster"});
}

void order_memory(Warp& warp, const Instruction& instruction, u32 mask, const u64* addresses, bool reads, bool writes) {
  RaceDetector* races = warp.block->launch->races;
  if (races == nullptr) return;
  for_each_lane(mask, [&](int lane) {
    races->atomic(warp, lane, location_of(warp, instruction.space, addresses[lane]),
                  {reads, writes, instruction.acquires, instruction.releases});
  });
}

}  // namespace segue::ptx
