#include "report/html.h"

#include <gtest/gtest.h>

#include <limits>

namespace segue::report {
namespace {

TEST(Html, EscapesWhatMarkupWouldRead) {
  EXPECT_EQ(escaped("<b a='x' c=\"y\">&amp;</b>"), "&lt;b a=&#39;x&#39; c=&quot;y&quot;&gt;&amp;amp;&lt;/b&gt;");
  EXPECT_EQ(escaped("Tromsø"), "Tromsø");
}

TEST(Html, NumbersReadWell) {
  EXPECT_EQ(fixed(0.12345, 3), "0.123");
  EXPECT_EQ(fixed(std::numeric_limits<double>::quiet_NaN(), 3), "–");
  EXPECT_EQ(tick_label(0), "0");
  EXPECT_EQ(tick_label(0.25), "0.25");
  EXPECT_EQ(tick_label(1500), "1,500");
}

TEST(Html, TicksAreRoundAndInside) {
  EXPECT_EQ(ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(ticks(3, 3, 5), std::vector<double>{3});  // no range, no endless loop
  for (const double value : ticks(-0.37, 0.91, 6)) EXPECT_TRUE(value >= -0.37 && value <= 0.91) << value;
}

TEST(Html, AScaleMapsItsEndsAndTheMiddleOfNothing) {
  const Scale scale{0, 10, 100, 200};
  EXPECT_EQ(scale(0), 100);
  EXPECT_EQ(scale(10), 200);
  EXPECT_EQ((Scale{5, 5, 100, 200}(5)), 150);
}

}  // namespace
}  // namespace segue::report
