#include <gtest/gtest.h>

#include <cmath>

#include "tests/ptx/snippet.h"

namespace segue::ptx {
namespace {

constexpr u32 kNan = 0x7FFFFFFF, kQuietNan = 0x7FC00001, kInfinity = 0x7F800000, kDenormal = 0x00000001,
              kMinusZero = 0x80000000;

u32 bits(float value) { return bits_as<u32>(value); }
u32 op(const std::string& opcode, u32 a) { return static_cast<u32>(snippet("f32", opcode + " %d, %a;", {{"f32", a}})); }
u32 op(const std::string& opcode, u32 a, u32 b) {
  return static_cast<u32>(snippet("f32", opcode + " %d, %a, %b;", {{"f32", a}, {"f32", b}}));
}
u32 op(const std::string& opcode, u32 a, u32 b, u32 c) {
  return static_cast<u32>(snippet("f32", opcode + " %d, %a, %b, %c;", {{"f32", a}, {"f32", b}, {"f32", c}}));
}

TEST(FloatOps, RoundingModes) {
  const u32 one = bits(1), tiny = bits(0x1p-30F);
  EXPECT_EQ(op("add.rn.f32", one, tiny), one);
  EXPECT_EQ(op("add.f32", one, tiny), one);
  EXPECT_EQ(op("add.rp.f32", one, tiny), one + 1);
  EXPECT_EQ(op("add.rz.f32", one, tiny), one);
  EXPECT_EQ(op("sub.rm.f32", one, tiny), one - 1);
  EXPECT_EQ(op("mul.rz.f32", bits(1 + 0x1p-23F), bits(1 + 0x1p-23F)), bits(1 + 0x1p-22F));
  EXPECT_EQ(op("mul.rp.f32", bits(1 + 0x1p-23F), bits(1 + 0x1p-23F)), bits(1 + 0x1p-22F) + 1);
  EXPECT_EQ(op("div.rn.f32", one, bits(3)), bits(1.0F / 3));
  EXPECT_EQ(op("div.rm.f32", one, bits(3)), 0x3EAAAAAAU);
  EXPECT_EQ(op("sqrt.rn.f32", bits(2)), bits(std::sqrt(2.0F)));
  EXPECT_EQ(op("rcp.rp.f32", bits(3)), 0x3EAAAAABU);
}

TEST(FloatOps, FusedProductsRoundOnce) {
  const u32 a = bits(1 + 0x1p-12F);
  EXPECT_EQ(op("fma.rn.f32", a, a, bits(-1)), bits(0x1p-11F + 0x1p-24F));
  EXPECT_EQ(
      snippet("f64", "fma.rn.f64 %d, %a, %b, %c;",
              {{"f64", bits_as<u64>(1 + 0x1p-30)}, {"f64", bits_as<u64>(1 + 0x1p-30)}, {"f64", bits_as<u64>(-1.0)}}),
      bits_as<u64>(0x1p-29 + 0x1p-60));
}

TEST(FloatOps, NanIsCanonicalAndFlushingIsAsked) {
  EXPECT_EQ(op("add.f32", kQuietNan, bits(1)), kNan);
  EXPECT_EQ(op("mul.f32", kInfinity, 0), kNan);
  EXPECT_EQ(op("fma.rn.f32", kInfinity, 0, bits(1)), kNan);
  EXPECT_EQ(op("add.f32", kDenormal, 0), kDenormal);
  EXPECT_EQ(op("add.ftz.f32", kDenormal, 0), 0U);
  EXPECT_EQ(op("mul.ftz.f32", bits(-0x1p-100F), bits(0x1p-30F)), kMinusZero);
  EXPECT_EQ(op("mul.f32", bits(-0x1p-100F), bits(0x1p-30F)), bits(-0x1p-130F));
  EXPECT_EQ(op("add.sat.f32", bits(0.75F), bits(0.75F)), bits(1));
  EXPECT_EQ(op("add.sat.f32", kQuietNan, bits(1)), 0U);
}

TEST(FloatOps, MinimumAndMaximum) {
  EXPECT_EQ(op("min.f32", kQuietNan, bits(2)), bits(2));
  EXPECT_EQ(op("max.f32", bits(2), kQuietNan), bits(2));
  EXPECT_EQ(op("max.f32", kQuietNan, kQuietNan), kNan);
  EXPECT_EQ(op("min.NaN.f32", bits(2), kQuietNan), kNan);
  EXPECT_EQ(op("min.f32", 0, kMinusZero), kMinusZero);
  EXPECT_EQ(op("max.f32", kMinusZero, 0), 0U);
  EXPECT_EQ(op("max.f32", bits(-1), bits(-2)), bits(-1));
  EXPECT_EQ(op("min.xorsign.abs.f32", bits(-1), bits(2)) >> 31, 1U);
}

TEST(FloatOps, SignsAndApproximations) {
  EXPECT_EQ(op("neg.f32", 0), kMinusZero);
  EXPECT_EQ(op("abs.f32", bits(-3)), bits(3));
  EXPECT_EQ(op("copysign.f32", bits(-1), bits(3)), bits(-3));
  EXPECT_EQ(op("ex2.approx.f32", bits(3)), bits(8));
  EXPECT_EQ(op("lg2.approx.f32", bits(8)), bits(3));
  EXPECT_EQ(op("rsqrt.approx.f32", bits(4)), bits(0.5F));
  EXPECT_EQ(op("rcp.approx.ftz.f32", kDenormal), kInfinity);
  EXPECT_EQ(op("tanh.approx.f32", bits(40)), bits(1));
  EXPECT_NEAR(bits_as<float>(op("sin.approx.f32", bits(1))), std::sin(1.0F), 1e-6);
  EXPECT_NEAR(bits_as<float>(op("cos.approx.f32", bits(1))), std::cos(1.0F), 1e-6);
}

TEST(FloatOps, Properties) {
  const auto is = [](const std::string& property, u32 a) {
    return snippet("b32", "testp." + property + ".f32 %p, %a; selp.b32 %d, 1, 0, %p;", {{"f32", a}});
  };
  EXPECT_EQ(is("finite", kInfinity), 0U);
  EXPECT_EQ(is("infinite", kInfinity), 1U);
  EXPECT_EQ(is("notanumber", kQuietNan), 1U);
  EXPECT_EQ(is("number", kInfinity), 1U);
  EXPECT_EQ(is("subnormal", kDenormal), 1U);
  EXPECT_EQ(is("normal", kDenormal), 0U);
}

TEST(FloatOps, Comparisons) {
  const auto holds = [](const std::string& how, u32 a, u32 b) {
    return snippet("b32", "setp." + how + ".f32 %p, %a, %b; selp.b32 %d, 1, 0, %p;", {{"f32", a}, {"f32", b}});
  };
  for (const char* ordered : {"eq", "ne", "lt", "le", "gt", "ge", "num"})
    EXPECT_EQ(holds(ordered, kQuietNan, bits(1)), 0U) << ordered;
  for (const char* unordered : {"equ", "neu", "ltu", "leu", "gtu", "geu", "nan"})
    EXPECT_EQ(holds(unordered, kQuietNan, bits(1)), 1U) << unordered;
  EXPECT_EQ(holds("eq", 0, kMinusZero), 1U);
  EXPECT_EQ(holds("lt", bits(-1), bits(1)), 1U);
  EXPECT_EQ(holds("geu", bits(-1), bits(1)), 0U);
}

TEST(IntegerComparisons, SignedAndUnsignedCombineAndSelect) {
  const auto run = [](const std::string& text, u64 a, u64 b) { return snippet("b32", text, {{"b32", a}, {"b32", b}}); };
  EXPECT_EQ(run("setp.lt.s32 %p, %a, %b; selp.b32 %d, 1, 0, %p;", 0xFFFFFFFF, 1), 1U);
  EXPECT_EQ(run("setp.lt.u32 %p, %a, %b; selp.b32 %d, 1, 0, %p;", 0xFFFFFFFF, 1), 0U);
  EXPECT_EQ(run("setp.hi.u32 %p, %a, %b; selp.b32 %d, 1, 0, %p;", 0xFFFFFFFF, 1), 1U);
  EXPECT_EQ(run("setp.eq.s32 %q, %a, %a; setp.eq.and.s32 %p, %a, %b, !%q; selp.b32 %d, 1, 0, %p;", 1, 1), 0U);
  EXPECT_EQ(run("setp.eq.s32 %q, %a, %a; setp.eq.xor.s32 %p|%q, %a, %b, %q; selp.b32 %d, 1, 0, %q;", 1, 1), 1U);
  EXPECT_EQ(run("set.lt.u32.s32 %d, %a, %b;", 0xFFFFFFFF, 1), 0xFFFFFFFF);
  EXPECT_EQ(run("set.lt.f32.s32 %d, %a, %b;", 0xFFFFFFFF, 1), bits(1));
  EXPECT_EQ(snippet("b32", "slct.b32.s32 %d, %a, %b, %c;", {{"b32", 7}, {"b32", 8}, {"b32", 0xFFFFFFFF}}), 8U);
  EXPECT_EQ(snippet("b32", "slct.b32.f32 %d, %a, %b, %c;", {{"b32", 7}, {"b32", 8}, {"f32", kMinusZero}}), 7U);
}

}  // namespace
}  // namespace segue::ptx
