#include <gtest/gtest.h>

#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/snippet.h"

namespace segue::ptx {
namespace {

u64 cvt(const std::string& how, const std::string& to, const std::string& from, u64 a) {
  return snippet(to, "cvt." + how + " %d, %a;", {{from, a}});
}
u32 bits(float value) { return bits_as<u32>(value); }

TEST(Conversions, FloatsToIntegers) {
  EXPECT_EQ(cvt("rzi.s32.f32", "b32", "f32", bits(-2.75F)), static_cast<u32>(-2));
  EXPECT_EQ(cvt("rni.s32.f32", "b32", "f32", bits(2.5F)), 2U);
  EXPECT_EQ(cvt("rni.s32.f32", "b32", "f32", bits(3.5F)), 4U);
  EXPECT_EQ(cvt("rmi.s32.f32", "b32", "f32", bits(-2.25F)), static_cast<u32>(-3));
  EXPECT_EQ(cvt("rpi.s32.f32", "b32", "f32", bits(2.25F)), 3U);
  EXPECT_EQ(cvt("rzi.s32.f32", "b32", "f32", bits(3e9F)), 0x7FFFFFFFU);
  EXPECT_EQ(cvt("rzi.s32.f32", "b32", "f32", bits(-3e9F)), 0x80000000);
  EXPECT_EQ(cvt("rzi.u32.f32", "b32", "f32", bits(-1)), 0U);
  EXPECT_EQ(cvt("rzi.u32.f32", "b32", "f32", 0x7FC00000), 0U);
  EXPECT_EQ(cvt("rzi.s64.f32", "b64", "f32", 0x7FC00000), u64{1} << 63);
  EXPECT_EQ(cvt("rzi.s16.f32", "b16", "f32", bits(1e6F)), 0x7FFFU);
  EXPECT_EQ(cvt("rni.f32.f32", "f32", "f32", bits(2.5F)), bits(2));
}

TEST(Conversions, IntegersToFloats) {
  EXPECT_EQ(cvt("rn.f32.s32", "f32", "b32", static_cast<u32>(-5)), bits(-5));
  EXPECT_EQ(cvt("rn.f32.u32", "f32", "b32", 0xFFFFFFFF), bits(0x1p32F));
  EXPECT_EQ(cvt("rz.f32.u32", "f32", "b32", 0xFFFFFFFF), 0x4F7FFFFFU);
  EXPECT_EQ(cvt("rn.f32.u64", "f32", "b64", (u64{1} << 40) + (u64{1} << 16) + 1),
            bits(0x1p40F) + 1);                                                                // just above the middle
  EXPECT_EQ(cvt("rn.f32.u64", "f32", "b64", (u64{1} << 40) + (u64{1} << 16)), bits(0x1p40F));  // the middle, to even
  EXPECT_EQ(cvt("rn.f64.s64", "f64", "b64", static_cast<u64>(INT64_MIN)), bits_as<u64>(-0x1p63));
  EXPECT_EQ(cvt("rn.f16.s32", "b16", "b32", 2049), 0x6800U);
  EXPECT_EQ(cvt("rn.f32.u8", "f32", "b32", 0x1FF), bits(255));
}

TEST(Conversions, IntegersToIntegers) {
  EXPECT_EQ(cvt("s64.s32", "b64", "b32", 0x80000000), 0xFFFFFFFF80000000U);
  EXPECT_EQ(cvt("u64.u32", "b64", "b32", 0x80000000), 0x80000000U);
  EXPECT_EQ(cvt("u32.u64", "b32", "b64", 0x123456789), 0x23456789U);
  EXPECT_EQ(cvt("s32.s8", "b32", "b32", 0x80), 0xFFFFFF80);
  EXPECT_EQ(cvt("u32.u8", "b32", "b32", 0x180), 0x80U);
  EXPECT_EQ(cvt("s32.s16", "b32", "b16", 0x8000), 0xFFFF8000);
  EXPECT_EQ(cvt("sat.s8.s32", "b32", "b32", 1000), 127U);
  EXPECT_EQ(cvt("sat.s8.s32", "b32", "b32", static_cast<u32>(-1000)), static_cast<u32>(-128));
  EXPECT_EQ(cvt("sat.u8.s32", "b32", "b32", static_cast<u32>(-3)), 0U);
  EXPECT_EQ(cvt("sat.u16.u32", "b16", "b32", 70000), 65535U);
}

TEST(Conversions, HalvesRoundToEven) {
  EXPECT_EQ(cvt("rn.f16.f32", "b16", "f32", bits(1.0F + 0x1p-11F)), 0x3C00U);
  EXPECT_EQ(cvt("rn.f16.f32", "b16", "f32", bits(1.0F + 3 * 0x1p-11F)), 0x3C02U);
  EXPECT_EQ(cvt("rz.f16.f32", "b16", "f32", bits(1.0F + 3 * 0x1p-11F)), 0x3C01U);
  EXPECT_EQ(cvt("rn.f16.f32", "b16", "f32", bits(65520)), 0x7C00U);
  EXPECT_EQ(cvt("rz.f16.f32", "b16", "f32", bits(1e9F)), 0x7BFFU);
  EXPECT_EQ(cvt("rn.f16.f32", "b16", "f32", bits(0x1p-24F)), 0x0001U);
  EXPECT_EQ(cvt("rn.f16.f32", "b16", "f32", bits(0x1p-25F)), 0U);
  EXPECT_EQ(cvt("rn.f16.f32", "b16", "f32", 0x7FC00000), 0x7FFFU);
  EXPECT_EQ(cvt("f32.f16", "f32", "b16", 0x0001), bits(0x1p-24F));
  EXPECT_EQ(cvt("f32.f16", "f32", "b16", 0xFC00), 0xFF800000);
  EXPECT_EQ(cvt("rn.bf16.f32", "b16", "f32", 0x3F808000), 0x3F80U);
  EXPECT_EQ(cvt("rn.bf16.f32", "b16", "f32", 0x3F818000), 0x3F82U);
  EXPECT_EQ(cvt("rn.relu.bf16.f32", "b16", "f32", bits(-2)), 0U);
  EXPECT_EQ(cvt("f32.bf16", "f32", "b16", 0xC000), bits(-2));
  EXPECT_EQ(cvt("rna.tf32.f32", "b32", "f32", bits(1.0F + 0x1p-11F)), bits(1.0F + 0x1p-10F));
  EXPECT_EQ(cvt("rn.tf32.f32", "b32", "f32", bits(1.0F + 0x1p-11F)), bits(1));
  EXPECT_EQ(cvt("rn.f32.f64", "f32", "f64", bits_as<u64>(1 + 0x1p-24)), bits(1));
  EXPECT_EQ(cvt("rp.f32.f64", "f32", "f64", bits_as<u64>(1 + 0x1p-40)), bits(1) + 1);
  EXPECT_EQ(cvt("sat.f32.f32", "f32", "f32", bits(-3)), 0U);
}

TEST(Conversions, PairsAndPacks) {
  EXPECT_EQ(snippet("b32", "cvt.rn.f16x2.f32 %d, %a, %b;", {{"f32", bits(1)}, {"f32", bits(2)}}),
            0x3C004000U);  // the first is the upper half
  EXPECT_EQ(snippet("b32", "cvt.rn.bf16x2.f32 %d, %a, %b;", {{"f32", bits(1)}, {"f32", bits(-2)}}), 0x3F80C000U);
  EXPECT_EQ(snippet("b32", "cvt.pack.sat.s16.s32 %d, %a, %b;", {{"b32", 70000}, {"b32", static_cast<u32>(-5)}}),
            0x7FFFFFFBU);
  EXPECT_EQ(snippet("b32", "cvt.pack.sat.u8.s32.b32 %d, %a, %b, %c;", {{"b32", 300}, {"b32", 7}, {"b32", 0xAABB}}),
            0xAABBFF07U);
}

TEST(Halves, Arithmetic) {
  const auto op = [](const std::string& opcode, u64 a, u64 b) {
    return snippet("b16", opcode + " %d, %a, %b;", {{"b16", a}, {"b16", b}});
  };
  EXPECT_EQ(op("add.f16", 0x3C00, 0x0400), 0x3C00U);  // 1 + 2^-14
  EXPECT_EQ(op("mul.f16", 0x4000, 0x4200), 0x4600U);
  EXPECT_EQ(op("max.f16", 0x7E00, 0x3C00), 0x3C00U);
  EXPECT_EQ(op("max.NaN.f16", 0x7E00, 0x3C00), 0x7FFFU);
  EXPECT_EQ(op("min.bf16", 0x3F80, 0xBF80), 0xBF80U);
  EXPECT_EQ(
      snippet("b32", "fma.rn.f16x2 %d, %a, %b, %c;", {{"b32", 0x40003C00}, {"b32", 0x42004400}, {"b32", 0x3C00BC00}}),
      0x47004200U);
  EXPECT_EQ(snippet("b32", "fma.rn.relu.bf16x2 %d, %a, %b, %c;",
                    {{"b32", 0x3F804000}, {"b32", 0x3F80C000}, {"b32", 0x00000000}}),
            0x3F800000U);
  EXPECT_EQ(snippet("b16", "neg.f16 %d, %a;", {{"b16", 0x3C00}}), 0xBC00U);
  EXPECT_EQ(snippet("b16", "ex2.approx.f16 %d, %a;", {{"b16", 0x4200}}), 0x4800U);
  EXPECT_EQ(
      snippet("b32", "setp.gt.f16x2 %p|%q, %a, %b; selp.b32 %d, 2, 0, %q; selp.b32 %t, 1, 0, %p; or.b32 %d, %d, %t;",
              {{"b32", 0x40003C00}, {"b32", 0x3C003C00}}),
      2U);
  EXPECT_EQ(snippet("b32", "set.ge.f16x2.f16x2 %d, %a, %b;", {{"b32", 0x40003C00}, {"b32", 0x3C004000}}), 0x3C000000U);
}

TEST(Halves, AProductAndASumRoundOnce) {
  // (1 + 2^-10)^2 - 2^-11 lies just above the middle between 1 + 2^-10 and 1 + 2^-9 by 2^-20: rounding twice would lose
  // it.
  EXPECT_EQ(half_bits(fused_to_odd(1 + 0x1p-10, 1 + 0x1p-10, -0x1p-11)), 0x3C02U);
  // 2^15 + 2^-24 is above the middle between 2^15 and its neighbour only if a sticky bit survives.
  EXPECT_EQ(half_bits(fused_to_odd(32768.0, 1, 16.0 + 0x1p-24)), 0x7801U);
}

TEST(Moves, PackAndUnpack) {
  EXPECT_EQ(snippet("b64", "mov.b64 %d, {%a, %b};", {{"b32", 1}, {"b32", 2}}), 0x200000001U);
  EXPECT_EQ(snippet("b32", "mov.b64 {%t, %d}, %a;", {{"b64", 0x200000001}}), 2U);
  EXPECT_EQ(snippet("b32", "mov.b64 {_, %d}, %a;", {{"b64", 0x300000001}}), 3U);
  EXPECT_EQ(snippet("b32", "mov.b32 %d, {%a, %b};", {{"b16", 0x1111}, {"b16", 0x2222}}), 0x22221111U);
  EXPECT_EQ(snippet("b32", ".reg .f32 %f; mov.f32 %f, 0f40490FDB; mov.b32 %d, %f;", {}), 0x40490FDBU);
}

}  // namespace
}  // namespace segue::ptx
