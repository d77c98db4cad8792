#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "tests/ptx/snippet.h"

namespace segue::ptx {
namespace {

std::vector<u32> lanes(const std::function<u32(u32)>& value) {
  std::vector<u32> all(32);
  for (u32 lane = 0; lane < 32; ++lane) all[lane] = value(lane);
  return all;
}
const std::vector<u32> kTens = lanes([](u32 lane) { return 10 * lane; });

TEST(WarpOps, ShuffleModesWithTheirClamps) {
  EXPECT_EQ(warp_snippet("shfl.sync.idx.b32 %d, %a, 3, 31, -1;", kTens), lanes([](u32) { return 30; }));
  EXPECT_EQ(warp_snippet("shfl.sync.up.b32 %d, %a, 2, 0, -1;", kTens),
            lanes([](u32 l) { return l < 2 ? 10 * l : 10 * (l - 2); }));
  EXPECT_EQ(warp_snippet("shfl.sync.down.b32 %d, %a, 3, 31, -1;", kTens),
            lanes([](u32 l) { return l > 28 ? 10 * l : 10 * (l + 3); }));
  EXPECT_EQ(warp_snippet("shfl.sync.bfly.b32 %d, %a, 5, 31, -1;", kTens), lanes([](u32 l) { return 10 * (l ^ 5); }));
  // Segments of eight: the mask of c is 0b11000 in bits 8-12; clamp 31 (idx, down, bfly) or 0 (up).
  EXPECT_EQ(warp_snippet("shfl.sync.idx.b32 %d, %a, 2, 0x181F, -1;", kTens),
            lanes([](u32 l) { return 10 * (l / 8 * 8 + 2); }));
  EXPECT_EQ(warp_snippet("shfl.sync.up.b32 %d, %a, 1, 0x1800, -1;", kTens),
            lanes([](u32 l) { return l % 8 == 0 ? 10 * l : 10 * (l - 1); }));
  EXPECT_EQ(warp_snippet("shfl.sync.down.b32 %d, %a, 4, 0x181F, -1;", kTens),
            lanes([](u32 l) { return l % 8 > 3 ? 10 * l : 10 * (l + 4); }));
}

TEST(WarpOps, ShufflesSayWhetherTheSourceWasInRange) {
  EXPECT_EQ(warp_snippet("shfl.sync.up.b32 %d|%p, %a, 4, 0, -1; selp.b32 %d, 1, 0, %p;", kTens),
            lanes([](u32 l) { return l >= 4 ? 1 : 0; }));
  EXPECT_EQ(warp_snippet("shfl.sync.down.b32 %d|%p, %a, 4, 31, -1; selp.b32 %d, 1, 0, %p;", kTens),
            lanes([](u32 l) { return l < 28 ? 1 : 0; }));
  EXPECT_EQ(warp_snippet("shfl.sync.bfly.b32 %d|%p, %a, 16, 7, -1; selp.b32 %d, 1, 0, %p;", kTens),
            lanes([](u32 l) { return (l ^ 16) <= 7 ? 1 : 0; }));
}

TEST(WarpOps, HalfAWarpShufflesByItself) {
  const std::string text =
      "setp.lt.u32 %p, %lane, 16; @!%p bra other; shfl.sync.idx.b32 %d, %a, 5, 31, 0xFFFF; bra done; other: "
      "shfl.sync.idx.b32 %d, %a, 20, 31, 0xFFFF0000; done:";
  EXPECT_EQ(warp_snippet(text, kTens), lanes([](u32 l) { return l < 16 ? 50 : 200; }));
}

TEST(WarpOps, ALaneThatDoesNotTakePartHasNoValue) {
  EXPECT_THROW(warp_snippet("setp.lt.u32 %p, %lane, 16; @%p shfl.sync.idx.b32 %d, %a, 20, 31, 0xFFFF;", kTens),
               std::runtime_error);
  EXPECT_THROW(warp_snippet("setp.lt.u32 %p, %lane, 16; @%p shfl.sync.idx.b32 %d, %a, 2, 31, 0xFF;", kTens),
               std::runtime_error);
}

TEST(WarpOps, WaitingForLanesThatNeverComeIsADeadlock) {
  EXPECT_THROW(warp_snippet("setp.lt.u32 %p, %lane, 16; @!%p bra skip; bar.warp.sync -1; skip: bar.sync 0;", kTens),
               std::runtime_error);
  EXPECT_THROW(warp_snippet("setp.lt.u32 %p, %lane, 16; @!%p exit; bar.warp.sync -1;", kTens), std::runtime_error);
}

TEST(WarpOps, Votes) {
  EXPECT_EQ(warp_snippet("setp.ge.u32 %p, %lane, 30; vote.sync.ballot.b32 %d, %p, -1;", kTens),
            lanes([](u32) { return 0xC0000000; }));
  EXPECT_EQ(warp_snippet("setp.ge.u32 %p, %lane, 30; vote.sync.any.pred %q, %p, -1; selp.b32 %d, 1, 0, %q;", kTens),
            lanes([](u32) { return 1; }));
  EXPECT_EQ(warp_snippet("setp.ge.u32 %p, %lane, 30; vote.sync.all.pred %q, %p, -1; selp.b32 %d, 1, 0, %q;", kTens),
            lanes([](u32) { return 0; }));
  EXPECT_EQ(warp_snippet("setp.ge.u32 %p, %lane, 40; vote.sync.uni.pred %q, !%p, -1; selp.b32 %d, 1, 0, %q;", kTens),
            lanes([](u32) { return 1; }));
  EXPECT_EQ(warp_snippet("setp.lt.u32 %p, %lane, 4; @%p activemask.b32 %d;", kTens),
            lanes([](u32 l) { return l < 4 ? 15 : 0; }));
}

TEST(WarpOps, MatchesReductionsAndTheLeader) {
  const std::vector<u32> mod = lanes([](u32 l) { return l % 4; });
  EXPECT_EQ(warp_snippet("match.any.sync.b32 %d, %a, -1;", mod), lanes([](u32 l) { return 0x11111111U << l % 4; }));
  EXPECT_EQ(warp_snippet("match.all.sync.b32 %d|%p, %a, -1;", mod), lanes([](u32) { return 0; }));
  EXPECT_EQ(warp_snippet("mov.b32 %t, 7; match.all.sync.b32 %d|%p, %t, -1;", mod),
            lanes([](u32) { return 0xFFFFFFFF; }));
  EXPECT_EQ(warp_snippet("redux.sync.add.u32 %d, %a, -1;", kTens), lanes([](u32) { return 4960; }));
  EXPECT_EQ(warp_snippet("sub.s32 %t, 100, %a; redux.sync.min.s32 %d, %t, -1;", kTens),
            lanes([](u32) { return static_cast<u32>(-210); }));
  EXPECT_EQ(warp_snippet("sub.s32 %t, 100, %a; redux.sync.max.u32 %d, %t, -1;", kTens),
            lanes([](u32) { return static_cast<u32>(-10); }));
  EXPECT_EQ(warp_snippet("redux.sync.xor.b32 %d, %lane, -1;", kTens), lanes([](u32) { return 0; }));
  EXPECT_EQ(warp_snippet("elect.sync %d|%p, -1; selp.b32 %d, 1, 0, %p;", kTens),
            lanes([](u32 l) { return l == 0 ? 1 : 0; }));
}

TEST(WarpOps, LanesTakeTheirOwnWays) {
  // A loop of as many turns as the lane's number.
  EXPECT_EQ(warp_snippet("mov.b32 %t, 0; loop: setp.ge.u32 %p, %t, %lane; @%p bra done; add.s32 %d, %d, 3; add.s32 %t, "
                         "%t, 1; bra loop; done:",
                         kTens),
            lanes([](u32 l) { return 3 * l; }));
  EXPECT_EQ(warp_snippet("ways: .branchtargets one, two, three; rem.u32 %t, %lane, 3; brx.idx %t, ways; one: mov.b32 "
                         "%d, 10; bra done; two: mov.b32 %d, 20; bra done; "
                         "three: mov.b32 %d, 30; done:",
                         kTens),
            lanes([](u32 l) { return 10 * (l % 3 + 1); }));
}

TEST(WarpOps, ABarrierReduces) {
  EXPECT_EQ(warp_snippet("setp.lt.u32 %p, %lane, 5; bar.red.popc.u32 %d, 0, %p;", kTens), lanes([](u32) { return 5; }));
  EXPECT_EQ(warp_snippet("setp.lt.u32 %p, %lane, 5; bar.red.and.pred %q, 0, %p; selp.b32 %d, 1, 0, %q;", kTens),
            lanes([](u32) { return 0; }));
  EXPECT_EQ(warp_snippet("setp.lt.u32 %p, %lane, 5; bar.red.or.pred %q, 0, %p; selp.b32 %d, 1, 0, %q;", kTens),
            lanes([](u32) { return 1; }));
}

}  // namespace
}  // namespace segue::ptx
