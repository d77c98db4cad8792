#include <gtest/gtest.h>

#include <functional>

#include "tests/ptx/snippet.h"

namespace segue::ptx {
namespace {

std::vector<u32> lanes(const std::function<u32(u32)>& value) {
  std::vector<u32> all(32);
  for (u32 lane = 0; lane < 32; ++lane) all[lane] = value(lane);
  return all;
}
const std::vector<u32> kTens = lanes([](u32 lane) { return 10 * lane; });
/// %m: the address of 16 bytes of shared memory for each lane.
const std::string kOwn =
    ".reg .b32 %m; shl.b32 %m, %lane, 4; .reg .b32 %base; mov.u32 %base, memory; add.s32 %m, %m, %base; ";

TEST(Memory, NarrowLoadsExtendToTheRegister) {
  const std::string store = kOwn + "mov.b32 %t, 0x80FF80FE; st.shared.b32 [%m], %t; ";
  EXPECT_EQ(warp_snippet(store + "ld.shared.s8 %d, [%m];", kTens)[3], 0xFFFFFFFE);
  EXPECT_EQ(warp_snippet(store + "ld.shared.u8 %d, [%m+1];", kTens)[3], 0x80U);
  EXPECT_EQ(warp_snippet(store + "ld.shared.s16 %d, [%m+2];", kTens)[3], 0xFFFF80FF);
  EXPECT_EQ(warp_snippet(store + "ld.shared.u16 %d, [%m+2];", kTens)[3], 0x80FFU);
  EXPECT_EQ(
      warp_snippet(store + ".reg .b64 %w; ld.shared.s32 %w, [%m]; shr.u64 %w, %w, 32; cvt.u32.u64 %d, %w;", kTens)[3],
      0xFFFFFFFF);
  EXPECT_EQ(warp_snippet(store + "mov.b32 %t, 0x55; st.shared.u8 [%m+1], %t; ld.shared.b32 %d, [%m];", kTens)[3],
            0x80FF55FEU);
}

TEST(Memory, Vectors) {
  EXPECT_EQ(warp_snippet(kOwn + ".reg .b32 %x, %y, %z; st.shared.v4.b32 [%m], {%lane, %a, 7, 8}; ld.shared.v2.b32 {%x, "
                                "%y}, [%m]; ld.shared.v2.b32 {_, %z}, [%m+8]; "
                                "add.s32 %d, %x, %y; add.s32 %d, %d, %z;",
                         kTens),
            lanes([](u32 l) { return 11 * l + 8; }));
}

TEST(Memory, GenericAddressesReachSharedAndLocal) {
  const std::string wide = kOwn + ".reg .b64 %g; cvt.u64.u32 %g, %m; cvta.shared.u64 %g, %g; ";
  EXPECT_EQ(warp_snippet(wide + "st.b32 [%g], %a; ld.shared.b32 %d, [%m];", kTens), kTens);
  EXPECT_EQ(warp_snippet(
                wide + "isspacep.shared %p, %g; isspacep.global %q, %g; selp.b32 %d, 1, 0, %p; @%q add.s32 %d, %d, 2;",
                kTens)[0],
            1U);
  EXPECT_EQ(warp_snippet(".local .align 8 .b8 own[16]; .reg .b64 %l; mov.u64 %l, own; cvta.local.u64 %l, %l; st.b32 "
                         "[%l+4], %a; bar.warp.sync -1; ld.local.b32 %d, [own+4];",
                         kTens),
            kTens);
}

TEST(Memory, SharedMemoryIsExchangedBehindABarrier) {
  EXPECT_EQ(warp_snippet(kOwn + "st.shared.b32 [%m], %a; bar.sync 0; xor.b32 %t, %lane, 1; shl.b32 %t, %t, 4; add.s32 "
                                "%t, %t, %base; ld.shared.b32 %d, [%t];",
                         kTens),
            lanes([](u32 l) { return 10 * (l ^ 1); }));
  EXPECT_THROW(warp_snippet(kOwn + "st.shared.b32 [%m], %a; xor.b32 %t, %lane, 1; shl.b32 %t, %t, 4; add.s32 %t, %t, "
                                   "%base; ld.shared.b32 %d, [%t];",
                            kTens),
               std::runtime_error);
}

/// An operation on a word of shared memory that begins with 100; the word afterwards.
u32 after(const std::string& type, const std::string& start, const std::string& instruction) {
  const std::string text = kOwn + ".reg ." + type + " %s, %r; mov." + type + " %s, " + start + "; st.shared." + type +
                           " [%m], %s; " + instruction + " ld.shared.b32 %d, [%m];";
  return warp_snippet(text, kTens)[5];
}

TEST(Atomics, Operations) {
  EXPECT_EQ(after("b32", "100", "atom.shared.add.u32 %s, [%m], 5;"), 105U);
  EXPECT_EQ(after("b32", "100", "atom.shared.min.s32 %s, [%m], -5;"), static_cast<u32>(-5));
  EXPECT_EQ(after("b32", "100", "atom.shared.min.u32 %s, [%m], -5;"), 100U);
  EXPECT_EQ(after("b32", "100", "atom.shared.max.s32 %s, [%m], 101;"), 101U);
  EXPECT_EQ(after("b32", "100", "atom.shared.and.b32 %s, [%m], 6;"), 4U);
  EXPECT_EQ(after("b32", "100", "atom.shared.or.b32 %s, [%m], 3;"), 103U);
  EXPECT_EQ(after("b32", "100", "atom.shared.xor.b32 %s, [%m], 5;"), 97U);
  EXPECT_EQ(after("b32", "100", "atom.shared.exch.b32 %s, [%m], 9;"), 9U);
  EXPECT_EQ(after("b32", "100", "atom.shared.cas.b32 %s, [%m], 100, 1;"), 1U);
  EXPECT_EQ(after("b32", "100", "atom.shared.cas.b32 %s, [%m], 99, 1;"), 100U);
  EXPECT_EQ(after("b32", "100", "atom.shared.inc.u32 %s, [%m], 100;"), 0U);
  EXPECT_EQ(after("b32", "100", "atom.shared.inc.u32 %s, [%m], 200;"), 101U);
  EXPECT_EQ(after("b32", "100", "atom.shared.dec.u32 %s, [%m], 50;"), 50U);
  EXPECT_EQ(after("b32", "0", "atom.shared.dec.u32 %s, [%m], 7;"), 7U);
  EXPECT_EQ(after("b32", "0f3F800000", "red.shared.add.f32 [%m], 0f40000000;"), 0x40400000U);
  EXPECT_EQ(after("b32", "0x3C004000", "red.shared.add.noftz.f16x2 [%m], 0x3C003C00;"), 0x40004200U);
  EXPECT_EQ(after("b64", "0x1FFFFFFFF", "red.shared.add.u64 [%m], 1;"), 0U);
  EXPECT_EQ(after("b64", "5", "atom.shared.cas.b64 %s, [%m], 5, 8;"), 8U);
  EXPECT_EQ(after("b64", "-5", "red.shared.max.s64 [%m], 3;"), 3U);
  EXPECT_EQ(after("b64", "-5", "red.shared.max.u64 [%m], 3;"), static_cast<u32>(-5));
}

TEST(Atomics, ReturnTheOldValueAndMissNone) {
  const std::string text =
      "mov.b32 %t, 0; setp.eq.u32 %p, %lane, 0; @%p st.shared.b32 [memory], %t; bar.sync 0; atom.shared.add.u32 %t, "
      "[memory], 1; bar.sync 0; "
      "shl.b32 %t, 1, %t; redux.sync.or.b32 %d, %t, -1; ld.shared.b32 %t, [memory]; add.s32 %d, %d, %t;";
  EXPECT_EQ(warp_snippet(text, kTens)[9], 31U);  // all bits, -1, and 32
}

TEST(AsyncCopies, ZeroFillAndIgnoredSources) {
  const std::string copy = kOwn + ".reg .b32 %x, %y; ";
  const std::string rest =
      " cp.async.commit_group; cp.async.wait_group 0; ld.shared.v2.b32 {%x, %y}, [%m]; add.s32 %d, %x, %y;";
  // Input holds 64-bit values 10 * lane: their upper halves are zero.
  EXPECT_EQ(warp_snippet(copy + "cp.async.ca.shared.global [%m], [%in], 8;" + rest, kTens), kTens);
  EXPECT_EQ(warp_snippet(copy + "cp.async.ca.shared.global [%m], [%in], 8, 4;" + rest, kTens), kTens);
  EXPECT_EQ(warp_snippet(copy + "cp.async.ca.shared.global [%m], [%in], 8, 0;" + rest, kTens),
            lanes([](u32) { return 0; }));
  EXPECT_EQ(
      warp_snippet(copy + "setp.lt.u32 %p, %lane, 4; cp.async.ca.shared.global [%m], [%in], 8, %p;" + rest, kTens),
      lanes([](u32 l) { return l < 4 ? 0 : 10 * l; }));
  // A size of zero reads nothing, wherever the source points.
  EXPECT_EQ(
      warp_snippet(copy + ".reg .b64 %null; mov.b64 %null, 0; cp.async.cg.shared.global [%m], [%null], 16, 0;" + rest,
                   kTens),
      lanes([](u32) { return 0; }));
}

TEST(AsyncCopies, AreNotThereBeforeTheWait) {
  const std::string copy = kOwn + "cp.async.ca.shared.global [%m], [%in], 8; cp.async.commit_group; ";
  EXPECT_THROW(warp_snippet(copy + "ld.shared.b32 %d, [%m];", kTens), std::runtime_error);
  EXPECT_THROW(warp_snippet(copy + "cp.async.wait_group 1; ld.shared.b32 %d, [%m];", kTens), std::runtime_error);
  EXPECT_EQ(warp_snippet(copy + "cp.async.commit_group; cp.async.wait_group 1; ld.shared.b32 %d, [%m];", kTens),
            kTens);  // an empty group may stay
  EXPECT_EQ(warp_snippet(copy + "cp.async.wait_all; ld.shared.b32 %d, [%m];", kTens), kTens);
  // What one lane has waited for, another may read only behind a barrier.
  const std::string neighbour =
      "xor.b32 %t, %lane, 1; shl.b32 %t, %t, 4; add.s32 %t, %t, %base; ld.shared.b32 %d, [%t];";
  EXPECT_THROW(warp_snippet(copy + "cp.async.wait_all; " + neighbour, kTens), std::runtime_error);
  EXPECT_EQ(warp_snippet(copy + "cp.async.wait_all; bar.warp.sync -1; " + neighbour, kTens),
            lanes([](u32 l) { return 10 * (l ^ 1); }));
}

TEST(Mbarriers, LetTheLastArrivalPass) {
  const std::string text = kOwn +
                           ".reg .b64 %state; setp.eq.u32 %p, %lane, 0; @%p mbarrier.init.shared.b64 [memory+1024], "
                           "32; bar.sync 0; st.shared.b32 [%m], %a; "
                           "mbarrier.arrive.shared.b64 %state, [memory+1024]; again: mbarrier.test_wait.shared.b64 %q, "
                           "[memory+1024], %state; @!%q bra again; "
                           "xor.b32 %t, %lane, 1; shl.b32 %t, %t, 4; add.s32 %t, %t, %base; ld.shared.b32 %d, [%t];";
  EXPECT_EQ(warp_snippet(text, kTens), lanes([](u32 l) { return 10 * (l ^ 1); }));
}

TEST(Memory, TwoLanesMayStoreTheSameButNotDifferentValues) {
  EXPECT_EQ(warp_snippet("st.shared.b32 [memory], 5; bar.sync 0; ld.shared.b32 %d, [memory];", kTens),
            lanes([](u32) { return 5; }));
  EXPECT_THROW(warp_snippet("st.shared.b32 [memory], %a;", kTens), std::runtime_error);
}

}  // namespace
}  // namespace segue::ptx
