// Defects seeded into the PTX of kernels that are right (device_code/patterns.cu): each must be caught, by a fault or
// by a wrong result. README.md has the table.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/ptx/device_array.h"
#include "tests/ptx/device_code/patterns.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/numbers.h"
#include "tests/ptx/ptx_edits.h"
#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

struct Outcome {
  bool is_right = false;
  std::vector<Fault> faults;

  bool has(FaultKind kind) const {
    return std::any_of(faults.begin(), faults.end(), [&](const Fault& fault) { return fault.kind == kind; });
  }
};

/// Runs a kernel under a seed, its module changed by `edit`.
template <class Run>
Outcome outcome_of(u64 seed, const TransformModule& edit, Run run, bool races = true) {
  Options options;
  options.seed = seed;
  options.races = races;
  configure(options);
  set_module_transform(edit);
  Outcome outcome;
  try {
    outcome.is_right = run();
  } catch (const std::runtime_error&) {  // a sticky error of the device
    outcome.is_right = false;
  }
  outcome.faults = take_faults();
  set_module_transform({});
  configure({});
  return outcome;
}

std::vector<int> numbers(int n) {
  std::vector<int> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 1);
  return values;
}

bool run_block_sums() {
  const std::vector<int> values = numbers(700);
  const DeviceArray<int> device(values), sums(std::size_t{3});
  block_sums(device.data(), 700, sums.data(), 3, nullptr);
  return sums.values() == std::vector<int>{256 * 257 / 2, 512 * 513 / 2 - 256 * 257 / 2, 700 * 701 / 2 - 512 * 513 / 2};
}

bool run_last_block() {
  const std::vector<int> values = numbers(2000);
  const DeviceArray<int> device(values), partial(std::size_t{8}), sum(std::size_t{1});
  const DeviceArray<unsigned> n_done(std::vector<unsigned>{0});
  last_block_sum(device.data(), 2000, partial.data(), n_done.data(), sum.data(), 8, nullptr);
  return sum.values()[0] == 2000 * 2001 / 2 && n_done.values()[0] == 0;
}

bool run_histogram() {
  std::vector<int> values(1000);
  std::vector<unsigned> expected(64);
  for (std::size_t i = 0; i < values.size(); ++i)
    ++expected[static_cast<std::size_t>(values[i] = static_cast<int>(i * i % 61))];
  const DeviceArray<int> device(values);
  const DeviceArray<unsigned> counts(std::vector<unsigned>(64));
  histogram(device.data(), 1000, counts.data(), 4, nullptr);
  return counts.values() == expected;
}

bool run_matmul() {
  constexpr int kRows = 64, kColumns = 32, kDepth = 112;
  Random random(5);
  std::vector<int> a(kRows * kDepth), b(kColumns * kDepth);
  std::vector<u16> a_bits, b_bits;
  for (int& value : a) a_bits.push_back(bfloat_bits(value = static_cast<int>(random.below(17)) - 8));
  for (int& value : b) b_bits.push_back(bfloat_bits(value = static_cast<int>(random.below(17)) - 8));
  const DeviceArray<u16> a_device(a_bits), b_device(b_bits);
  const DeviceArray<float> c(std::size_t{kRows * kColumns});
  pipelined_matmul(a_device.data(), b_device.data(), c.data(), kRows / 32, kColumns / 16, kDepth, nullptr);
  const std::vector<float> found = c.values();
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      int sum = 0;
      for (int k = 0; k < kDepth; ++k)
        sum += a[static_cast<std::size_t>(row * kDepth + k)] * b[static_cast<std::size_t>(column * kDepth + k)];
      if (found[static_cast<std::size_t>(row * kColumns + column)] != static_cast<float>(sum)) return false;
    }
  }
  return true;
}

using KernelRun = bool (*)();
constexpr u64 kSeeds[] = {0, 1, 2, 3};

/// Without a defect nothing is found.
void expect_good(KernelRun run) {
  for (u64 seed = 0; seed < 20; ++seed) {
    const Outcome outcome = outcome_of(seed, {}, run);
    EXPECT_TRUE(outcome.is_right) << "seed " << seed;
    EXPECT_EQ(describe(outcome.faults), "") << "seed " << seed;
  }
}

/// With it, every schedule shows a fault of one of these kinds.
void expect_caught(KernelRun run, const TransformModule& edit, std::initializer_list<FaultKind> kinds,
                   const std::string& defect) {
  for (u64 seed : kSeeds) {
    const Outcome outcome = outcome_of(seed, edit, run);
    EXPECT_TRUE(std::any_of(kinds.begin(), kinds.end(), [&](FaultKind kind) { return outcome.has(kind); }))
        << defect << ", seed " << seed << ": " << describe(outcome.faults);
  }
}

/// The text of the module that holds a kernel, as it is registered.
std::string text_of(const std::string& kernel, KernelRun run) {
  std::string found;
  (void)outcome_of(
      0,
      [&](const std::string& ptx) {
        if (ptx.find(kernel) != std::string::npos) found = ptx;
        return ptx;
      },
      run);
  return found;
}

