#include <gtest/gtest.h>

#include "cli/command.h"

namespace segue::cli {
namespace {

std::string printed(bool json, const Json& result) {
  GlobalOptions global;
  global.json = json;
  testing::internal::CaptureStdout();
  print_result(global, result);
  return testing::internal::GetCapturedStdout();
}

TEST(PrintResult, LinesAreAligned) {
  EXPECT_EQ(printed(false, {{"run", "runs/a"},
                            {"counts", {{"events", 1234567}, {"items", 300}}},
                            {"share", 0.123456},
                            {"good", true},
                            {"list", {1, "b"}}}),
            "run:           runs/a\n"
            "counts.events: 1,234,567\n"
            "counts.items:  300\n"
            "share:         0.12346\n"
            "good:          yes\n"
            "list:          1, b\n");
}

TEST(PrintResult, JsonIsOneLine) { EXPECT_EQ(printed(true, {{"b", 1}, {"a", "x"}}), "{\"b\":1,\"a\":\"x\"}\n"); }

}  // namespace
}  // namespace segue::cli
