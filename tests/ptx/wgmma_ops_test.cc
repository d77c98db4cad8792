// wgmma by values worked out from the manual's layouts, which stand here once more, written out: where an element lies
// in shared memory, and which thread holds which sum. And what must not be done around it is refused.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>

#include "tests/ptx/device_array.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

enum class Kind { kBf16, kF16, kTf32, kS8 };

/// A product of `n_steps` instructions over 64 x `columns` x (n_steps * 32 bytes).
struct Shape {
  Kind kind = Kind::kBf16;
  int columns = 8;
  int span = 128;  ///< bytes of a row of the swizzle; 0: none
  bool a_in_registers = false;
  int shift = 0;  ///< bytes from a boundary of 1024 to where the patterns begin
  int size() const { return kind == Kind::kTf32 ? 4 : kind == Kind::kS8 ? 1 : 2; }
  int n_steps() const { return span == 0 ? 1 : span / 32; }
  int depth() const { return n_steps() * 32 / size(); }
  std::string instruction() const {
    const std::string k = std::to_string(32 / size());
    const char* types = kind == Kind::kBf16  ? ".f32.bf16.bf16"
                        : kind == Kind::kF16 ? ".f32.f16.f16"
                        : kind == Kind::kS8  ? ".s32.s8.s8"
                                             : ".f32.tf32.tf32";
    return "wgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) + "k" + k + types;
  }
};

/// Where byte `at` of a row lies: eight rows make a pattern (or two core matrices of eight rows of 16 bytes).
std::size_t place_of(int span, int row, int at) {
  const int group = row / 8, r = row % 8, chunk = at / 16, within = at % 16;
  switch (span) {
    case 128: return static_cast<std::size_t>(group * 1024 + r * 128 + (chunk ^ r) * 16 + within);
    case 64: return static_cast<std::size_t>(group * 512 + r * 64 + (chunk ^ r / 2) * 16 + within);
    case 32: return static_cast<std::size_t>(group * 256 + r * 32 + (chunk ^ r / 4) * 16 + within);
    default: return static_cast<std::size_t>(group * 256 + chunk * 128 + r * 16 + within);
  }
}

u32 bits_of(Kind kind, int value) {
  switch (kind) {
    case Kind::kBf16: return bfloat_bits(value);
    case Kind::kF16: return half_bits(value);
    case Kind::kTf32: return bits_as<u32>(static_cast<float>(value)) | 0x1FFF;  // below what the hardware reads
    default: return static_cast<u8>(value);
  }
}

/// What a program does at each of its stages.
struct Stages {
  std::string publish = "fence.proxy.async;", synchronise = "bar.sync 0;", order = "wgmma.fence.sync.aligned;";
  std::string before = "", scale_d = "1", signs = "1, 1", commit = "wgmma.commit_group.sync.aligned;", before_wait = "";
  std::string wait = "wgmma.wait_group.sync.aligned 0;", after_wait = "";
  u64 a_bits = 0, b_bits = 0;  ///< that the descriptors have besides
  u32 a_offset = 0, b_offset = 0;
};

u64 descriptor_bits(int span, u64 group_bytes) {
  const u64 mode = span == 128 ? 1 : span == 64 ? 2 : span == 32 ? 3 : 0;
  return mode << 62 | (group_bytes >> 4) << 32 | u64{128 >> 4} << 16;
}

std::string list(const std::string& prefix, int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += (i == 0 ? "{" : ", ") + prefix + std::to_string(i);
  return text + "}";
}

int group_bytes_of(int span) { return span == 0 ? 256 : 8 * span; }

/// The bytes of shared memory that so many rows take, in whole KB.
int bytes_of(const Shape& shape, int n_rows) {
  return (n_rows / 8 * group_bytes_of(shape.span) + shape.shift + 1023) / 1024 * 1024;
}

