// The scan that ships, in the form that a Hopper runs: right for every type, and its defects caught.

#include <gtest/gtest.h>

#include <string>

#include "tests/kernels/on_cuda.h"
#include "tests/ptx/ptx_edits.h"
#include "tests/ptx/software_device.h"

namespace segue::kernels {
namespace {

struct Outcome {
  bool right = false;
  std::int64_t n_unfinished = 0;
  std::uint64_t n_wgmma = 0;
  std::vector<ptx::Fault> faults;
};

/// A search in groups of 128 or 256 queries, its module changed by `edit`.
Outcome search(DType dtype, std::int64_t n_queries, unsigned seed, const ptx::TransformModule& edit = {}) {
  ptx::Options options;
  options.seed = seed;
  options.compute_capability = 90;
  ptx::configure(options);
  ptx::set_module_transform(edit);
  Outcome outcome;
  try {
    std::mt19937 random(seed);
    const Case given = random_case(n_queries, 3000, 70, dtype, 0, random);
    OnCuda on_cuda(given, dtype);
    const auto plan = cuda::plan_fused(n_queries, on_cuda.nominators(), 3, {2, 227 * 1024, true});
    if (!plan || plan->block_queries < 128) throw std::logic_error("another kernel than the one under test");
    outcome.right = on_cuda.search(*plan, &outcome.n_unfinished) == defined(given, 3);
  } catch (const DeviceFailure&) {
    outcome.right = false;
  }
  outcome.n_wgmma = ptx::counters_of("scan_wgmma_kernel").n_mma;
  outcome.faults = ptx::take_faults();
  ptx::set_module_transform({});
  ptx::configure({});
  return outcome;
}

TEST(ScanByWgmma, IsRight) {
  unsigned seed = 0;
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat16, DType::kInt8}) {
    for (const std::int64_t n_queries : {100, 200}) {
      const Outcome outcome = search(dtype, n_queries, seed++ % 3);
      EXPECT_TRUE(outcome.right) << name_of(dtype) << " " << n_queries;
      EXPECT_EQ(ptx::describe(outcome.faults), "") << name_of(dtype) << " " << n_queries;
      EXPECT_LE(outcome.n_unfinished, n_queries / 10) << name_of(dtype) << " " << n_queries;
      EXPECT_GT(outcome.n_wgmma, 0U);
    }
  }
}

/// The line left out, or with other text in place of it, is caught under three schedules by a fault that says so.
void expect_caught(const std::string& line, const std::string& with, const std::string& fault) {
  const ptx::TransformModule edit = [&](const std::string& text) {
    return ptx::replace_in(text, "scan_wgmma_kernel", -1, line, with);
  };
  for (const unsigned seed : {0U, 1U, 2U}) {
    const Outcome outcome = search(DType::kBFloat16, 100, seed, edit);
    EXPECT_NE(ptx::describe(outcome.faults).find(fault), std::string::npos)
        << line << ", seed " << seed << ": " << ptx::describe(outcome.faults);
  }
}

TEST(ScanByWgmma, ItsDefectsAreCaught) {
  expect_caught("fence.proxy.async.shared::cta;", "", "no fence.proxy.async between");
  expect_caught("wgmma.fence.sync.aligned;", "", "no wgmma.fence between");
  expect_caught("wgmma.wait_group.sync.aligned 0;", "", "that was not waited for");
  expect_caught("wgmma.commit_group.sync.aligned;", "", "that was not waited for");
  expect_caught("cp.async.wait_group", "cp.async.wait_group 2; //", "cp.async");
}

}  // namespace
}  // namespace segue::kernels
