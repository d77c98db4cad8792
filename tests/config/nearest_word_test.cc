#include <gtest/gtest.h>

#include "config/section.h"

namespace segue::config {
namespace {

TEST(NearestWord, ByEditDistance) {
  const std::vector<std::string> words = {"epochs", "learning_rate", "batch_sequences", "k"};
  EXPECT_EQ(nearest_word("learning_rat", words), "learning_rate");
  EXPECT_EQ(nearest_word("lerning-rate", words), "learning_rate");
  EXPECT_EQ(nearest_word("epcohs", words), "epochs");
  EXPECT_EQ(nearest_word("batch", words), "batch_sequences");
  EXPECT_EQ(nearest_word("zzz", words), "");
  EXPECT_EQ(nearest_word("x", words), "");
  EXPECT_EQ(nearest_word("epochs", {}), "");
}

}  // namespace
}  // namespace segue::config