/// Copies the image to shared memory, multiplies, and stores the sums of every thread.
std::string program(const Shape& shape, const Stages& stages) {
  const int n_sums = shape.columns / 2, group_bytes = group_bytes_of(shape.span);
  const int b_at = bytes_of(shape, 64), n_bytes = b_at + bytes_of(shape, shape.columns);
  const auto n = [](auto value) { return std::to_string(value); };
  std::string text =
      ".version 8.7\n.target sm_90a\n.address_size 64\n"
      ".visible .entry product(.param .u64 image, .param .u64 fragments, .param .u64 sums) {\n"
      ".reg .b64 %image, %fragments, %sums, %o, %da, %db, %to, %state;\n.reg .b32 %i, %s, %memory, %tid, %x, %v<4>;\n"
      ".reg .b32 %d<" +
      n(n_sums) +
      ">, %a<16>, %other<4>;\n.reg .pred %p, %q;\n"
      ".shared .align 1024 .b8 memory[" +
      n(n_bytes) +
      "];\n.shared .align 8 .b8 barrier[8];\n"
      "ld.param.u64 %image, [image];\nld.param.u64 %fragments, [fragments];\nld.param.u64 %sums, [sums];\n"
      "mov.u32 %memory, memory;\nmov.u32 %tid, %tid.x;\nmov.b32 %x, 0;\nshl.b32 %i, %tid, 4;\n"
      "$copy:\ncvt.u64.u32 %o, %i;\nadd.s64 %o, %image, %o;\nld.global.v4.b32 {%v0, %v1, %v2, %v3}, [%o];\n"
      "add.u32 %s, %memory, %i;\nst.shared.v4.b32 [%s], {%v0, %v1, %v2, %v3};\nadd.u32 %i, %i, 2048;\n"
      "setp.lt.u32 %p, %i, " +
      n(n_bytes) + ";\n@%p bra $copy;\n" + "mul.wide.u32 %to, %tid, " + n(4 * n_sums) +
      ";\nadd.s64 %sums, %sums, %to;\n"
      "mul.wide.u32 %to, %tid, 64;\nadd.s64 %fragments, %fragments, %to;\n";
  for (int i = 0; i < n_sums; ++i) text += "ld.global.b32 %d" + n(i) + ", [%sums+" + n(4 * i) + "];\n";
  for (int i = 0; i < 16; ++i) text += "ld.global.b32 %a" + n(i) + ", [%fragments+" + n(4 * i) + "];\n";
  text += stages.publish + "\n" + stages.synchronise + "\n" + stages.before + "\n" + stages.order + "\n";
  const auto descriptor = [&](const char* name, u32 offset, u64 bits) {
    return "add.u32 %s, %memory, " + n(offset) + ";\nshr.u32 %s, %s, 4;\ncvt.u64.u32 " + name + ", %s;\nor.b64 " +
           name + ", " + name + ", " + n(bits) + ";\n";
  };
  for (int step = 0; step < shape.n_steps(); ++step) {
    const u64 bits = descriptor_bits(shape.span, static_cast<u64>(group_bytes));
    const auto at = static_cast<u32>(32 * step);
    text += descriptor("%da", at + stages.a_offset, bits | stages.a_bits) +
            descriptor("%db", static_cast<u32>(b_at) + at + stages.b_offset, bits | stages.b_bits);
    std::string a = "%da";
    if (shape.a_in_registers)
      a = "{%a" + n(4 * step) + ", %a" + n(4 * step + 1) + ", %a" + n(4 * step + 2) + ", %a" + n(4 * step + 3) + "}";
    std::string modifiers = shape.kind == Kind::kS8 ? "" : ", " + stages.signs;
    if (shape.kind == Kind::kBf16 || shape.kind == Kind::kF16) modifiers += shape.a_in_registers ? ", 0" : ", 0, 0";
    text += shape.instruction() + " " + list("%d", n_sums) + ", " + a + ", %db, " + stages.scale_d + modifiers + ";\n";
  }
  text += stages.commit + "\n" + stages.before_wait + "\n" + stages.wait + "\n" + stages.after_wait + "\n";
  for (int i = 0; i < n_sums; ++i) text += "st.global.b32 [%sums+" + n(4 * i) + "], %d" + n(i) + ";\n";
  return text + "ret;\n}\n";
}

struct Matrices {
  std::vector<int> a, b;  ///< 64 and `columns` rows of `depth`
  std::vector<u8> image;
  std::vector<u32> fragments, sums;
};

constexpr int kStart = 3;

