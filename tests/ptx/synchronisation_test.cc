// mbarriers between warps, named barriers for a part of a block, and loops that wait for what never comes.

#include <gtest/gtest.h>

#include <string>

#include "tests/ptx/device_array.h"
#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

constexpr std::uint64_t kSeeds[] = {0, 1, 2, 3, 4, 5};

struct Outcome {
  std::uint32_t result = 0;
  std::vector<Fault> faults;
  std::uint64_t n_instructions = 0;
};

/// Runs a block of `n_threads`; the instructions may use %tid, %warp, %lane, %i, %x, %y, %p, %q, and `data` and `bars`
/// in shared memory. Thread 0 ends with the result in %x, behind a barrier if need be.
Outcome run(const std::string& instructions, unsigned n_threads, std::uint64_t seed) {
  Options options;
  options.seed = seed;
  options.compute_capability = 90;
  configure(options);
  const std::string text =
      ".version 8.7\n.target sm_90a\n.address_size 64\n.visible .entry test(.param .u64 output) {\n"
      ".reg .b64 %out, %state;\n.reg .b32 %tid, %warp, %lane, %i, %x, %y, %parity;\n.reg .pred %p, %q;\n"
      ".shared .align 16 .b8 data[256];\n.shared .align 8 .b8 bars[64];\n"
      "mov.u32 %tid, %tid.x;\nshr.u32 %warp, %tid, 5;\nand.b32 %lane, %tid, 31;\nmov.b32 %x, 0;\n" +
      instructions +
      "\nld.param.u64 %out, [output];\nsetp.eq.u32 %p, %tid, 0;\n@%p st.global.b32 [%out], %x;\nret;\n}\n";
  const DeviceArray<std::uint32_t> output(std::vector<std::uint32_t>{0});
  LoadedModule module(text);
  Outcome outcome;
  module.launch("test", {}, {n_threads}, {output.argument()});
  outcome.faults = take_faults();
  outcome.n_instructions = counters_of("test").n_warp_instructions;
  if (outcome.faults.empty()) outcome.result = output.values()[0];
  return outcome;
}

bool has(const Outcome& outcome, FaultKind kind) {
  for (const Fault& fault : outcome.faults)
    if (fault.kind == kind) return true;
  return false;
}

/// Warp 1 puts 20 numbers through one word, which warp 0 adds up: `bars` says full, `bars+8` free.
std::string ring(const std::string& wait_for_free, const std::string& wait_for_full) {
  return "setp.eq.u32 %p, %tid, 0; @%p mbarrier.init.shared::cta.b64 [bars], 32; "
         "@%p mbarrier.init.shared.b64 [bars+8], 32; @%p fence.mbarrier_init.release.cluster; bar.sync 0; "
         "mov.b32 %i, 0; setp.eq.u32 %q, %warp, 0; @%q bra $consume; "
         "$produce: and.b32 %parity, %i, 1; xor.b32 %parity, %parity, 1; " +
         wait_for_free +
         " shl.b32 %y, %lane, 2; add.u32 %y, %y, data_at; st.shared.b32 [%y], %i; "
         "mbarrier.arrive.release.cta.shared::cta.b64 _, [bars]; "
         "add.u32 %i, %i, 1; setp.lt.u32 %p, %i, 20; @%p bra $produce; bra $done; "
         "$consume: and.b32 %parity, %i, 1; " +
         wait_for_full +
         " xor.b32 %y, %lane, 7; shl.b32 %y, %y, 2; add.u32 %y, %y, data_at; ld.shared.b32 %y, [%y]; "
         "add.u32 %x, %x, %y; mbarrier.arrive.shared::cta.b64 %state, [bars+8]; "
         "add.u32 %i, %i, 1; setp.lt.u32 %p, %i, 20; @%p bra $consume; $done:";
}
std::string with_address(std::string text) {
  text.insert(0, ".reg .b32 %data; mov.u32 %data, data; ");
  for (std::size_t at = text.find("data_at"); at != std::string::npos; at = text.find("data_at"))
    text.replace(at, 7, "%data");
  return text;
}
const std::string kFree = "$f: mbarrier.try_wait.parity.shared::cta.b64 %p, [bars+8], %parity; @%p bra $g; bra $f; $g:";
const std::string kFull =
    "$h: mbarrier.try_wait.parity.shared.b64 %p, [bars], %parity, 0x989680; @!%p nanosleep.u32 20; @!%p bra $h;";

TEST(Mbarrier, ARingBetweenWarps) {
  for (const std::uint64_t seed : kSeeds) {
    const Outcome outcome = run(with_address(ring(kFree, kFull)), 64, seed);
    EXPECT_EQ(describe(outcome.faults), "") << "seed " << seed;
    EXPECT_EQ(outcome.result, 190U) << "seed " << seed;
  }
}

TEST(Mbarrier, ARingWithoutAWaitIsCaught) {
  const std::string test_once = "mbarrier.test_wait.parity.shared::cta.b64 %p, [bars], %parity;";
  for (const std::uint64_t seed : kSeeds) {
    // A race, or phases that go by unseen.
    const Outcome unasked = run(with_address(ring("", kFull)), 64, seed);
    EXPECT_TRUE(has(unasked, FaultKind::kRace) || has(unasked, FaultKind::kMisuse) ||
                has(unasked, FaultKind::kDeadlock))
        << "seed " << seed;
    const Outcome blind = run(with_address(ring(kFree, test_once)), 64, seed);
    EXPECT_TRUE(has(blind, FaultKind::kRace) || has(blind, FaultKind::kUninitialised)) << "seed " << seed;
  }
}

