// Defects seeded into the PTX of the scan that ships: each is caught, by a fault, by wrong lists, or by queries that
// the plain form has to finish since their candidates are the wrong ones.

#include <gtest/gtest.h>

#include <regex>
#include <stdexcept>
#include <string>

#include "tests/kernels/on_cuda.h"
#include "tests/ptx/ptx_edits.h"
#include "tests/ptx/software_device.h"

namespace segue::kernels {
namespace {

const std::string kCollecting = "11scan_kernelILNS0_5DTypeE1ELi64ELNS1_7ScanForE0E";
const std::string kSampling = "11scan_kernelILNS0_5DTypeE1ELi64ELNS1_7ScanForE1E";

struct Outcome {
  bool right = false;
  std::int64_t n_unfinished = 0;
  std::vector<ptx::Fault> faults;
  [[nodiscard]] bool caught() const { return !right || n_unfinished > 5 || !faults.empty(); }
};

/// A search by bfloat16 of 40 queries in groups of 64, its module changed by `edit`.
Outcome search_with(const ptx::TransformModule& edit, unsigned seed) {
  ptx::Options options;
  options.seed = seed;
  ptx::configure(options);
  ptx::set_module_transform(edit);
  Outcome outcome;
  try {
    std::mt19937 random(seed);
    const Case given = random_case(40, 1500, 130, DType::kBFloat16, 0, random);
    OnCuda on_cuda(given, DType::kBFloat16);
    const auto plan = cuda::plan_fused(40, on_cuda.nominators(), 5, {2, 160 * 1024});
    if (!plan || plan->block_queries != 64) throw std::logic_error("another kernel than the one with the defect");
    outcome.right = on_cuda.search(*plan, &outcome.n_unfinished) == defined(given, 5);
  } catch (const DeviceFailure&) {
    outcome.right = false;
  }
  outcome.faults = ptx::take_faults();
  ptx::set_module_transform({});
  ptx::configure({});
  return outcome;
}

/// The edit changes something in the module that holds the kernel, and is caught under three schedules.
void expect_caught(const std::string& kernel, const std::string& of_text, const ptx::TransformModule& edit) {
  bool changed = false;
  const ptx::TransformModule noting = [&](const std::string& text) {
    std::string edited = edit(text);
    changed = changed || edited != text;
    return edited;
  };
  for (const unsigned seed : {1U, 2U, 3U})
    EXPECT_TRUE(search_with(noting, seed).caught()) << of_text << " in " << kernel << ", seed " << seed;
  EXPECT_TRUE(changed) << "nothing was seeded: " << of_text;
}

TEST(ScanDefects, WithoutThemTheSearchIsRight) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    const Outcome outcome = search_with({}, seed);
    EXPECT_FALSE(outcome.caught()) << outcome.n_unfinished << " unfinished\n" << ptx::describe(outcome.faults);
  }
}

TEST(ScanDefects, CopiesThatAreWaitedForTooLate) {
  for (const std::string& kernel : {kCollecting, kSampling}) {
    expect_caught(kernel, "wait_group", [&](const std::string& text) {
      return ptx::replace_in(text, kernel, -1, "cp.async.wait_group 1", "cp.async.wait_group 2");
    });
  }
}

TEST(ScanDefects, AMissingBarrier) {
  expect_caught(kSampling, "bar.sync",
                [&](const std::string& text) { return ptx::without(text, kSampling, 0, "bar.sync"); });
}

TEST(ScanDefects, SwappedFragments) {
  const std::regex operands(R"((mma\.sync\S*\s*)(\{[^}]*\}), *(\{[^}]*\}), *\{(%r\d+), *(%r\d+)\})");
  // In the sample they make another threshold, and lists are exact by any.
  expect_caught(kCollecting, "mma", [&](const std::string& text) {
    return ptx::edit_kernel(text, kCollecting, [&](const std::string& line) {
      return std::regex_replace(line, operands, "$1$2, $3, {$5, $4}");
    });
  });
}

TEST(ScanDefects, APermutationThatIsNotTheOneOfTheCopies) {
  expect_caught(kCollecting, "xor", [&](const std::string& text) {
    return ptx::edit_kernel(text, kCollecting, [&](const std::string& line) {
      return std::regex_replace(line, std::regex(R"((xor\.b32.*), 32;)"), "$1, 96;");
    });
  });
}

}  // namespace
}  // namespace segue::kernels
