#include <gtest/gtest.h>

#include "tests/ptx/snippet.h"

namespace segue::ptx {
namespace {

u64 op(const std::string& opcode, const std::string& type, u64 a, u64 b) {
  return snippet(type, opcode + " %d, %a, %b;", {{type, a}, {type, b}});
}
u64 op(const std::string& opcode, const std::string& type, u64 a, u64 b, u64 c) {
  return snippet(type, opcode + " %d, %a, %b, %c;", {{type, a}, {type, b}, {type, c}});
}

TEST(IntegerOps, AdditionWrapsAndSaturates) {
  EXPECT_EQ(op("add.s32", "b32", 0x7FFFFFFF, 1), 0x80000000);
  EXPECT_EQ(op("add.sat.s32", "b32", 0x7FFFFFFF, 1), 0x7FFFFFFF);
  EXPECT_EQ(op("sub.sat.s32", "b32", 0x80000000, 1), 0x80000000);
  EXPECT_EQ(op("add.u16", "b16", 0xFFFF, 2), 1U);
  EXPECT_EQ(op("sub.s64", "b64", 0, 1), ~u64{0});
}

TEST(IntegerOps, Products) {
  EXPECT_EQ(op("mul.lo.s32", "b32", 0x10001, 0x10001), 0x20001U);
  EXPECT_EQ(op("mul.hi.u32", "b32", 0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFE);
  EXPECT_EQ(op("mul.hi.s32", "b32", 0xFFFFFFFF, 0xFFFFFFFF), 0U);
  EXPECT_EQ(op("mul.hi.u64", "b64", ~u64{0}, ~u64{0}), ~u64{1});
  EXPECT_EQ(op("mul.hi.s64", "b64", ~u64{0}, 2), ~u64{0});
  EXPECT_EQ(snippet("b64", "mul.wide.s32 %d, %a, %b;", {{"b32", 0xFFFFFFFF}, {"b32", 3}}), ~u64{2});
  EXPECT_EQ(snippet("b64", "mul.wide.u32 %d, %a, %b;", {{"b32", 0xFFFFFFFF}, {"b32", 3}}), 0x2FFFFFFFDU);
  EXPECT_EQ(snippet("b32", "mul.wide.s16 %d, %a, %b;", {{"b16", 0xFFFF}, {"b16", 3}}), 0xFFFFFFFD);
  EXPECT_EQ(snippet("b64", "mad.wide.s32 %d, %a, %b, %c;", {{"b32", 0xFFFFFFFF}, {"b32", 3}, {"b64", 10}}), 7U);
  EXPECT_EQ(op("mad.lo.s32", "b32", 5, 7, 1), 36U);
  EXPECT_EQ(op("mad.hi.u32", "b32", 0x80000000, 6, 1), 4U);
  EXPECT_EQ(op("mul24.lo.u32", "b32", 0xFF000003, 0xFF000005), 15U);
}

TEST(IntegerOps, Division) {
  EXPECT_EQ(op("div.s32", "b32", static_cast<u32>(-7), 2), static_cast<u32>(-3));
  EXPECT_EQ(op("rem.s32", "b32", static_cast<u32>(-7), 2), static_cast<u32>(-1));
  EXPECT_EQ(op("div.u32", "b32", 0xFFFFFFFF, 16), 0x0FFFFFFFU);
  EXPECT_EQ(op("div.s32", "b32", 0x80000000, 0xFFFFFFFF), 0x80000000);
  EXPECT_EQ(op("rem.u64", "b64", 100, 7), 2U);
}

TEST(IntegerOps, MinimumMaximumAbsoluteAndSad) {
  EXPECT_EQ(op("min.s32", "b32", 0xFFFFFFFF, 1), 0xFFFFFFFF);
  EXPECT_EQ(op("min.u32", "b32", 0xFFFFFFFF, 1), 1U);
  EXPECT_EQ(op("max.s16", "b16", 0x8000, 3), 3U);
  EXPECT_EQ(op("max.u64", "b64", ~u64{0}, 3), ~u64{0});
  EXPECT_EQ(snippet("b32", "abs.s32 %d, %a;", {{"b32", 0x80000000}}), 0x80000000);
  EXPECT_EQ(snippet("b32", "abs.s32 %d, %a;", {{"b32", static_cast<u32>(-5)}}), 5U);
  EXPECT_EQ(snippet("b64", "neg.s64 %d, %a;", {{"b64", 5}}), static_cast<u64>(-5));
  EXPECT_EQ(op("sad.s32", "b32", static_cast<u32>(-3), 4, 10), 17U);
  EXPECT_EQ(op("sad.u32", "b32", 3, 10, 1), 8U);
}

TEST(IntegerOps, DotProducts) {
  // bytes 1, -2, 3, -4 with 5, 6, 7, 8: 5 - 12 + 21 - 32 = -18
  EXPECT_EQ(op("dp4a.s32.s32", "b32", 0xFC03FE01, 0x08070605, 100), 82U);
  // as unsigned bytes 1, 254, 3, 252: 5 + 1524 + 21 + 2016 = 3566
  EXPECT_EQ(op("dp4a.u32.u32", "b32", 0xFC03FE01, 0x08070605, 0), 3566U);
  EXPECT_EQ(op("dp4a.s32.u32", "b32", 0xFC03FE01, 0x080706FF, 0), static_cast<u32>(255 - 12 + 21 - 32));
  // halves 2, -3 with the lower bytes 5, 6: 10 - 18; with the upper 7, 8: 14 - 24
  EXPECT_EQ(op("dp2a.lo.s32.s32", "b32", 0xFFFD0002, 0x08070605, 0), static_cast<u32>(-8));
  EXPECT_EQ(op("dp2a.hi.s32.s32", "b32", 0xFFFD0002, 0x08070605, 0), static_cast<u32>(-10));
}

TEST(IntegerOps, CarriesGoOn) {
  const std::string sum = ".reg .b32 %l; add.cc.u32 %l, %a, %b; addc.u32 %d, %c, %e;";
  EXPECT_EQ(snippet("b32", sum, {{"b32", 0xFFFFFFFF}, {"b32", 1}, {"b32", 5}, {"b32", 6}}), 12U);
  EXPECT_EQ(snippet("b32", sum, {{"b32", 0xFFFFFFFE}, {"b32", 1}, {"b32", 5}, {"b32", 6}}), 11U);
  const std::string difference = ".reg .b32 %l; sub.cc.u32 %l, %a, %b; subc.u32 %d, %c, %e;";
  EXPECT_EQ(snippet("b32", difference, {{"b32", 0}, {"b32", 1}, {"b32", 9}, {"b32", 6}}), 2U);
  EXPECT_EQ(snippet("b32", difference, {{"b32", 1}, {"b32", 1}, {"b32", 9}, {"b32", 6}}), 3U);
  EXPECT_EQ(snippet("b32", ".reg .b32 %l; mad.lo.cc.u32 %l, %a, %b, %c; madc.hi.u32 %d, %a, %b, 0;",
                    {{"b32", 0xFFFFFFFF}, {"b32", 0xFFFFFFFF}, {"b32", 0xFFFFFFFF}}),
            0xFFFFFFFF);
}

}  // namespace
}  // namespace segue::ptx
