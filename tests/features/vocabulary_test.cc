#include "features/vocabulary.h"

#include <gtest/gtest.h>

#include "support/errors.h"

namespace segue::features {
namespace {

TEST(Vocabulary, CountsRowsInTheOrderOfInsertion) {
  Vocabulary vocabulary;
  for (int i = 0; i < 50'000; ++i) EXPECT_EQ(vocabulary.add("id" + std::to_string(i)), i);
  EXPECT_EQ(vocabulary.add("id77"), 77);
  EXPECT_EQ(vocabulary.size(), 50'000);
  for (int i = 0; i < 50'000; i += 617) {
    EXPECT_EQ(vocabulary.find("id" + std::to_string(i)), i);
    EXPECT_EQ(vocabulary.id(i), "id" + std::to_string(i));
  }
  EXPECT_EQ(vocabulary.find("none"), kNoItem);
  EXPECT_EQ(vocabulary.find(""), kNoItem);
}

TEST(Vocabulary, TextKeepsStringsAndIntegersApart) {
  Vocabulary strings;
  for (const auto* id : {"10", "a \"b\"\n", "\xC3\xBC"}) strings.add(id);
  EXPECT_EQ(strings.to_text(), "\"10\"\n\"a \\\"b\\\"\\n\"\n\"\xC3\xBC\"\n");
  const auto back = Vocabulary::from_text(strings.to_text(), "items.txt");
  EXPECT_FALSE(back.is_integer);
  EXPECT_EQ(back.find("a \"b\"\n"), 1);
  Vocabulary integers;
  integers.is_integer = true;
  integers.add("10");
  integers.add("-3");
  EXPECT_EQ(integers.to_text(), "10\n-3\n");
  EXPECT_TRUE(Vocabulary::from_text("10\n-3\n", "items.txt").is_integer);
  EXPECT_EQ(Vocabulary::from_text("", "items.txt").size(), 0);
}

TEST(Vocabulary, RefusesDamagedText) {
  for (const auto* text : {"10\n11", "10\n10\n", "10\n\"a\"\n", "\"a\n", "abc\n", "\n"}) {
    EXPECT_THROW(Vocabulary::from_text(text, "items.txt"), DataError) << text;
  }
}

}  // namespace
}  // namespace segue::features