TEST(Mbarrier, LoopsThatWaitInVainAreADeadlock) {
  const std::string init = "setp.eq.u32 %p, %tid, 0; @%p mbarrier.init.shared.b64 [bars], 33; bar.sync 0; ";
  const std::string wait = "$h: mbarrier.try_wait.parity.shared.b64 %p, [bars], 0; @!%p bra $h;";
  const std::string arrive = "mbarrier.arrive.shared.b64 _, [bars]; ";
  for (const std::uint64_t seed : kSeeds) {
    // One arrival is missing: all warps loop, or one has exited, or one waits at a barrier.
    for (const std::string& before :
         {std::string("setp.eq.u32 %p, %warp, 0; @%p "), std::string("setp.eq.u32 %p, %warp, 0; @!%p exit; ")}) {
      const Outcome outcome = run(init + before + arrive + wait, 64, seed);
      ASSERT_EQ(outcome.faults.size(), 1U) << "seed " << seed;
      EXPECT_EQ(outcome.faults[0].kind, FaultKind::kDeadlock) << "seed " << seed;
      EXPECT_NE(outcome.faults[0].message.find("tests an mbarrier"), std::string::npos);
      EXPECT_LT(outcome.n_instructions, 5'000'000U);
    }
    // The last arrival is that of a lane of the same warp which stays behind.
    const Outcome late = run(init + arrive + "setp.eq.u32 %p, %lane, 31; @%p bra $last; " + wait +
                                 " bra $end; $last: mov.b32 %y, 0; $slow: add.u32 %y, %y, 1; setp.lt.u32 %q, %y, 300; "
                                 "@%q bra $slow; " +
                                 arrive + "$end:",
                             32, seed);
    EXPECT_EQ(describe(late.faults), "") << "seed " << seed;
  }
}

TEST(NamedBarrier, ThoseWhoArriveDoNotWait) {
  // Warps 1 and 2 hand a word each to warp 0, by barrier 3 for 96 threads.
  const std::string give =
      "shl.b32 %y, %warp, 2; add.u32 %y, %y, %data; setp.eq.u32 %p, %lane, 0; @%p st.shared.b32 [%y], %tid;";
  const std::string take = "ld.shared.b32 %x, [%data+4]; ld.shared.b32 %y, [%data+8]; add.u32 %x, %x, %y;";
  const std::string begin = ".reg .b32 %data; mov.u32 %data, data; setp.eq.u32 %q, %warp, 0; @%q bra $take; ";
  for (const std::uint64_t seed : kSeeds) {
    const Outcome good =
        run(begin + give + "bar.arrive 3, 96; bra $done; $take: bar.sync 3, 96; " + take + "$done:", 96, seed);
    EXPECT_EQ(describe(good.faults), "") << "seed " << seed;
    EXPECT_EQ(good.result, 96U);
    // All of the block take part, but what comes behind the arrival is not handed on.
    const Outcome late =
        run(begin + "bar.arrive 3, 96; " + give + " bra $done; $take: bar.sync 3, 96; " + take + "$done:", 96, seed);
    EXPECT_TRUE(has(late, FaultKind::kRace) || has(late, FaultKind::kUninitialised)) << "seed " << seed;
    // Nor do those who arrive learn of the others.
    const Outcome back = run(begin +
                                 "bar.arrive 3, 96; ld.shared.b32 %y, [%data]; bra $done; $take: st.shared.b32 "
                                 "[%data], %x; bar.sync 3, 96; $done:",
                             96, seed);
    EXPECT_TRUE(has(back, FaultKind::kRace) || has(back, FaultKind::kUninitialised)) << "seed " << seed;
    // Having arrived at one barrier, a warp that waits at another stays there.
    const Outcome two = run(begin +
                                "bar.arrive 3, 96; bar.sync 4, 96; ld.shared.b32 %y, [%data]; bra $done; "
                                "$take: bar.sync 3, 96; mov.b32 %x, 5; setp.eq.u32 %p, %lane, 0; @%p st.shared.b32 "
                                "[%data], %x; bar.sync 4, 96; $done:",
                            96, seed);
    EXPECT_EQ(describe(two.faults), "") << "seed " << seed;
    EXPECT_EQ(two.result, 5U);
  }
}

TEST(RegistersOfAWarp, AreAskedForInEights) {
  EXPECT_EQ(describe(run("setmaxnreg.dec.sync.aligned.u32 40; setmaxnreg.inc.sync.aligned.u32 232;", 128, 1).faults),
            "");
  for (const char* count : {"20", "36", "264"})
    EXPECT_THROW(run("setmaxnreg.inc.sync.aligned.u32 " + std::string(count) + ";", 128, 0), std::runtime_error);
  EXPECT_NE(describe(run("setp.lt.u32 %p, %tid, 7; @%p setmaxnreg.inc.sync.aligned.u32 40;", 32, 0).faults), "");
}

}  // namespace
}  // namespace segue::ptx
