// Counters against numbers worked out by hand, and the race detector's own rules that no kernel here happens to need.

#include <gtest/gtest.h>

#include "tests/ptx/memory_counters.h"
#include "tests/ptx/snippet.h"
#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

Counters shared_access(int n_bytes, u64 (*address)(u64 lane), bool is_row = false) {
  u64 addresses[kLanes];
  for (u64 lane = 0; lane < kLanes; ++lane) addresses[lane] = address(lane);
  Counters counters;
  Access access{AccessKind::kRead, n_bytes, n_bytes};
  access.is_row = is_row;
  count_shared_access(counters, kAllLanes, addresses, access);
  return counters;
}

TEST(Counters, BankConflicts) {
  EXPECT_EQ(shared_access(4, [](u64 lane) { return 4 * lane; }).shared_wavefronts, 1U);
  EXPECT_EQ(shared_access(4, [](u64) { return u64{64}; }).shared_wavefronts, 1U) << "one word for all";
  EXPECT_EQ(shared_access(4, [](u64 lane) { return 8 * lane; }).shared_wavefronts, 2U);
  EXPECT_EQ(shared_access(4, [](u64 lane) { return 128 * lane; }).shared_wavefronts, 32U);
  EXPECT_EQ(shared_access(4, [](u64 lane) { return 132 * lane; }).shared_wavefronts, 1U) << "a row of 33 words";
  EXPECT_EQ(shared_access(8, [](u64 lane) { return 8 * lane; }).shared_wavefronts, 2U) << "two halves of the warp";
  EXPECT_EQ(shared_access(16, [](u64 lane) { return 16 * lane; }).shared_wavefronts, 4U);
  EXPECT_EQ(shared_access(16, [](u64 lane) { return 128 * lane; }).shared_wavefronts, 4U * 8)
      << "every lane in the same four banks";
  EXPECT_EQ(shared_access(
                16, [](u64 lane) { return 32 * lane; }, true)
                .shared_wavefronts,
            4U * 2)
      << "ldmatrix, rows of 32 bytes";
  EXPECT_EQ(shared_access(
                16, [](u64 lane) { return 48 * lane; }, true)
                .shared_wavefronts,
            4U)
      << "ldmatrix, rows of 48 bytes";
}

TEST(Counters, Sectors) {
  const auto sectors = [](int n_bytes, u64 (*address)(u64 lane)) {
    u64 addresses[kLanes];
    for (u64 lane = 0; lane < kLanes; ++lane) addresses[lane] = address(lane);
    Counters counters;
    count_global_access(counters, kAllLanes, addresses, {AccessKind::kRead, n_bytes, n_bytes});
    return std::pair(counters.global_sectors, counters.ideal_global_sectors);
  };
  EXPECT_EQ(sectors(4, [](u64 lane) { return 4 * lane; }), std::pair(u64{4}, u64{4}));
  EXPECT_EQ(sectors(4, [](u64 lane) { return 4 * lane + 16; }), std::pair(u64{5}, u64{4}));
  EXPECT_EQ(sectors(4, [](u64 lane) { return 128 * lane; }), std::pair(u64{32}, u64{4}));
  EXPECT_EQ(sectors(4, [](u64 lane) { return 4 * (31 - lane); }), std::pair(u64{4}, u64{4}));
  EXPECT_EQ(sectors(16, [](u64 lane) { return 16 * lane; }), std::pair(u64{16}, u64{16}));
  EXPECT_EQ(sectors(4, [](u64) { return u64{0}; }), std::pair(u64{1}, u64{1}));
}