TEST(Defects, TheKernelsAreRightWithoutThem) {
  expect_good(run_block_sums);
  expect_good(run_last_block);
  expect_good(run_histogram);
  expect_good(run_matmul);
}

TEST(Defects, EveryMissingBarrierOfAReduction) {
  const std::string kernel = "block_sums_kernel";
  const int n = count_lines(text_of(kernel, run_block_sums), kernel, "bar.sync");
  ASSERT_EQ(n, 4);
  for (int i = 0; i < n; ++i)
    expect_caught(
        run_block_sums, [&](const std::string& ptx) { return without(ptx, kernel, i, "bar.sync"); },
        {FaultKind::kRace, FaultKind::kUninitialised}, "barrier " + std::to_string(i));
}

TEST(Defects, EveryMissingSyncwarpOfAReduction) {
  const std::string kernel = "block_sums_kernel";
  const int n = count_lines(text_of(kernel, run_block_sums), kernel, "bar.warp.sync");
  ASSERT_EQ(n, 5);
  // The last one is not needed: thread 0 reads what it wrote itself.
  for (int i = 0; i + 1 < n; ++i)
    expect_caught(
        run_block_sums, [&](const std::string& ptx) { return without(ptx, kernel, i, "bar.warp.sync"); },
        {FaultKind::kRace}, "syncwarp " + std::to_string(i));
}

TEST(Defects, ABoundThatIsOffByOne) {
  expect_caught(
      run_block_sums,
      [](const std::string& ptx) { return replace_in(ptx, "block_sums_kernel", 0, "setp.ge.s32", "setp.gt.s32"); },
      {FaultKind::kOutOfBounds}, "one value too many");
}

TEST(Defects, ADivergentBarrier) {
  const std::string half =
      "{ .reg .pred %half; .reg .u32 %lane; mov.u32 %lane, %laneid; setp.lt.u32 %half, %lane, 16; @%half bar.sync 0; } "
      "//";
  expect_caught(
      run_block_sums, [&](const std::string& ptx) { return replace_in(ptx, "block_sums_kernel", 3, "bar.sync", half); },
      {FaultKind::kDivergence}, "half of every warp goes by");
}

TEST(Defects, AMissingStore) {
  expect_caught(
      run_block_sums, [](const std::string& ptx) { return without(ptx, "block_sums_kernel", 0, "st.shared.u32"); },
      {FaultKind::kUninitialised}, "what is summed was never written");
}

TEST(Defects, AMisalignedAddress) {
  expect_caught(
      run_block_sums, [](const std::string& ptx) { return replace_in(ptx, "block_sums_kernel", 0, "+512]", "+510]"); },
      {FaultKind::kMisaligned}, "two bytes too low");
}

TEST(Defects, AMissingFence) {
  for (int i = 0; i < 2; ++i)
    expect_caught(
        run_last_block, [&](const std::string& ptx) { return without(ptx, "last_block_sum_kernel", i, "membar.gl"); },
        {FaultKind::kRace}, i == 0 ? "before the atomic" : "after the atomic");
}

TEST(Defects, AFenceOfTheBlockAlone) {
  expect_caught(
      run_last_block,
      [](const std::string& ptx) { return replace_in(ptx, "last_block_sum_kernel", 0, "membar.gl", "membar.cta"); },
      {FaultKind::kRace}, "membar.cta");
}

/// atom.<space>.add by one as a load, an addition and a store.
std::string without_atomics(const std::string& ptx, const std::string& kernel, const std::string& space) {
  return edit_kernel(ptx, kernel, [&](const std::string& line) {
    const std::size_t open = line.find('['), close = line.find(']'), result = line.find('%');
    if (line.find("atom." + space + ".add.u32") == std::string::npos) return line;
    const std::string address = line.substr(open, close - open + 1), old = line.substr(result, line.find(',') - result);
    return "{ .reg .u32 %n; ld." + space + ".u32 %n, " + address + "; mov.u32 " + old + ", %n; add.s32 %n, %n, 1; st." +
           space + ".u32 " + address + ", %n; }";
  });
}

TEST(Defects, APlainStoreWhereAnAtomicIsNeeded) {
  ASSERT_EQ(
      count_lines(text_of("last_block_sum_kernel", run_last_block), "last_block_sum_kernel", "atom.global.add.u32"), 1);
  expect_caught(
      run_last_block, [](const std::string& ptx) { return without_atomics(ptx, "last_block_sum_kernel", "global"); },
      {FaultKind::kRace}, "a counter of blocks");
  ASSERT_EQ(count_lines(text_of("histogram_kernel", run_histogram), "histogram_kernel", "atom.shared.add.u32"), 1);
  expect_caught(
      run_histogram, [](const std::string& ptx) { return without_atomics(ptx, "histogram_kernel", "shared"); },
      {FaultKind::kRace}, "counts of a block");
}

