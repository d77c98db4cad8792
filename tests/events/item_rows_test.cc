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

SourceOptions items_of_column(const std::string& column) {
  auto options = three_columns();  // its sequence and time stand in no file of items
  options.item_column = column;
  return options;
}

/// "item|price" of every row.
std::vector<std::string> items_of(EventReader& reader) {
  std::vector<std::string> rows;
  for (EventTable table; reader.next(table);) {
    EXPECT_EQ(table.sequence.size(), 0U);
    EXPECT_TRUE(table.times_ms.empty());
    for (std::size_t i = 0; i < table.n_rows; ++i)
      rows.push_back(std::string(table.item[i]) + "|" + std::string(table.columns[0].text[i]));
  }
  return rows;
}

TEST(ItemRows, NeedAnItemAndNoSequenceAndNoTime) {
  const ScratchFolder folder;
  EventReader reader({folder.write("a.csv", "price,id\n3,x\n,7\n"), folder.write("b.tsv", "id\tprice\ny\t4\n")},
                     items_of_column("id"), {{"price", ColumnType::kText}}, RowKind::kItem);
  EXPECT_THAT(items_of(reader), ElementsAre("x|3", "7|", "y|4"));
}

TEST(ItemRows, AreNamedWhenAnItemIsListedTwice) {
  const ScratchFolder folder;
  const std::vector<std::filesystem::path> files = {folder.write("a.csv", "id,price\nx,3\ny,4\n"),
                                                    folder.write("b.csv", "id,price\nz,1\nx,5\n")};
  auto options = items_of_column("id");
  EXPECT_THAT(message_of<DataError>([&] {
                EventReader reader(files, options, {{"price", ColumnType::kText}}, RowKind::kItem);
                items_of(reader);
              }),
              AllOf(HasSubstr("b.csv, row 2 (line 3), column 'id'"), HasSubstr("'x' was listed before"),
                    HasSubstr("data.on_bad_row: skip")));
  options.on_bad_row = OnBadRow::kSkip;
  EventReader reader(files, options, {{"price", ColumnType::kText}}, RowKind::kItem);
  EXPECT_THAT(items_of(reader), ElementsAre("x|3", "y|4", "z|1"));
  EXPECT_EQ(reader.skipped().n, 1);
}

TEST(ItemRows, NameWhatIsMissing) {
  const ScratchFolder folder;
  const auto fault = [&](const std::string& text, SourceOptions options) {
    const auto file = folder.write("a.csv", text);
    return message_of<DataError>([&] {
      EventReader reader({file}, options, {{"price", ColumnType::kNumber}}, RowKind::kItem);
      EventTable table;
      while (reader.next(table)) {
      }
    });
  };
  EXPECT_THAT(fault("id,price\n,3\n", items_of_column("id")),
              AllOf(HasSubstr("row 1 (line 2), column 'id'"), HasSubstr("every item needs one")));
  EXPECT_THAT(fault("id,price\nx,dear\n", items_of_column("id")),
              AllOf(HasSubstr("row 1 (line 2), column 'price'"), HasSubstr("'dear' is not a number")));
  EXPECT_THAT(fault("id,prize\nx,1\n", items_of_column("id")),
              AllOf(HasSubstr("no column 'price'"), HasSubstr("data.items.features")));
  EXPECT_THROW(EventReader({}, items_of_column(""), {}, RowKind::kItem), ConfigError);
  auto lines = items_of_column("id");
  lines.format = Format::kSessionLines;
  EXPECT_THROW(EventReader({}, lines, {}, RowKind::kItem), ConfigError);
}

}  // namespace
}  // namespace segue::events