TEST(Counters, InstructionsByLine) {
  configure({});
  LoadedModule module(R"(.version 8.7
.target sm_80
.address_size 64
.entry counted() {
  .reg .b32 %a;
  .reg .pred %p;
  .loc 1 10 0
  mov.b32 %a, 0;
again:
  .loc 1 20 0
  add.s32 %a, %a, 1;
  setp.lt.s32 %p, %a, 5;
  @%p bra again;
  .loc 1 30 0
  ret;
}
.file 1 "somewhere/counted.cu"
)");
  ASSERT_TRUE(module.launch("counted", {2}, {64}, {}));
  EXPECT_EQ(warp_instructions_of_lines("counted.cu", 20, 20), 2U * 2 * 5 * 3);
  EXPECT_EQ(warp_instructions_of_lines("counted.cu", 10, 30), 2U * 2 * (1 + 15 + 1));
  EXPECT_EQ(counters_of("counted").n_warp_instructions, 2U * 2 * 17);
  EXPECT_EQ(counters_of("counted").n_thread_instructions, 2U * 64 * 17);
}

/// One block of two warps: thread 0 writes, then thread 32 reads, with `between` by both.
bool is_race(const std::string& writer, const std::string& reader) {
  configure({});
  LoadedModule module(
      ".version 8.7\n.target sm_80\n.address_size 64\n.entry two_warps() {\n.reg .b32 %t, %v, %old;\n.reg .pred %p, "
      "%q;\n"
      ".shared .align 4 .b32 data;\n.shared .align 4 .b32 flag;\nmov.u32 %t, %tid.x;\nsetp.eq.u32 %p, %t, "
      "0;\nsetp.eq.u32 %q, %t, 32;\n"
      "@%p st.shared.b32 [flag], 0;\n@%p st.shared.b32 [data], 0;\nbar.sync 0;\n@%p bra write;\n@%q bra read;\nbra "
      "done;\nwrite:\n" +
      writer + "\nbra done;\nread:\n" + reader + "\ndone:\nret;\n}\n");
  (void)module.launch("two_warps", {}, {64}, {});
  return !take_faults().empty();
}

TEST(Races, AFlagOrdersOnlyWithBothFences) {
  const std::string store = "st.shared.b32 [data], 1; ", set = "atom.shared.exch.b32 %old, [flag], 1; ",
                    fence = "membar.gl; ";
  const std::string wait = "again: ld.volatile.shared.b32 %old, [flag]; setp.eq.b32 %q, %old, 0; @%q bra again; ",
                    load = "ld.shared.b32 %v, [data];";
  EXPECT_FALSE(is_race(store + fence + set, wait + fence + load));
  EXPECT_TRUE(is_race(store + set, wait + fence + load)) << "no fence of the writer";
  EXPECT_TRUE(is_race(store + fence + set, wait + load)) << "no fence of the reader";
  EXPECT_TRUE(is_race(fence + set + store, wait + fence + load)) << "written behind the flag";
  EXPECT_FALSE(
      is_race(store + "st.release.cta.shared.b32 [flag], 1;",
              "again: ld.acquire.cta.shared.b32 %old, [flag]; setp.eq.b32 %q, %old, 0; @%q bra again; " + load));
  EXPECT_TRUE(
      is_race(store + "st.relaxed.cta.shared.b32 [flag], 1;",
              "again: ld.acquire.cta.shared.b32 %old, [flag]; setp.eq.b32 %q, %old, 0; @%q bra again; " + load));
}

TEST(Races, AtomicsDoNotRaceWithEachOtherButWithAllElse) {
  const std::string atomic = "atom.shared.add.u32 %old, [data], 1;";
  EXPECT_FALSE(is_race(atomic, atomic));
  EXPECT_TRUE(is_race(atomic, "ld.shared.b32 %v, [data];"));
  EXPECT_TRUE(is_race("st.shared.b32 [data], 5;", atomic));
  EXPECT_FALSE(is_race(atomic, "ld.relaxed.cta.shared.b32 %v, [data];"));
}

TEST(Races, NeighbouringBytesAreNotTheSame) {
  EXPECT_FALSE(is_race("st.shared.b8 [data], 5;", "ld.shared.u8 %v, [data+1];"));
  EXPECT_TRUE(is_race("st.shared.b8 [data+1], 5;", "ld.shared.u16 %v, [data];"));
  EXPECT_TRUE(is_race("st.shared.b16 [data+2], 5;", "ld.shared.b32 %v, [data];"));
}

}  // namespace
}  // namespace segue::ptx
