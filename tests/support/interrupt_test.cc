#include "support/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>

#include "support/errors.h"

namespace segue {
namespace {

TEST(Interrupt, FirstSignalIsRememberedSecondKills) {
  catch_interrupts();
  EXPECT_EQ(interrupt_signal(), 0);
  std::raise(SIGTERM);
  EXPECT_EQ(interrupt_signal(), SIGTERM);
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  clear_interrupt();
  EXPECT_EXIT(
      {
        catch_interrupts();
        std::raise(SIGINT);
        std::raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST(Interrupt, ExitCodes) {
  EXPECT_EQ(static_cast<int>(Interrupted(SIGINT, "").code()), 130);
  EXPECT_EQ(static_cast<int>(Interrupted(SIGTERM, "").code()), 143);
}

}  // namespace
}  // namespace segue
