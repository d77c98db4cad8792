// The fragments of mma and ldmatrix, written out by hand from the figures of the PTX manual: for lane 5 (group 1, place
// 1) and lane 30 (group 7, place 2) of every shape, which element of which matrix each register holds.

#include <gtest/gtest.h>

#include <functional>

#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/mma_fragments.h"
#include "tests/ptx/snippet.h"
#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

using Places = std::vector<std::pair<int, int>>;

Places places(int n, const std::function<Element(int)>& element) {
  Places all;
  for (int i = 0; i < n; ++i) all.emplace_back(element(i).row, element(i).column);
  return all;
}
Places a_of(int bits, int lane, int n) {
  return places(n, [&](int i) { return element_of_a(bits, lane, i); });
}
Places b_of(int bits, int lane, int n) {
  return places(n, [&](int i) { return element_of_b(bits, lane, i); });
}

TEST(Fragments, OfHalvesM16n8k16) {
  EXPECT_EQ(a_of(16, 5, 8), (Places{{1, 2}, {1, 3}, {9, 2}, {9, 3}, {1, 10}, {1, 11}, {9, 10}, {9, 11}}));
  EXPECT_EQ(a_of(16, 30, 8), (Places{{7, 4}, {7, 5}, {15, 4}, {15, 5}, {7, 12}, {7, 13}, {15, 12}, {15, 13}}));
  EXPECT_EQ(b_of(16, 5, 4), (Places{{2, 1}, {3, 1}, {10, 1}, {11, 1}}));
  EXPECT_EQ(b_of(16, 30, 4), (Places{{4, 7}, {5, 7}, {12, 7}, {13, 7}}));
}

TEST(Fragments, OfHalvesM16n8k8) {
  EXPECT_EQ(a_of(16, 5, 4), (Places{{1, 2}, {1, 3}, {9, 2}, {9, 3}}));
  EXPECT_EQ(b_of(16, 5, 2), (Places{{2, 1}, {3, 1}}));
}

TEST(Fragments, OfTf32) {
  EXPECT_EQ(a_of(32, 5, 4), (Places{{1, 1}, {9, 1}, {1, 5}, {9, 5}}));
  EXPECT_EQ(b_of(32, 5, 2), (Places{{1, 1}, {5, 1}}));
  EXPECT_EQ(a_of(32, 30, 2), (Places{{7, 2}, {15, 2}}));  // m16n8k4
}

TEST(Fragments, OfBytes) {
  EXPECT_EQ(a_of(8, 5, 16), (Places{{1, 4},
                                    {1, 5},
                                    {1, 6},
                                    {1, 7},
                                    {9, 4},
                                    {9, 5},
                                    {9, 6},
                                    {9, 7},
                                    {1, 20},
                                    {1, 21},
                                    {1, 22},
                                    {1, 23},
                                    {9, 20},
                                    {9, 21},
                                    {9, 22},
                                    {9, 23}}));
  EXPECT_EQ(b_of(8, 30, 8), (Places{{8, 7}, {9, 7}, {10, 7}, {11, 7}, {24, 7}, {25, 7}, {26, 7}, {27, 7}}));
}

TEST(Fragments, OfAccumulators) {
  EXPECT_EQ(places(4, [](int i) { return element_of_c(5, i); }), (Places{{1, 2}, {1, 3}, {9, 2}, {9, 3}}));
  EXPECT_EQ(places(4, [](int i) { return element_of_c(30, i); }), (Places{{7, 4}, {7, 5}, {15, 4}, {15, 5}}));
}

std::vector<u32> lanes(const std::function<u32(u32)>& value) {
  std::vector<u32> all(32);
  for (u32 lane = 0; lane < 32; ++lane) all[lane] = value(lane);
  return all;
}
const std::string kRegisters = ".reg .b32 %f<8>, %g<4>, %h<4>, %z; mov.b32 %z, 0; ";
std::string zeroed(const std::string& name, int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "mov.b32 " + name + std::to_string(i) + ", 0; ";
  return text;
}

/// One element of A and one of B are not zero: their product stands in one place of D.
TEST(Mma, AProductLandsInItsRowAndColumn) {
  // A[9][2] = 3 is the lower half of register 1 of lane 5; B[2][1] = 5 that of register 0 of lane 5. D[9][1] is
  // register 2 + 1 of lane 4 (columns 0 and 1 of row 9).
  const std::string text = kRegisters + zeroed("%f", 4) + zeroed("%g", 2) +
                           "setp.eq.u32 %p, %lane, 5; @%p mov.b32 %f1, 0x4040; @%p mov.b32 %g0, 0x40A0; "
                           "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%h0, %h1, %h2, %h3}, {%f0, %f1, %f2, "
                           "%f3}, {%g0, %g1}, {%z, %z, %z, %z}; ";
  EXPECT_EQ(warp_snippet(text + "mov.b32 %d, %h3;", lanes([](u32) { return 0; })),
            lanes([](u32 l) { return l == 4 ? bits_as<u32>(15.0F) : 0; }));
  for (const char* other : {"%h0", "%h1", "%h2"})
    EXPECT_EQ(warp_snippet(text + "mov.b32 %d, " + other + ";", lanes([](u32) { return 0; })),
              lanes([](u32) { return 0; }))
        << other;
}

