#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <optional>

#include "support/errors.h"
#include "tests/events/reading.h"
#include "tests/events/scratch_folder.h"

namespace segue::events {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

template <class Builder, class T>
std::shared_ptr<arrow::Array> array_of(Builder&& builder, const std::vector<std::optional<T>>& values) {
  for (const auto& value : values) EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}

void write_parquet(const std::filesystem::path& path,
                   const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns,
                   std::int64_t group = 2) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const auto table = arrow::Table::Make(arrow::schema(fields), arrays);
  const auto file = *arrow::io::FileOutputStream::Open(path.string());
  ASSERT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), file, group).ok());
  ASSERT_TRUE(file->Close().ok());
}

using Strings = std::vector<std::optional<std::string>>;
using Integers = std::vector<std::optional<std::int64_t>>;

std::shared_ptr<arrow::Array> strings(const Strings& values) { return array_of(arrow::StringBuilder(), values); }
std::shared_ptr<arrow::Array> integers(const Integers& values) { return array_of(arrow::Int64Builder(), values); }
std::shared_ptr<arrow::Array> timestamps(arrow::TimeUnit::type unit, const Integers& values) {
  return array_of(arrow::TimestampBuilder(arrow::timestamp(unit), arrow::default_memory_pool()), values);
}

TEST(ParquetFile, StreamsRowGroupsOfTypedColumns) {
  const ScratchFolder folder;
  write_parquet(
      folder / "a.parquet",
      {{"unused", strings({"p", "q", "r"})},
       {"time", timestamps(arrow::TimeUnit::MICRO, {1'500'999, -1, 2'000'000})},
       {"item", strings({"x", "007", "\xC3\xBC"})},
       {"user", integers({7, -8, 7})},
       {"price", array_of(arrow::DoubleBuilder(), std::vector<std::optional<double>>{1.5, std::nullopt, -2.0})},
       {"rank", integers({3, 4, std::nullopt})}});
  EventReader reader({folder / "a.parquet"}, three_columns(),
                     {{"price", ColumnType::kNumber}, {"rank", ColumnType::kText}});
  EXPECT_THAT(rows_of(reader), ElementsAre("7/x/1500|1.500000|3", "-8/007/-1||4", "7/\xC3\xBC/2000|-2.000000|"));
  EXPECT_TRUE(reader.sequence_is_integer());
  EXPECT_FALSE(reader.item_is_integer());
  EXPECT_TRUE(reader.item_column_is_string());
}

TEST(ParquetFile, KeepsStringsOfDigitsApartFromIntegers) {
  const ScratchFolder folder;
  write_parquet(folder / "a.parquet", {{"user", integers({1})}, {"item", strings({"10"})}, {"time", integers({5})}});
  EventReader reader({folder / "a.parquet"}, three_columns(), {});
  EXPECT_THAT(rows_of(reader), ElementsAre("1/10/5000"));
  EXPECT_FALSE(reader.item_is_integer());
}

TEST(ParquetFile, NamesBadRowsAndColumns) {
  const ScratchFolder folder;
  write_parquet(
      folder / "a.parquet",
      {{"user", strings({"u", "u", std::nullopt})}, {"item", strings({"x", "", "z"})}, {"time", integers({1, 2, 3})}});
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder / "a.parquet"}, three_columns()); }),
              AllOf(HasSubstr("a.parquet, row 2, column 'item': empty id")));
  auto options = three_columns();
  options.on_bad_row = OnBadRow::kSkip;
  EXPECT_THAT(rows_of({folder / "a.parquet"}, options), ElementsAre("u/x/1000"));
  options.item_column = "itme";
  EXPECT_THAT(
      message_of<DataError>([&] { rows_of({folder / "a.parquet"}, options); }),
      AllOf(HasSubstr("no column 'itme'"), HasSubstr("did you mean 'item'?"), HasSubstr("'user', 'item', 'time'")));
  write_parquet(folder / "b.parquet",
                {{"user", strings({"u"})},
                 {"item", array_of(arrow::DoubleBuilder(), std::vector<std::optional<double>>{1.0})},
                 {"time", integers({1})}});
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder / "b.parquet"}, three_columns()); }),
              AllOf(HasSubstr("column 'item' of type double"), HasSubstr("strings or integers")));
}

TEST(ParquetFile, RefusesTruncatedForeignAndEmptyFiles) {
  const ScratchFolder folder;
  write_parquet(folder / "a.parquet", {{"user", strings({"u"})}, {"item", strings({"x"})}, {"time", integers({1})}});
  std::filesystem::resize_file(folder / "a.parquet", std::filesystem::file_size(folder / "a.parquet") - 9);
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder / "a.parquet"}, three_columns()); }),
              HasSubstr("a.parquet: not a whole Parquet file"));
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder.write("b.parquet", "user,item,time\n")}, three_columns()); }),
              HasSubstr("not a whole Parquet file"));
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder.write("c.parquet", "")}, three_columns()); }),
              HasSubstr("empty"));
}

}  // namespace
}  // namespace segue::events