Matrices matrices(const Shape& shape) {
  Random random(static_cast<u64>(shape.columns + 7 * shape.span));
  const int most = shape.kind == Kind::kS8 ? 127 : 16, depth = shape.depth(), size = shape.size();
  Matrices all;
  all.a.resize(static_cast<std::size_t>(64 * depth));
  all.b.resize(static_cast<std::size_t>(shape.columns * depth));
  for (auto* matrix : {&all.a, &all.b})
    for (int& value : *matrix) value = static_cast<int>(random.below(2 * static_cast<u64>(most) + 2)) - most - 1;
  const int b_at = bytes_of(shape, 64);
  all.image.resize(static_cast<std::size_t>(b_at + bytes_of(shape, shape.columns)), 0xEE);
  const auto put = [&](const std::vector<int>& matrix, int n_rows, std::size_t from) {
    for (int row = 0; row < n_rows; ++row)
      for (int k = 0; k < depth; ++k) {
        const u32 bits = bits_of(shape.kind, matrix[static_cast<std::size_t>(row * depth + k)]);
        for (int byte = 0; byte < size; ++byte)
          all.image[from + static_cast<std::size_t>(shape.shift) + place_of(shape.span, row, k * size + byte)] =
              static_cast<u8>(bits >> (8 * byte));
      }
  };
  if (!shape.a_in_registers) put(all.a, 64, 0);
  put(all.b, shape.columns, static_cast<std::size_t>(b_at));
  // Register j of a lane: rows lane / 4 and, for odd j, 8 below; from j = 2 on the second half of the 32 bytes.
  for (int thread = 0; thread < 128; ++thread)
    for (int i = 0; i < 16; ++i) {
      const int lane = thread % 32, step = i / 4, j = i % 4, in_register = 4 / size;
      const int row = thread / 32 * 16 + lane / 4 + j % 2 * 8;
      u32 bits = 0;
      for (int e = 0; e < in_register && step < shape.n_steps(); ++e) {
        const int k = step * 32 / size + j / 2 * 4 * in_register + lane % 4 * in_register + e;
        bits |= bits_of(shape.kind, all.a[static_cast<std::size_t>(row * depth + k)]) << (8 * size * e % 32);
      }
      all.fragments.push_back(bits);
    }
  all.sums.assign(static_cast<std::size_t>(128 * shape.columns / 2),
                  shape.kind == Kind::kS8 ? static_cast<u32>(kStart) : bits_as<u32>(static_cast<float>(kStart)));
  return all;
}

Options with_seed(u64 seed) {
  Options options;
  options.seed = seed;
  options.compute_capability = 90;
  return options;
}

/// The sums of all threads; empty if the launch faulted.
std::vector<u32> run(const Shape& shape, const Stages& stages, u64 seed) {
  configure(with_seed(seed));
  const Matrices all = matrices(shape);
  const DeviceArray<u8> image(all.image);
  const DeviceArray<u32> fragments(all.fragments), sums(all.sums);
  LoadedModule module(program(shape, stages));
  if (!module.launch("product", {}, {128}, {image.argument(), fragments.argument(), sums.argument()})) return {};
  return sums.values();
}

/// `sign` and `start` are what scale-a, scale-b and scale-d make of the sum.
void expect_product(const Shape& shape, const Stages& stages = {}, int sign = 1, int start = kStart) {
  const Matrices all = matrices(shape);
  for (const u64 seed : {0, 1, 2}) {
    const std::vector<u32> sums = run(shape, stages, seed);
    ASSERT_EQ(describe(take_faults()), "") << shape.instruction() << " seed " << seed;
    ASSERT_EQ(sums.size(), all.sums.size());
    for (int thread = 0; thread < 128; ++thread) {
      for (int i = 0; i < shape.columns / 2; ++i) {
        // Warp w holds rows 16 w and on; of every eight columns a lane holds two, in rows lane / 4 and 8 below.
        const int lane = thread % 32;
        const int row = thread / 32 * 16 + lane / 4 + (i % 4 >= 2 ? 8 : 0), column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        double sum = start;
        for (int k = 0; k < shape.depth(); ++k)
          sum += sign * double{1} * all.a[static_cast<std::size_t>(row * shape.depth() + k)] *
                 all.b[static_cast<std::size_t>(column * shape.depth() + k)];
        const u32 found = sums[static_cast<std::size_t>(thread * (shape.columns / 2) + i)];
        const double value =
            shape.kind == Kind::kS8 ? static_cast<i32>(found) : static_cast<double>(bits_as<float>(found));
        ASSERT_EQ(value, sum) << shape.instruction() << " row " << row << " column " << column << " seed " << seed;
      }
    }
  }
}

TEST(Wgmma, EveryTypeAndWidth) {
  for (const Kind kind : {Kind::kBf16, Kind::kF16, Kind::kTf32, Kind::kS8})
    for (const int columns : {8, 64, 128, 256}) expect_product({kind, columns, 128, false});
}

TEST(Wgmma, FragmentsOfAInRegisters) {
  for (const Kind kind : {Kind::kBf16, Kind::kF16, Kind::kTf32, Kind::kS8})
    for (const int columns : {8, 128}) expect_product({kind, columns, 128, true});
}

