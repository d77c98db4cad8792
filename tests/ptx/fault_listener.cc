// Linked into a test executable, this makes every fault of the software device a failure of the test that met it.

#include <gtest/gtest.h>

#include <cstdio>

#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

class FaultListener : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo&) override {
    const std::vector<Fault> found = take_faults();
    if (!found.empty())
      ADD_FAILURE() << "the software device found " << found.size() << " faults:\n" << describe(found);
  }
  void OnTestProgramEnd(const testing::UnitTest&) override {
    if (options().report) std::fputs(counters_report().c_str(), stdout);
  }
};

const bool is_listening = [] {
  // GoogleTest owns the listener. Appended, so that its failures still count for the test that ends.
  testing::UnitTest::GetInstance()->listeners().Append(new FaultListener);
  return true;
}();

}  // namespace
}  // namespace segue::ptx