TEST(Mma, BytesOfEverySign) {
  // All bytes 0xFF: 255 or -1. Each sum has 32 products, and begins with 7.
  const auto run = [](const std::string& types) {
    return warp_snippet(kRegisters + "mov.b32 %t, -1; mma.sync.aligned.m16n8k32.row.col." + types +
                            " {%d, %h1, %h2, %h3}, {%t, %t, %t, %t}, {%t, %t}, {%a, %a, %a, %a};",
                        lanes([](u32) { return 7; }))[11];
  };
  EXPECT_EQ(run("s32.s8.s8.s32"), 39U);
  EXPECT_EQ(run("s32.u8.u8.s32"), 32U * 255 * 255 + 7);
  EXPECT_EQ(run("s32.s8.u8.s32"), static_cast<u32>(-32 * 255 + 7));
  EXPECT_EQ(run("s32.u8.s8.s32"), static_cast<u32>(-32 * 255 + 7));
  const auto near_the_top = [](const std::string& saturation) {
    return warp_snippet(kRegisters + "mov.b32 %t, -1; mma.sync.aligned.m16n8k16.row.col" + saturation +
                            ".s32.u8.u8.s32 {%d, %h1, %h2, %h3}, {%t, %t}, {%t}, {%a, %a, %a, %a};",
                        lanes([](u32) { return 0x7FFFFFFF; }))[0];
  };
  EXPECT_EQ(near_the_top(".satfinite"), 0x7FFFFFFFU);
  EXPECT_EQ(near_the_top(""), 0x7FFFFFFFU + 16U * 255 * 255);
}

TEST(Mma, HalfAccumulatorsAndTf32) {
  const std::string ones = kRegisters + "mov.b32 %t, 0x3C003C00; ";
  EXPECT_EQ(
      warp_snippet(
          ones + "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%d, %h1}, {%t, %t, %t, %t}, {%t, %t}, {%t, %t};",
          lanes([](u32) { return 0; }))[3],
      0x4C404C40U);  // 17, 17
  EXPECT_EQ(
      warp_snippet(
          ones +
              "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%d, %h1, %h2, %h3}, {%t, %t}, {%t}, {%z, %z, %z, %z};",
          lanes([](u32) { return 0; }))[3],
      bits_as<u32>(8.0F));
  // tf32 drops the 13 lower bits of its operands.
  const std::string odd = kRegisters + "mov.b32 %t, 0x3F801FFF; ";
  EXPECT_EQ(warp_snippet(odd + "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 {%d, %h1, %h2, %h3}, {%t, %t}, "
                               "{%t}, {%z, %z, %z, %z};",
                         lanes([](u32) { return 0; }))[3],
            bits_as<u32>(4.0F));
}

/// Row r of matrix m holds 1000 m + 10 r + column, in 16 bits.
std::string matrices() {
  return ".reg .b32 %m, %v, %w, %r0, %r1, %r2, %r3; shl.b32 %m, %lane, 4; mov.u32 %t, memory; add.s32 %m, %m, %t; "
         "div.u32 %v, %lane, 8; mul.lo.s32 %v, %v, 1000; rem.u32 %w, %lane, 8; mad.lo.s32 %v, %w, 10, %v; mad.lo.s32 "
         "%v, %v, 0x10001, 0x10000; "
         "st.shared.b32 [%m], %v; add.s32 %v, %v, 0x20002; st.shared.b32 [%m+4], %v; add.s32 %v, %v, 0x20002; "
         "st.shared.b32 [%m+8], %v; "
         "add.s32 %v, %v, 0x20002; st.shared.b32 [%m+12], %v; bar.warp.sync -1; ";
}

TEST(Ldmatrix, GivesEachLaneAPairOfARow) {
  const auto run = [](const std::string& how, const std::string& result) {
    return warp_snippet(matrices() + "ldmatrix.sync.aligned.m8n8.x4" + how +
                            ".shared.b16 {%r0, %r1, %r2, %r3}, [%m]; mov.b32 %d, " + result + ";",
                        lanes([](u32) { return 0; }));
  };
  EXPECT_EQ(run("", "%r0"), lanes([](u32 l) { return (l / 4 * 10 + l % 4 * 2) * 0x10001 + 0x10000; }));
  EXPECT_EQ(run("", "%r3"), lanes([](u32 l) { return (3000 + l / 4 * 10 + l % 4 * 2) * 0x10001 + 0x10000; }));
  // Transposed, lane l has rows 2 (l % 4) and the next, of column l / 4.
  EXPECT_EQ(run(".trans", "%r1"), lanes([](u32 l) { return (1000 + l % 4 * 20 + l / 4) * 0x10001 + 0xA0000; }));
}

TEST(Ldmatrix, MovmatrixAndStmatrixTurnAndPutBack) {
  const std::string load = matrices() + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%m]; ";
  const std::string transposed = matrices() + "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%d}, [%m];";
  EXPECT_EQ(warp_snippet(load + "movmatrix.sync.aligned.m8n8.trans.b16 %d, %r0;", lanes([](u32) { return 0; })),
            warp_snippet(transposed, lanes([](u32) { return 0; })));
  EXPECT_EQ(warp_snippet(load + "bar.warp.sync -1; stmatrix.sync.aligned.m8n8.x1.trans.shared.b16 [%m], {%r0}; "
                                "bar.warp.sync -1; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%d}, [%m];",
                         lanes([](u32) { return 0; })),
            warp_snippet(transposed, lanes([](u32) { return 0; })));
}

TEST(Ldmatrix, RowsWantSixteenBytesAlignmentAndASyncwarp) {
  EXPECT_THROW(warp_snippet(matrices() + "add.s32 %m, %m, 8; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%d}, [%m];",
                            lanes([](u32) { return 0; })),
               std::runtime_error);
  std::string without = matrices();
  without.replace(without.find("bar.warp.sync -1;"), 17, "");
  EXPECT_THROW(warp_snippet(without + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%m];",
                            lanes([](u32) { return 0; })),
               std::runtime_error);
}

}  // namespace
}  // namespace segue::ptx
