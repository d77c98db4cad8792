#include "tests/ptx/ptx_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ptx/snippet.h"
#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

std::string refusal_of(const std::string& instructions) {
  try {
    snippet("b32", instructions, {{"b32", 1}});
  } catch (const PtxError& why) {
    return why.what();
  }
  return "";
}

TEST(Ptx, WhatIsNotKnownIsRefusedByLineAndText) {
  EXPECT_THAT(refusal_of("frobnicate.b32 %d, %a;"),
              testing::ContainsRegex("PTX line [0-9]+ of snippet: an unknown opcode: frobnicate.b32 %d, %a;"));
  EXPECT_THAT(refusal_of("add.wobbly.s32 %d, %a, %a;"), testing::HasSubstr("an unknown modifier .wobbly"));
  EXPECT_THAT(refusal_of("add.s32 %d, %a, %nowhere;"), testing::HasSubstr("an unknown name %nowhere"));
  EXPECT_THAT(refusal_of("add.s64 %d, %a, %a;"), testing::HasSubstr("32 bits"));
  EXPECT_THAT(refusal_of("bra nowhere;"), testing::HasSubstr("an unknown label nowhere"));
  EXPECT_THAT(refusal_of("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%d}, {%a}, {%a}, {%a};"),
              testing::HasSubstr("a shape that this interpreter does not know"));
  EXPECT_THAT(refusal_of("cvt.rn.e4m3x2.f32 %d, %a, %a;"), testing::Ne(""));
  EXPECT_THAT(refusal_of("shfl.idx.b32 %d, %a, 0, 31;"), testing::HasSubstr("gone since sm_70"));
  EXPECT_THAT(refusal_of("mov.b32 %d, %a; ;"), testing::Ne(""));
}

TEST(Ptx, AnUnknownInstructionDisturbsNoOtherKernel) {
  LoadedModule module(
      ".version 8.7\n.target sm_80\n.address_size 64\n.entry bad() { frobnicate; ret; }\n.entry good() { ret; }\n");
  EXPECT_TRUE(module.launch("good", {}, {}, {}));
  EXPECT_THROW(module.launch("bad", {}, {}, {}), PtxError);
  EXPECT_THROW(module.launch("none", {}, {}, {}), PtxError);
}

TEST(Ptx, NestedScopesHideNames) {
  EXPECT_EQ(snippet("b32", "{ .reg .b32 %x; mov.b32 %x, 5; { .reg .b32 %x; mov.b32 %x, 6; } mov.b32 %d, %x; }", {}),
            5U);
}

TEST(Ptx, FunctionsAreCalled) {
  LoadedModule module(R"(.version 8.7
.target sm_80
.address_size 64
.func (.param .b32 result) twice(.param .b32 value) {
  .reg .b32 %x;
  .reg .pred %p;
  ld.param.b32 %x, [value];
  setp.gt.s32 %p, %x, 100;
  @%p bra big;
  add.s32 %x, %x, %x;
  st.param.b32 [result], %x;
  ret;
big:
  st.param.b32 [result], 0;
  ret;
}
.entry kernel(.param .u64 out) {
  .reg .b32 %a;
  .reg .b64 %o;
  { .param .b32 in; .param .b32 back; st.param.b32 [in], 21; call (back), twice, (in); ld.param.b32 %a, [back]; }
  .reg .pred %p;
  setp.ne.s32 %p, %a, 42;
  @%p trap;
  ret;
}
)");
  const void* nothing = nullptr;
  EXPECT_TRUE(module.launch("kernel", {}, {32}, {&nothing})) << describe(take_faults());
}

TEST(Ptx, InitialValuesOfVariables) {
  LoadedModule module(R"(.version 8.7
.target sm_80
.address_size 64
.global .align 4 .u32 table[4] = {1, 2, 0x30};
.const .align 4 .f32 half = 0.5;
.global .align 8 .u64 pointer = table;
.entry kernel() {
  .reg .b32 %a, %b;
  .reg .b64 %p;
  .reg .pred %q;
  ld.global.u64 %p, [pointer];
  ld.global.u32 %a, [%p+8];
  ld.global.u32 %b, [table+12];
  add.s32 %a, %a, %b;
  ld.const.b32 %b, [half];
  add.s32 %a, %a, %b;
  setp.ne.u32 %q, %a, 0x3F000030;
  @%q trap;
  ret;
}
)");
  EXPECT_TRUE(module.launch("kernel", {}, {}, {})) << describe(take_faults());
}

TEST(Options, AreReadFromText) {
  const Options options = options_from("seed=3,races=0,perturb_mma=1,compute_capability=90,n_devices=2");
  EXPECT_EQ(options.seed, 3U);
  EXPECT_FALSE(options.races);
  EXPECT_TRUE(options.perturb_mma);
  EXPECT_EQ(options.compute_capability, 90);
  EXPECT_EQ(options.n_devices, 2);
  EXPECT_THROW(options_from("speed=3"), std::invalid_argument);
  EXPECT_THROW(options_from("seed=three"), std::invalid_argument);
  EXPECT_THROW(options_from("seed"), std::invalid_argument);
}

}  // namespace
}  // namespace segue::ptx
