#include "dataset/column_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "support/errors.h"
#include "tests/events/scratch_folder.h"

namespace segue::dataset {
namespace {

TEST(ColumnFile, MapsWhatWasGatheredPieceByPiece) {
  const ScratchFolder folder;
  // 3 M integers: more than the piece after which pages are given back.
  std::vector<std::int64_t> numbers(3'000'000);
  std::iota(numbers.begin(), numbers.end(), -5);
  std::vector<ColumnWriter> columns;
  columns.emplace_back(folder / "scratch", "number", ValueType::kInt64);
  columns.emplace_back(folder / "scratch", "any / name", ValueType::kText);
  columns[0].append(std::span(numbers).first(1000));
  columns[0].append(std::span(numbers).subspan(1000));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    columns[1].append(i % 3 == 0 ? std::string_view() : std::string_view("ab").substr(i % 2));
  write_arrow_file(folder / "a.arrow", std::move(columns));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "scratch"));
  const MappedColumns mapped(folder / "a.arrow");
  EXPECT_EQ(mapped.n_rows(), 3'000'000);
  const auto back = mapped.int64("number");
  EXPECT_TRUE(std::equal(back.begin(), back.end(), numbers.begin(), numbers.end()));
  const auto text = mapped.text("any / name");
  EXPECT_EQ(text.ends[0], 0);
  EXPECT_EQ(text.ends[1], 0);
  EXPECT_EQ(text.bytes.substr(0, 3), "bab");
  EXPECT_THROW((void)mapped.int32("number"), DataError);
  EXPECT_THROW((void)mapped.int64("none"), DataError);
}

TEST(ColumnFile, RefusesDamage) {
  const ScratchFolder folder;
  EXPECT_THROW(MappedColumns(folder.write("a.arrow", "no arrow file at all")), DataError);
  EXPECT_THROW(MappedColumns(folder.write("b.arrow", "")), DataError);
}

TEST(ColumnFile, KeepsListsOfAnyLength) {
  const ScratchFolder folder;
  std::vector<ColumnWriter> columns;
  columns.emplace_back(folder / "scratch", "codes", ValueType::kInt32List);
  columns.emplace_back(folder / "scratch", "none", ValueType::kInt32List);
  for (const std::vector<std::int32_t>& codes : {std::vector<std::int32_t>{}, {3, 1}, {}, {7}}) {
    columns[0].append_list(codes);
    columns[1].append_list({});
  }
  write_arrow_file(folder / "a.arrow", std::move(columns));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "scratch"));
  const MappedColumns mapped(folder / "a.arrow");
  EXPECT_THAT(mapped.int32_lists("codes").ends, testing::ElementsAre(0, 0, 2, 2, 3));
  EXPECT_THAT(mapped.int32_lists("codes").numbers, testing::ElementsAre(3, 1, 7));
  EXPECT_THAT(mapped.int32_lists("none").ends, testing::ElementsAre(0, 0, 0, 0, 0));
  EXPECT_TRUE(mapped.int32_lists("none").numbers.empty());
  EXPECT_THROW((void)mapped.int32("codes"), DataError);
}

}  // namespace
}  // namespace segue::dataset
