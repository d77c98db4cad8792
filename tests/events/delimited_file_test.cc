#include <arrow/io/compressed.h>
#include <arrow/io/file.h>
#include <arrow/util/compression.h>
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

void compress(const std::filesystem::path& path, std::string_view bytes, arrow::Compression::type kind) {
  auto codec = *arrow::util::Codec::Create(kind);
  auto file = *arrow::io::FileOutputStream::Open(path.string());
  auto stream = *arrow::io::CompressedOutputStream::Make(codec.get(), file);
  ASSERT_TRUE(stream->Write(bytes.data(), static_cast<std::int64_t>(bytes.size())).ok());
  ASSERT_TRUE(stream->Close().ok());
}

TEST(DelimitedFile, ReadsColumnsByNameInAnyOrder) {
  const ScratchFolder folder;
  const auto file = folder.write("a.csv",
                                 "\xEF\xBB\xBFprice,time,item,user,day\r\n"
                                 "1.5,10,x,u1,2016-08-13\r\n"
                                 "\r\n"
                                 ",20,\"y, \"\"z\"\"\nw\",u2,\r\n"
                                 "-2,30,\"\xC3\xBC\",u1,2016-08-14");
  EXPECT_THAT(rows_of({file}, three_columns(),
                      {{"price", ColumnType::kNumber}, {"day", ColumnType::kTime}, {"item", ColumnType::kText}}),
              ElementsAre("u1/x/10000|1.500000|1471046400000|x", "u2/y, \"z\"\nw/20000|||y, \"z\"\nw",
                          "u1/\xC3\xBC/30000|-2.000000|1471132800000|\xC3\xBC"));
}

TEST(DelimitedFile, CountsRowsFromOneWithoutTheHeader) {
  const ScratchFolder folder;
  const auto file = folder.write("a.tsv", "user\titem\ttime\nu\ta\t1\nu\tb\t2\n");
  EventReader reader({file}, three_columns(), {});
  EventTable table;
  ASSERT_TRUE(reader.next(table));
  EXPECT_THAT(table.rows, ElementsAre(1, 2));
  EXPECT_FALSE(reader.next(table));
  EXPECT_EQ(reader.bytes_read(), reader.bytes_total());
}

TEST(DelimitedFile, TakesRunsOfBlanksAndNumberedColumns) {
  const ScratchFolder folder;
  SourceOptions options;
  options.format = Format::kCsv;
  options.delimiter = " ";
  options.header = false;
  options.sequence_column = "1";
  options.item_column = "2";
  const auto file = folder.write("a.txt", "1 10\n1   11 \n 2\t10\n");
  EXPECT_THAT(rows_of({file}, options), ElementsAre("1/10", "1/11", "2/10"));
}

TEST(DelimitedFile, ReadsGzipAndZstdAsPlain) {
  const ScratchFolder folder;
  std::string text = "user,item,time\n";
  for (int i = 0; i < 200'000; ++i)
    text += "u" + std::to_string(i % 97) + "," + std::to_string(i) + "," + std::to_string(i) + "\n";
  folder.write("a.csv", text);
  compress(folder / "b.csv.gz", text, arrow::Compression::GZIP);
  compress(folder / "c.csv.zst", text, arrow::Compression::ZSTD);
  const auto plain = rows_of({folder / "a.csv"}, three_columns());
  ASSERT_EQ(plain.size(), 200'000U);
  EXPECT_EQ(plain[199'999], "u82/199999/199999000");
  EXPECT_EQ(rows_of({folder / "b.csv.gz"}, three_columns()), plain);
  EXPECT_EQ(rows_of({folder / "c.csv.zst"}, three_columns()), plain);
}

TEST(DelimitedFile, NamesATruncatedCompressedFile) {
  const ScratchFolder folder;
  std::string text = "user,item,time\n";
  for (int i = 0; i < 50'000; ++i)
    text += std::to_string(i * 7919 % 10'007) + "," + std::to_string(i * 31 % 1009) + "," + std::to_string(i) + "\n";
  for (const auto& [name, kind] :
       {std::pair{"a.csv.gz", arrow::Compression::GZIP}, std::pair{"a.csv.zst", arrow::Compression::ZSTD}}) {
    compress(folder / name, text, kind);
    std::filesystem::resize_file(folder / name, std::filesystem::file_size(folder / name) / 2);
    EXPECT_THAT(message_of<DataError>([&] { rows_of({folder / name}, three_columns()); }),
                AllOf(HasSubstr(name), HasSubstr("truncated or damaged")));
  }
  folder.write("plain.csv.gz", "user,item,time\nu,a,1\n");
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder / "plain.csv.gz"}, three_columns()); }),
              HasSubstr("gzip file is truncated or damaged"));
}

TEST(DelimitedFile, ListsTheColumnsWhenOneIsMissing) {
  const ScratchFolder folder;
  const auto file = folder.write("a.csv", "user,itme,time\nu,a,1\n");
  EXPECT_THAT(message_of<DataError>([&] { rows_of({file}, three_columns()); }),
              AllOf(HasSubstr("a.csv: no column 'item'"), HasSubstr("did you mean 'itme'?"),
                    HasSubstr("'user', 'itme', 'time'")));
  EXPECT_THAT(
      message_of<DataError>([&] { rows_of({folder.write("b.csv", "user,item,item,time\n")}, three_columns()); }),
      HasSubstr("two columns are named 'item'"));
}

TEST(DelimitedFile, RefusesEmptyFilesAndUnknownNames) {
  const ScratchFolder folder;
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder.write("a.csv", "")}, three_columns()); }),
              HasSubstr("a.csv: the file is empty"));
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder.write("b.csv", "\n\n")}, three_columns()); }),
              HasSubstr("empty"));
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder.write("a.inter", "x\n")}, three_columns()); }),
              HasSubstr("set data.format"));
  EXPECT_THAT(message_of<DataError>([&] { rows_of({folder / "none.csv"}, three_columns()); }),
              HasSubstr("cannot be read"));
  EXPECT_TRUE(rows_of({folder.write("c.csv", "user,item,time\n")}, three_columns()).empty());
}

TEST(DelimitedFile, KeepsWhetherIdsWereIntegers) {
  const ScratchFolder folder;
  EventReader integers({folder.write("a.csv", "user,item,time\n1,10,1\n2,-3,2\n")}, three_columns(), {});
  rows_of(integers);
  EXPECT_TRUE(integers.item_is_integer());
  EXPECT_TRUE(integers.sequence_is_integer());
  EventReader mixed({folder.write("b.csv", "user,item,time\n1,10,1\nx,010,2\n")}, three_columns(), {});
  rows_of(mixed);
  EXPECT_FALSE(mixed.item_is_integer());
  EXPECT_FALSE(mixed.sequence_is_integer());
}

}  // namespace
}  // namespace segue::events
