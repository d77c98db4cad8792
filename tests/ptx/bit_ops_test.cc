#include <gtest/gtest.h>

#include "tests/ptx/snippet.h"

namespace segue::ptx {
namespace {

u64 op(const std::string& opcode, const std::string& type, u64 a, u64 b) {
  return snippet(type, opcode + " %d, %a, %b;", {{type, a}, {"b32", b}});
}
u64 field(const std::string& opcode, const std::string& type, u64 a, u64 position, u64 length) {
  return snippet(type, opcode + " %d, %a, %b, %c;", {{type, a}, {"b32", position}, {"b32", length}});
}

TEST(BitOps, ShiftsByTheWidthOrMore) {
  EXPECT_EQ(op("shl.b32", "b32", 1, 31), 0x80000000);
  EXPECT_EQ(op("shl.b32", "b32", 1, 32), 0U);
  EXPECT_EQ(op("shl.b64", "b64", 1, 64), 0U);
  EXPECT_EQ(op("shr.u32", "b32", 0x80000000, 32), 0U);
  EXPECT_EQ(op("shr.s32", "b32", 0x80000000, 99), 0xFFFFFFFF);
  EXPECT_EQ(op("shr.b32", "b32", 0x80000000, 4), 0x08000000U);
  EXPECT_EQ(op("shr.s64", "b64", u64{1} << 63, 64), ~u64{0});
  EXPECT_EQ(op("shl.b16", "b16", 3, 15), 0x8000U);
  EXPECT_EQ(op("shr.s16", "b16", 0x8000, 20), 0xFFFFU);
}

TEST(BitOps, FunnelShifts) {
  const auto shf = [](const std::string& mode, u64 a, u64 b, u64 c) {
    return snippet("b32", "shf." + mode + ".b32 %d, %a, %b, %c;", {{"b32", a}, {"b32", b}, {"b32", c}});
  };
  EXPECT_EQ(shf("l.wrap", 0x89ABCDEF, 0x01234567, 8), 0x23456789U);
  EXPECT_EQ(shf("l.wrap", 0x89ABCDEF, 0x01234567, 32), 0x01234567U);
  EXPECT_EQ(shf("l.clamp", 0x89ABCDEF, 0x01234567, 40), 0x89ABCDEF);
  EXPECT_EQ(shf("r.wrap", 0x89ABCDEF, 0x01234567, 8), 0x6789ABCDU);
  EXPECT_EQ(shf("r.clamp", 0x89ABCDEF, 0x01234567, 32), 0x01234567U);
}

TEST(BitOps, ExtractedFields) {
  EXPECT_EQ(field("bfe.u32", "b32", 0xABCDEF12, 8, 8), 0xEFU);
  EXPECT_EQ(field("bfe.s32", "b32", 0xABCDEF12, 8, 8), 0xFFFFFFEF);
  EXPECT_EQ(field("bfe.u32", "b32", 0xABCDEF12, 8, 0), 0U);
  EXPECT_EQ(field("bfe.s32", "b32", 0xABCDEF12, 8, 0), 0U);
  EXPECT_EQ(field("bfe.u32", "b32", 0xABCDEF12, 28, 8), 0xAU);        // zeros beyond the top
  EXPECT_EQ(field("bfe.s32", "b32", 0xABCDEF12, 28, 8), 0xFFFFFFFA);  // the sign beyond the top
  EXPECT_EQ(field("bfe.s32", "b32", 0xABCDEF12, 40, 4), 0xFFFFFFFF);
  EXPECT_EQ(field("bfe.u32", "b32", 0xABCDEF12, 40, 4), 0U);
  EXPECT_EQ(field("bfe.u64", "b64", 0xFEDCBA9876543210, 60, 4), 0xFU);
  EXPECT_EQ(field("bfe.u32", "b32", 0xABCDEF12, 0, 32), 0xABCDEF12);
}

TEST(BitOps, InsertedFields) {
  const auto bfi = [](u64 a, u64 b, u64 c, u64 e) {
    return snippet("b32", "bfi.b32 %d, %a, %b, %c, %e;", {{"b32", a}, {"b32", b}, {"b32", c}, {"b32", e}});
  };
  EXPECT_EQ(bfi(0x5, 0xFFFFFFFF, 4, 4), 0xFFFFFF5FU);
  EXPECT_EQ(bfi(0xFF, 0, 28, 8), 0xF0000000);
  EXPECT_EQ(bfi(0xFF, 0x12, 32, 8), 0x12U);
  EXPECT_EQ(bfi(0xFF, 0x12, 4, 0), 0x12U);
  EXPECT_EQ(bfi(0x12345678, 0, 0, 32), 0x12345678U);
}

TEST(BitOps, Counts) {
  const auto one = [](const std::string& opcode, const std::string& type, u64 a) {
    return snippet("b32", opcode + " %d, %a;", {{type, a}});
  };
  EXPECT_EQ(one("popc.b32", "b32", 0xF0F0), 8U);
  EXPECT_EQ(one("popc.b64", "b64", ~u64{0}), 64U);
  EXPECT_EQ(one("clz.b32", "b32", 0), 32U);
  EXPECT_EQ(one("clz.b64", "b64", 1), 63U);
  EXPECT_EQ(one("bfind.u32", "b32", 0), 0xFFFFFFFF);
  EXPECT_EQ(one("bfind.u32", "b32", 0x10), 4U);
  EXPECT_EQ(one("bfind.s32", "b32", 0xFFFFFFFF), 0xFFFFFFFF);
  EXPECT_EQ(one("bfind.s32", "b32", 0xFFFFFF00), 7U);
  EXPECT_EQ(one("bfind.shiftamt.u32", "b32", 0x10), 27U);
  EXPECT_EQ(one("brev.b32", "b32", 0x80000001), 0x80000001);
  EXPECT_EQ(one("brev.b32", "b32", 0x3), 0xC0000000);
}

TEST(BitOps, LogicOfThree) {
  const auto lop3 = [](int table) {
    return snippet("b32", "lop3.b32 %d, %a, %b, %c, " + std::to_string(table) + ";",
                   {{"b32", 0xF0F0F0F0}, {"b32", 0xCCCCCCCC}, {"b32", 0xAAAAAAAA}});
  };
  // The manual's recipe: the table is the function of 0xF0, 0xCC and 0xAA.
  EXPECT_EQ(lop3(0xF0 & 0xCC & 0xAA), 0xF0F0F0F0U & 0xCCCCCCCCU & 0xAAAAAAAAU);
  EXPECT_EQ(lop3(0x96), 0xF0F0F0F0U ^ 0xCCCCCCCCU ^ 0xAAAAAAAAU);
  EXPECT_EQ(lop3(0xEA), (0xF0F0F0F0U & 0xCCCCCCCCU) | 0xAAAAAAAAU);
  EXPECT_EQ(lop3(0), 0U);
  EXPECT_EQ(lop3(0xFF), 0xFFFFFFFF);
}

TEST(BitOps, Permutations) {
  const auto prmt = [](const std::string& mode, u64 selector) {
    return snippet("b32", "prmt.b32" + mode + " %d, %a, %b, %c;",
                   {{"b32", 0x33221180}, {"b32", 0x77665544}, {"b32", selector}});
  };
  EXPECT_EQ(prmt("", 0x7531), 0x77553311U);
  EXPECT_EQ(prmt("", 0x8888), 0xFFFFFFFF);  // byte 0 is 0x80: its sign, four times
  EXPECT_EQ(prmt("", 0x9999), 0U);          // byte 1 is 0x11
  EXPECT_EQ(prmt(".f4e", 1), 0x44332211U);
  EXPECT_EQ(prmt(".f4e", 3), 0x66554433U);
  EXPECT_EQ(prmt(".b4e", 0), 0x55667780U);
  EXPECT_EQ(prmt(".b4e", 2), 0x77801122U);
  EXPECT_EQ(prmt(".rc8", 2), 0x22222222U);
  EXPECT_EQ(prmt(".ecl", 1), 0x33221111U);
  EXPECT_EQ(prmt(".ecr", 2), 0x22221180U);
  EXPECT_EQ(prmt(".rc16", 1), 0x33223322U);
}

TEST(BitOps, Logic) {
  EXPECT_EQ(op("and.b32", "b32", 0xFF00FF00, 0x0FF00FF0), 0x0F000F00U);
  EXPECT_EQ(op("or.b32", "b32", 0xFF00FF00, 0x0FF00FF0), 0xFFF0FFF0);
  EXPECT_EQ(op("xor.b32", "b32", 0xFF00FF00, 0x0FF00FF0), 0xF0F0F0F0);
  EXPECT_EQ(snippet("b16", "not.b16 %d, %a;", {{"b16", 0xFF}}), 0xFF00U);
  EXPECT_EQ(snippet("b32", "cnot.b32 %d, %a;", {{"b32", 0}}), 1U);
  EXPECT_EQ(
      snippet(
          "b32",
          "setp.eq.s32 %p, %a, 1; not.pred %q, %p; and.pred %p, %p, %q; xor.pred %p, %p, %q; selp.b32 %d, 5, 6, %p;",
          {{"b32", 1}}),
      6U);
}

}  // namespace
}  // namespace segue::ptx