TEST(Defects, ACopyThatIsWaitedForOneGroupTooFew) {
  const std::string kernel = "pipelined_matmul_kernel";
  for (u64 seed : kSeeds) {
    const Outcome outcome = outcome_of(
        seed,
        [&](const std::string& ptx) {
          return replace_in(ptx, kernel, -1, "cp.async.wait_group 1", "cp.async.wait_group 2");
        },
        run_matmul);
    EXPECT_TRUE(outcome.has(FaultKind::kInFlight)) << describe(outcome.faults);
  }
}

TEST(Defects, EveryMissingBarrierOfAPipeline) {
  const std::string kernel = "pipelined_matmul_kernel";
  const int n = count_lines(text_of(kernel, run_matmul), kernel, "bar.sync");
  ASSERT_GT(n, 0);
  for (int i = 0; i < n; ++i) {
    for (u64 seed : kSeeds) {
      const Outcome outcome = outcome_of(
          seed, [&](const std::string& ptx) { return without(ptx, kernel, i, "bar.sync"); }, run_matmul);
      EXPECT_TRUE(outcome.has(FaultKind::kRace) || outcome.has(FaultKind::kInFlight))
          << i << " " << seed << describe(outcome.faults);
    }
  }
}

/// Two registers of a fragment the wrong way round: no fault, but a wrong product.
TEST(Defects, ASwappedFragmentRegister) {
  const std::string kernel = "pipelined_matmul_kernel";
  const auto swap_after = [&](const std::string& ptx, int group, int first, int second) {
    return edit_kernel(ptx, kernel, [&](std::string line) {
      if (line.find("mma.sync") == std::string::npos) return line;
      std::size_t open = 0;
      for (int i = 0; i <= group; ++i) open = line.find('{', open) + 1;
      const std::size_t close = line.find('}', open);
      std::vector<std::string> registers;
      for (std::size_t at = open; at < close;) {
        const std::size_t end = std::min(line.find(", ", at), close);
        registers.push_back(line.substr(at, end - at));
        at = end + 2;
      }
      std::swap(registers[static_cast<std::size_t>(first)], registers[static_cast<std::size_t>(second)]);
      std::string joined;
      for (const std::string& each : registers) joined += (joined.empty() ? "" : ", ") + each;
      return line.replace(open, close - open, joined);
    });
  };
  for (const auto& [group, first, second] :
       {std::tuple{1, 0, 1}, std::tuple{1, 1, 2}, std::tuple{1, 2, 3}, std::tuple{2, 0, 1}, std::tuple{0, 1, 2}}) {
    const Outcome outcome = outcome_of(
        1, [&, g = group, f = first, s = second](const std::string& ptx) { return swap_after(ptx, g, f, s); },
        run_matmul);
    EXPECT_FALSE(outcome.is_right) << group << ": " << first << " and " << second;
    EXPECT_EQ(describe(outcome.faults), "");
  }
}

/// The schedules alone, without the race detector: some of them make the result wrong or meet unwritten memory.
TEST(Defects, SomeSchedulesShowThemEvenWithoutTheRaceDetector) {
  const auto n_shown = [](KernelRun run, const TransformModule& edit) {
    int n = 0;
    for (u64 seed = 0; seed < 40; ++seed) {
      const Outcome outcome = outcome_of(seed, edit, run, false);
      n += !outcome.is_right || !outcome.faults.empty() ? 1 : 0;
    }
    return n;
  };
  EXPECT_EQ(n_shown(run_block_sums, {}), 0);
  EXPECT_EQ(n_shown(run_matmul, {}), 0);
  for (int i = 0; i < 4; ++i)
    EXPECT_GT(n_shown(run_block_sums,
                      [&](const std::string& ptx) { return without(ptx, "block_sums_kernel", i, "bar.sync"); }),
              0)
        << "barrier " << i;
  for (int i = 0; i < 3; ++i)
    EXPECT_GT(n_shown(run_block_sums,
                      [&](const std::string& ptx) { return without(ptx, "block_sums_kernel", i, "bar.warp.sync"); }),
              0)
        << "syncwarp " << i;
  EXPECT_GT(n_shown(run_last_block,
                    [](const std::string& ptx) { return without_atomics(ptx, "last_block_sum_kernel", "global"); }),
            0);
  EXPECT_GT(
      n_shown(run_histogram, [](const std::string& ptx) { return without_atomics(ptx, "histogram_kernel", "shared"); }),
      0);
}

TEST(Defects, ARaceNamesBothPlaces) {
  const Outcome outcome = outcome_of(
      0, [](const std::string& ptx) { return without(ptx, "block_sums_kernel", 1, "bar.sync"); }, run_block_sums);
  ASSERT_TRUE(outcome.has(FaultKind::kRace));
  EXPECT_THAT(outcome.faults[0].message,
              testing::ContainsRegex(
                  "race: a race on shared memory at 0x[0-9a-f]+: .* at patterns.cu:[0-9]+ .*PTX line [0-9]+"));
  EXPECT_THAT(outcome.faults[0].message, testing::ContainsRegex("and a (read|write) at patterns.cu:[0-9]+"));
}

}  // namespace
}  // namespace segue::ptx
