#include "support/storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "support/errors.h"

namespace segue::storage {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class StorageTest : public testing::Test {
 protected:
  fs::path folder_ = fs::temp_directory_path() / ("segue_storage_" + std::to_string(::getpid()));
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }
};

template <class Body>
std::string message_of(Body body) {
  try {
    body();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no DataError";
}

TEST_F(StorageTest, WritesAndReplacesAndLeavesNothingAside) {
  write_file(folder_ / "deep" / "a.txt", "first");
  write_file(folder_ / "deep" / "a.txt", "second\0half");
  EXPECT_EQ(read_file(folder_ / "deep" / "a.txt"), "second");
  write_file(folder_ / "deep" / "a.txt", std::string_view("x\0y", 3));
  EXPECT_EQ(read_file(folder_ / "deep" / "a.txt"), std::string("x\0y", 3));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "deep"), fs::directory_iterator()), 1);
}

TEST_F(StorageTest, FailedWriteKeepsTheOldFile) {
  write_file(folder_ / "a.txt", "old");
  EXPECT_THROW(write_file_with(folder_ / "a.txt",
                               [](const fs::path& file) {
                                 std::ofstream(file) << "half";
                                 throw std::runtime_error("stop");
                               }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder_ / "a.txt"), "old");
  EXPECT_THAT(names(), testing::ElementsAre("a.txt"));
}

TEST_F(StorageTest, SaysWhyItCannotWrite) {
  write_file(folder_ / "file", "");
  EXPECT_THAT(message_of([&] { write_file(folder_ / "file" / "below", "x"); }), HasSubstr("file"));
  EXPECT_THAT(message_of([&] { write_file(folder_, "x"); }), HasSubstr("it is a folder"));
  EXPECT_THAT(message_of([&] { write_file_with(folder_ / "none", [](const fs::path&) {}); }),
              HasSubstr("No such file"));
  if (fs::exists("/dev/full")) {
    EXPECT_THAT(message_of([&] { append_line("/dev/full", "x"); }), HasSubstr("No space left on device"));
  }
}

TEST_F(StorageTest, ReplacesAFolderWhole) {
  const auto fill_with = [](const std::string& name) {
    return [name](const fs::path& directory) { write_file(directory / "inner" / name, name); };
  };
  write_directory_with(folder_ / "d", fill_with("one"));
  write_directory_with(folder_ / "d/", fill_with("two"));
  EXPECT_FALSE(fs::exists(folder_ / "d" / "inner" / "one"));
  EXPECT_EQ(read_file(folder_ / "d" / "inner" / "two"), "two");
  EXPECT_THAT(names(), testing::ElementsAre("d"));
  EXPECT_THROW(write_directory_with(folder_ / "d",
                                    [&](const fs::path& directory) {
                                      fill_with("three")(directory);
                                      throw std::runtime_error("stop");
                                    }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder_ / "d" / "inner" / "two"), "two");
  EXPECT_THAT(names(), testing::ElementsAre("d"));
}

TEST_F(StorageTest, ReplacesAFileByAFolder) {
  write_file(folder_ / "d", "a file");
  write_directory_with(folder_ / "d", [](const fs::path& directory) { write_file(directory / "x", "x"); });
  EXPECT_EQ(read_file(folder_ / "d" / "x"), "x");
  EXPECT_THAT(names(), testing::ElementsAre("d"));
}

TEST_F(StorageTest, ReadErrorsNameTheFile) {
  EXPECT_THAT(message_of([&] { (void)read_file(folder_ / "nowhere"); }),
              testing::AllOf(HasSubstr("nowhere"), HasSubstr("No such file")));
  EXPECT_THAT(message_of([&] { (void)read_file(folder_); }), HasSubstr("directory"));
  EXPECT_THAT(message_of([&] { MappedFile{folder_}; }), HasSubstr("directory"));
  EXPECT_THAT(message_of([&] { (void)file_checksum(folder_ / "nowhere"); }), HasSubstr("nowhere"));
}

TEST_F(StorageTest, ChecksumIsXxh3AndTheSameStreamed) {
  // XXH3-64 of nothing, of the published test of xxHash.
  EXPECT_EQ(checksum(""), "2d06800538d394c2");
  std::string bytes(3 * 1000 * 1000 + 17, 'a');
  for (std::size_t i = 0; i < bytes.size(); i += 97) bytes[i] = static_cast<char>(i % 251);
  write_file(folder_ / "big", bytes);
  EXPECT_EQ(file_checksum(folder_ / "big"), checksum(bytes));
  bytes[1000] ^= 1;
  EXPECT_NE(file_checksum(folder_ / "big"), checksum(bytes));
}

TEST_F(StorageTest, MapsFilesAndMovesTheMap) {
  write_file(folder_ / "m", "mapped");
  write_file(folder_ / "empty", "");
  MappedFile first(folder_ / "m");
  EXPECT_EQ(first.bytes(), "mapped");
  MappedFile second(std::move(first));
  EXPECT_EQ(second.bytes(), "mapped");
  MappedFile third(folder_ / "empty");
  EXPECT_TRUE(third.bytes().empty());
  third = std::move(second);
  EXPECT_EQ(third.bytes(), "mapped");
}

TEST_F(StorageTest, AppendsLines) {
  append_line(folder_ / "log", "one");
  append_line(folder_ / "log", "two");
  EXPECT_EQ(read_file(folder_ / "log"), "one\ntwo\n");
}

}  // namespace
}  // namespace segue::storage
