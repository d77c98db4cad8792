#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "tests/events/reading.h"
#include "tests/events/scratch_folder.h"

namespace segue::events {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct BadRow {
  const char* name;
  const char* row;
  std::vector<std::string> message;
};

class BadRows : public testing::TestWithParam<BadRow> {};

std::string file_with(const std::string& row) { return "user,item,time,price\nu,a,1,1.5\n" + row + "\nu,c,3,2.5\n"; }

TEST_P(BadRows, AreNamedByFileRowColumnValueAndRemedy) {
  const ScratchFolder folder;
  const auto file = folder.write("in.csv", file_with(GetParam().row));
  const auto message = message_of<DataError>([&] {
    rows_of({file}, three_columns(), {{"price", ColumnType::kNumber}});
  });
  EXPECT_THAT(message, AllOf(HasSubstr("in.csv, row 2 (line 3)"), HasSubstr("data.on_bad_row: skip")));
  for (const auto& part : GetParam().message) EXPECT_THAT(message, HasSubstr(part));
}

TEST_P(BadRows, AreSkippedAndCountedOnRequest) {
  const ScratchFolder folder;
  auto options = three_columns();
  options.on_bad_row = OnBadRow::kSkip;
  EventReader reader({folder.write("in.csv", file_with(GetParam().row))}, options, {{"price", ColumnType::kNumber}});
  EXPECT_THAT(rows_of(reader), ElementsAre("u/a/1000|1.500000", "u/c/3000|2.500000"));
  EXPECT_EQ(reader.skipped().n, 1);
  ASSERT_EQ(reader.skipped().examples.size(), 1U);
  EXPECT_THAT(reader.skipped().examples[0], HasSubstr("row 2 (line 3)"));
}

/// Amounts (rewards) are in every row, finite and not below 0.
TEST(Amounts, AreFiniteAndNotBelowZero) {
  const ScratchFolder folder;
  const auto read = [&](const std::string& amount) {
    return message_of<DataError>([&] {
      rows_of({folder.write("in.csv", file_with("u,b,2," + amount))}, three_columns(),
              {{"price", ColumnType::kAmount}});
    });
  };
  for (const std::string amount : {"-0.5", "nan", "1e39"})
    EXPECT_THAT(read(amount), AllOf(HasSubstr("in.csv, row 2 (line 3), column 'price': '" + amount + "'"),
                                    HasSubstr("expected a finite number >= 0"), HasSubstr("data.on_bad_row: skip")));
  EXPECT_THAT(read(""), HasSubstr("column 'price': empty; expected a finite number >= 0"));
  EXPECT_THAT(read("much"), HasSubstr("'much' is not a number"));
  auto options = three_columns();
  options.on_bad_row = OnBadRow::kSkip;
  EventReader reader({folder.write("in.csv", file_with("u,b,2,"))}, options, {{"price", ColumnType::kAmount}});
  EventTable table;
  ASSERT_TRUE(reader.next(table));
  EXPECT_THAT(table.columns[0].numbers, ElementsAre(1.5, 2.5));
  EXPECT_EQ(reader.skipped().n, 1);
}

INSTANTIATE_TEST_SUITE_P(Kinds, BadRows,
                         testing::Values(BadRow{"columns", "u,b,2", {"3 columns where the header has 4"}},
                                         BadRow{"more_columns", "u,b,2,1,9", {"5 columns where the header has 4"}},
                                         BadRow{"number", "u,b,2,ten", {"column 'price'", "'ten' is not a number"}},
                                         BadRow{"time",
                                                "u,b,2016-13-40,1",
                                                {"column 'time'", "'2016-13-40' is not a time", "data.time_format"}},
                                         BadRow{"empty_time", "u,b,,1", {"column 'time'", "empty time"}},
                                         BadRow{"empty_item", "u,,2,1", {"column 'item'", "empty id"}},
                                         BadRow{"empty_sequence", ",b,2,1", {"column 'user'", "empty id"}},
                                         BadRow{"utf8", "u,Z\xFCrich,2,1", {"not UTF-8", "Z\\xFCrich", "iconv"}},
                                         BadRow{
                                             "quote", "u,\"b\"x,2,1", {"text follows the closing quote of column 2"}}),
                         [](const auto& row) { return row.param.name; });

TEST(BadRow, KeepsTenExamplesOfMany) {
  const ScratchFolder folder;
  std::string text = "user,item,time\n";
  for (int i = 0; i < 25; ++i) text += "u,,1\n";
  auto options = three_columns();
  options.on_bad_row = OnBadRow::kSkip;
  EventReader reader({folder.write("in.csv", text)}, options, {});
  EXPECT_TRUE(rows_of(reader).empty());
  EXPECT_EQ(reader.skipped().n, 25);
  EXPECT_EQ(reader.skipped().examples.size(), 10U);
}

TEST(BadRow, OfAnOpenQuoteIsFoundAtTheEnd) {
  const ScratchFolder folder;
  const auto file = folder.write("in.csv", "user,item,time\nu,a,1\nu,\"b,2\nu,c,3\n");
  EXPECT_THAT(message_of<DataError>([&] { rows_of({file}, three_columns()); }), HasSubstr("a quote is not closed"));
}

TEST(BadRow, MayBeARequestWithoutAnItem) {
  const ScratchFolder folder;
  EventReader reader({folder.write("in.csv", "user,item,time\nu,a,1\nu,,2\n")}, three_columns(), {}, RowKind::kHistory);
  EXPECT_THAT(rows_of(reader), ElementsAre("u/a/1000", "u//2000"));
  EXPECT_TRUE(reader.skipped().examples.empty());
}

}  // namespace
}  // namespace segue::events