TEST(Wgmma, EverySwizzle) {
  for (const int span : {0, 32, 64, 128}) {
    expect_product({Kind::kBf16, 24, span, false});
    expect_product({Kind::kS8, 32, span, true});
  }
}

TEST(Wgmma, ABaseOffsetMovesThePattern) {
  Stages stages;
  stages.a_offset = stages.b_offset = 384;
  stages.a_bits = stages.b_bits = u64{3} << 49;
  expect_product({Kind::kBf16, 24, 128, false, 384}, stages);
}

TEST(Wgmma, Scales) {
  Stages stages;
  stages.signs = "-1, 1";
  expect_product({Kind::kBf16, 16, 32}, stages, -1);
  stages.signs = "-1, -1";
  expect_product({Kind::kTf32, 16, 32}, stages, 1);
  stages.signs = "1, 1";
  stages.before = "setp.ne.u32 %q, %memory, %memory;";  // false
  stages.scale_d = "%q";
  expect_product({Kind::kF16, 16, 32}, stages, 1, 0);
  expect_product({Kind::kS8, 16, 32}, stages, 1, 0);
  stages.scale_d = "0";
  expect_product({Kind::kBf16, 16, 32}, stages, 1, 0);
}

TEST(Wgmma, WhatIsNotKnownIsRefusedByName) {
  const auto refusal = [](std::string from, const std::string& to) {
    std::string text = program({Kind::kBf16, 8, 32}, {});
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
    configure(with_seed(0));
    const DeviceArray<u8> nothing(std::vector<u8>(64, 0));
    LoadedModule module(text);
    try {
      module.launch("product", {}, {128}, {nothing.argument(), nothing.argument(), nothing.argument()});
    } catch (const std::exception& why) {
      return std::string(why.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal("1, 1, 0, 0;", "1, 1, 1, 0;").find("unknown modifier imm-trans-a"), std::string::npos);
  EXPECT_NE(refusal("1, 1, 0, 0;", "1, 1, 0, 1;").find("unknown modifier imm-trans-b"), std::string::npos);
  EXPECT_NE(refusal("1, 1, 0, 0;", "2, 1, 0, 0;").find("1 or -1 expected"), std::string::npos);
  EXPECT_NE(refusal("1, 1, 0, 0;", "1, 1;").find("an operand is missing"), std::string::npos);
  EXPECT_NE(refusal("m64n8k16", "m64n8k8").find("a shape that these types do not have"), std::string::npos);
  EXPECT_NE(refusal("m64n8k16", "m64n12k16").find("a shape"), std::string::npos);
  EXPECT_NE(refusal("{%d0, %d1, %d2, %d3}", "{%d0, %d1, %d2, %d2}").find("one register in two"), std::string::npos);
  EXPECT_NE(refusal(".f32.bf16.bf16", ".f32.e4m3.e4m3").find("a type expected"), std::string::npos);
}

/// All that goes wrong in the program names `text`, under every schedule.
void expect_fault(const Stages& stages, const std::string& text, Shape shape = {}) {
  for (const u64 seed : {0, 1, 2, 3}) {
    run(shape, stages, seed);
    EXPECT_NE(describe(take_faults()).find(text), std::string::npos) << text << ", seed " << seed;
  }
}
void expect_no_fault(const Stages& stages, Shape shape = {}) {
  for (const u64 seed : {0, 1, 2, 3}) {
    run(shape, stages, seed);
    EXPECT_EQ(describe(take_faults()), "") << "seed " << seed;
  }
}

TEST(WgmmaDefects, WritesThatNoProxyFenceFollows) {
  Stages stages;
  stages.publish = "fence.proxy.async.shared::cta;";
  expect_no_fault(stages);
  stages.publish = "";
  expect_fault(stages, "no fence.proxy.async between the write and");
  stages.publish = "fence.proxy.async.global;";
  expect_fault(stages, "no fence.proxy.async between the write and");
  stages.publish = "";
  stages.synchronise = "bar.sync 0; fence.proxy.async;";
  expect_fault(stages, "no fence.proxy.async between the write and");
  stages.publish = "setp.ne.u32 %p, %tid, 77; @%p fence.proxy.async;";  // one thread leaves it out
  stages.synchronise = "bar.sync 0;";
  expect_fault(stages, "written by thread 77: there is no fence.proxy.async");
  stages.publish = "fence.proxy.async;";
  stages.synchronise = "st.shared.v4.b32 [%s], {%v0, %v1, %v2, %v3}; bar.sync 0;";  // written once more behind it
  expect_fault(stages, "no fence.proxy.async between the write and");
}

TEST(WgmmaDefects, CopiesThatAreFencedBeforeTheirWait) {
  const std::string copy = "sub.u32 %s, %s, 0; cp.async.cg.shared.global [%s], [%o], 16; cp.async.commit_group;";
  Stages stages;
  stages.publish = copy + "cp.async.wait_group 0; fence.proxy.async;";
  expect_no_fault(stages);
  stages.publish = copy + "fence.proxy.async; cp.async.wait_group 0;";
  expect_fault(stages, "no fence.proxy.async between the write and");
  stages.publish = copy + "fence.proxy.async;";
  expect_fault(stages, "cp.async that was not waited for");
}

TEST(WgmmaDefects, OperandsWithoutOrder) {
  Stages stages;
  stages.synchronise = "";
  for (const u64 seed : {0, 1, 2, 3}) {
    run({}, stages, seed);
    const std::string found = describe(take_faults());
    EXPECT_TRUE(found.find("race on shared memory") != std::string::npos ||
                found.find("never written") != std::string::npos)
        << found << "seed " << seed;
  }
}

TEST(WgmmaDefects, OperandsThatAreWrittenTooEarly) {
  const std::string write = "setp.eq.u32 %p, %tid, 127; @%p st.shared.b32 [memory], %x;";
  Stages stages;
  stages.before_wait = "setp.eq.u32 %p, %tid, 0; @%p st.shared.b32 [memory], %x;";
  expect_fault(stages, "meets an operand of a wgmma that was not waited for");
  stages.before_wait =
      "cvta.to.global.u64 %o, %image; setp.eq.u32 %p, %tid, 0; @%p cp.async.ca.shared.global [memory], [%o], 4;";
  expect_fault(stages, "meets an operand of a wgmma that was not waited for");
  // Row 0 is read for warp 0: another warp has to be told that this is over.
  stages.before_wait = "";
  stages.after_wait = write;
  for (const u64 seed : {0, 1, 2, 3}) {
    run({}, stages, seed);
    const std::string found = describe(take_faults());
    EXPECT_TRUE(found.find("by wgmma for warp 0") != std::string::npos ||
                found.find("an operand of a wgmma") != std::string::npos ||
                found.find("race on shared memory") != std::string::npos)
        << found << "seed " << seed;
  }
  stages.before_wait = "bar.sync 0;";  // which speaks for nothing that the wait is for
  expect_fault(stages, "wgmma");
  stages.before_wait = "";
  stages.after_wait = "bar.sync 0; " + write;
  expect_no_fault(stages);
}

TEST(WgmmaDefects, OperandsAreHandedBackByAnMbarrier) {
  // A lane of each warp arrives; the last thread waits, and writes.
  const std::string init = "setp.eq.u32 %p, %tid, 0; @%p mbarrier.init.shared.b64 [barrier], 4; bar.sync 0;";
  const std::string arrive =
      "and.b32 %x, %tid, 31; setp.eq.u32 %p, %x, 0; "
      "@%p mbarrier.arrive.shared::cta.b64 _, [barrier]; ";
  const std::string wait =
      "setp.ne.u32 %q, %tid, 127; @%q bra $done; $again: "
      "mbarrier.try_wait.parity.shared::cta.b64 %p, [barrier], 0; @!%p bra $again; "
      "st.shared.b32 [memory], %x; $done:";
  Stages stages;
  stages.synchronise = init;
  stages.after_wait = arrive + wait;
  expect_no_fault(stages);
  stages.before_wait = arrive;
  stages.after_wait = wait;
  expect_fault(stages, "wgmma");
}

TEST(WgmmaDefects, AccumulatorsAndFragmentsUnderWay) {
  Stages stages;
  for (const char* touch : {"mov.b32 %x, %d1;", "mov.b32 %d1, %x;", "setp.ne.u32 %p, %x, 0; @!%p mov.b32 %d3, %x;"}) {
    stages.before_wait = touch;
    expect_fault(stages, "an accumulator of wgmma in flight");
  }
  stages.before_wait = "setp.ne.u32 %p, %x, 0; @%p mov.b32 %d3, %x;";  // never done
  expect_no_fault(stages);
  stages.before_wait = "mov.b32 %a2, %x;";
  expect_no_fault(stages);
  expect_fault(stages, "a fragment of A of wgmma in flight", {Kind::kBf16, 8, 128, true});
  stages.before_wait = "";
  stages.wait = "wgmma.wait_group.sync.aligned 1;";
  expect_fault(stages, "an accumulator of wgmma in flight");
  stages.wait = "wgmma.wait_group.sync.aligned 0;";
  stages.commit = "";
  expect_fault(stages, "an accumulator of wgmma in flight");
  stages.commit = "wgmma.commit_group.sync.aligned;";
  // Another shape, and another order of the same registers.
  const std::string tail = ", %da, %db, 1, 1, 1, 0, 0; wgmma.commit_group.sync.aligned;";
  stages.before_wait =
      "wgmma.mma_async.sync.aligned.m64n8k8.f32.tf32.tf32 {%d0, %d1, %d2, %d3}, %da, %db, 1, 1, 1; "
      "wgmma.commit_group.sync.aligned;";
  expect_fault(stages, "an accumulator of wgmma in flight");
  stages.before_wait = "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%d1, %d0, %d2, %d3}" + tail;
  expect_fault(stages, "an accumulator of wgmma in flight");
  stages.before_wait = "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%d0, %d1, %d2, %d3}" + tail;
  expect_no_fault(stages);
}

TEST(WgmmaDefects, RegistersThatNoFenceOrders) {
  Stages stages;
  stages.order = "";
  expect_fault(stages, "no wgmma.fence between the last access of an accumulator");
  stages.order = "wgmma.fence.sync.aligned; mov.b32 %d2, %x;";
  expect_fault(stages, "no wgmma.fence between the last access of an accumulator");
  stages.order = "wgmma.fence.sync.aligned; mov.b32 %x, %d2;";
  expect_fault(stages, "no wgmma.fence between the last access of an accumulator");
  stages.order = "wgmma.fence.sync.aligned; mov.b32 %a2, %x;";
  expect_fault(stages, "no wgmma.fence between the last access of a fragment of A", {Kind::kBf16, 8, 128, true});
  // After the wait the same shape may go on without one, unless something was touched.
  const std::string again =
      "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%d0, %d1, %d2, %d3}, %da, %db, 1, "
      "1, 1, 0, 0; wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;";
  stages.order = "wgmma.fence.sync.aligned;";
  stages.after_wait = again;
  expect_no_fault(stages);
  stages.after_wait = "add.f32 %d0, %d0, %d0; " + again;
  expect_fault(stages, "no wgmma.fence between the last access of an accumulator");
  stages.after_wait = "add.f32 %d0, %d0, %d0; wgmma.fence.sync.aligned; " + again;
  expect_no_fault(stages);
}

TEST(WgmmaDefects, DescriptorsThatAreNone) {
  Stages stages;
  stages.a_offset = 128;
  expect_fault(stages, "not within the first row of one of its patterns");
  stages.a_offset = 112;
  expect_fault(stages, "not within the first row of one of its patterns");
  stages.a_offset = 0;
  stages.b_bits = u64{1} << 49;  // a base offset where none is due
  expect_fault(stages, "not within the first row of one of its patterns");
  for (const int bit : {14, 30, 46, 52, 61}) {
    stages.b_bits = u64{1} << bit;
    expect_fault(stages, "has reserved bits set");
  }
  stages.b_bits = u64{1} << 32;  // on top of a stride of 1024
  expect_fault(stages, "has a stride of 1040 bytes", {Kind::kBf16, 16});
  stages.b_bits = 0;
  stages.b_offset = 64 * 1024;
  expect_fault(stages, "a wgmma that reads 16 bytes of shared memory");
}

TEST(WgmmaDefects, WarpsThatDoNotComeTogether) {
  Stages stages;
  stages.before = "setp.ge.u32 %p, %tid, 96; @%p bra $out;";
  stages.after_wait = "$out:";
  expect_fault(stages, "not all warps of a warpgroup");
  stages.before = "setp.ge.u32 %q, %tid, 96;";
  stages.after_wait = "";
  stages.scale_d = "%q";
  expect_fault(stages, "give different descriptors or scale-d");
  stages.before = "setp.eq.u32 %q, %tid, 96;";
  expect_fault(stages, "lanes give different values of scale-d");
  stages.scale_d = "1";
  stages.before = "setp.eq.u32 %p, %tid, 5; @%p bra $out;";
  stages.after_wait = "$out:";
  for (const u64 seed : {0, 1, 2, 3}) {
    EXPECT_TRUE(run({}, stages, seed).empty());
    EXPECT_NE(take_faults().size(), 0U);
  }
}

}  // namespace
}  // namespace segue::ptx
