// The files of an index: damaged ones are refused by name, and an update shows whole or not at all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>

#include "item_index/index_lock.h"
#include "item_index/index_writer.h"
#include "item_index/item_index.h"
#include "item_index/removed_rows.h"
#include "model_file/safetensors.h"
#include "support/errors.h"
#include "support/storage.h"
#include "tests/events/scratch_folder.h"
#include "tests/item_index/plain_index.h"

namespace segue::item_index {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr std::int64_t kDim = 4;

class IndexFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    build_index(path_, items_of(vectors_, kDim), {}, 1);
    add_items(path_, items_of(whole_numbers(10 * kDim, 2), kDim), 1);
    remove_items(path_, {4, 23});
  }
  [[nodiscard]] std::string failure() const {
    try {
      (void)ItemIndex::open(path_);
    } catch (const DataError& error) {
      return error.what();
    }
    return "no failure";
  }
  [[nodiscard]] FoundLists found() const { return search(ItemIndex::open(path_), vectors_, {.k = 9}); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.push_back(entry.path().filename());
    return names;
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string read(const std::string& name) const { return storage::read_file(path_ / name); }

  ScratchFolder folder_;
  fs::path path_ = folder_ / "index";
  std::vector<float> vectors_ = whole_numbers(20 * kDim, 1);
};

TEST_F(IndexFilesTest, AreWhatTheDocumentationSays) {
  EXPECT_THAT(names(), UnorderedElementsAre("manifest.json", "segment-000001.safetensors", "segment-000002.safetensors",
                                            "removed-000003.safetensors", "lock"));
  EXPECT_EQ(failure(), "no failure");
  EXPECT_TRUE(is_index(path_));
  EXPECT_FALSE(is_index(folder_ / "."));
}

TEST_F(IndexFilesTest, EveryDamagedByteIsNoticed) {
  for (const std::string name :
       {"manifest.json", "segment-000001.safetensors", "segment-000002.safetensors", "removed-000003.safetensors"}) {
    const auto whole = read(name);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      auto damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      // Between tokens JSON means the same with another space.
      if (name == "manifest.json" && std::isspace(whole[at]) != 0) continue;
      write(name, damaged);
      ASSERT_THAT(failure(), HasSubstr((path_ / name).string())) << "byte " << at;
    }
    write(name, whole);
  }
  EXPECT_EQ(failure(), "no failure");
}

TEST_F(IndexFilesTest, EveryTruncatedOrMissingFileIsNamed) {
  for (const std::string name :
       {"manifest.json", "segment-000001.safetensors", "segment-000002.safetensors", "removed-000003.safetensors"}) {
    const auto whole = read(name);
    for (const std::size_t length : {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 3}) {
      write(name, whole.substr(0, length));
      ASSERT_THAT(failure(), AllOf(HasSubstr((path_ / name).string()), HasSubstr("damaged"))) << length;
      if (name != "manifest.json") {
        ASSERT_THAT(failure(), HasSubstr(std::to_string(length) + " bytes, the manifest says "));
      }
    }
    write(name, whole + "x");
    EXPECT_THAT(failure(), HasSubstr((path_ / name).string()));
    fs::remove(path_ / name);
    EXPECT_THAT(failure(), AllOf(HasSubstr(path_.string()), AnyOf(HasSubstr("missing"), HasSubstr("not an index"))));
    write(name, whole);
  }
  EXPECT_EQ(failure(), "no failure");
}

TEST_F(IndexFilesTest, SizesAndShapesAreCheckedWithoutChecksums) {
  const std::string name = "segment-000001.safetensors";
  const auto whole = read(name);
  write(name, whole.substr(0, whole.size() - 8));
  EXPECT_THROW(ItemIndex::open(path_, false), DataError);
  auto damaged = whole;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write(name, damaged);
  EXPECT_NO_THROW(ItemIndex::open(path_, false));
  EXPECT_THROW(ItemIndex::open(path_, true), DataError);
}

TEST_F(IndexFilesTest, ForeignFilesAreRefused) {
  build_index(folder_ / "other", items_of(whole_numbers(20 * kDim, 5), kDim), {}, 1);
  fs::copy_file(folder_ / "other" / "segment-000001.safetensors", path_ / "segment-000001.safetensors",
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(failure(), AllOf(HasSubstr("segment-000001.safetensors"), HasSubstr("of another index")));
  write("manifest.json", R"({"format": "segue bundle", "version": 1})");
  EXPECT_THAT(failure(), AllOf(HasSubstr("manifest.json"), HasSubstr("segue bundle, not a segue item index")));
  EXPECT_THAT([&] { add_items(folder_ / ".", items_of(vectors_, kDim), 1); },
              testing::ThrowsMessage<DataError>(HasSubstr("not an index")));
  EXPECT_FALSE(fs::exists(folder_ / "lock"));
}

TEST_F(IndexFilesTest, NewerVersionsAreRefused) {
  auto manifest = read_json(path_ / "manifest.json");
  manifest["version"] = kIndexVersion + 1;
  write_json(path_ / "manifest.json", manifest);
  EXPECT_THAT(failure(), AllOf(HasSubstr("manifest.json"), HasSubstr("newer Segue"), HasSubstr("update the program")));
}

TEST_F(IndexFilesTest, AManifestThatContradictsItselfIsRefused) {
  // With a good checksum: what a faulty program could write.
  const auto with = [&](const std::function<void(IndexManifest&)>& change) {
    auto manifest = IndexManifest::read(path_);
    const auto kept = read("manifest.json");
    change(manifest);
    manifest.write(path_);
    const auto message = failure();
    write("manifest.json", kept);
    return message;
  };
  EXPECT_THAT(with([](auto& m) { m.n_items += 1; }), HasSubstr("contradict"));
  EXPECT_THAT(with([](auto& m) { m.dim = 0; }), HasSubstr("contradict"));
  EXPECT_THAT(with([](auto& m) { m.dim = 5; }), AllOf(HasSubstr("segment-000001"), HasSubstr("vectors")));
  EXPECT_THAT(with([](auto& m) { std::swap(m.segments[0].n_rows, m.segments[1].n_rows); }),
              HasSubstr("segment-000001"));
  EXPECT_THAT(with([](auto& m) { m.segments[0].name = "../other/segment-000001.safetensors"; }),
              HasSubstr("not the name of a file"));
  write_removed_rows(path_ / "removed-000009.safetensors", {4, 31});
  EXPECT_THAT(with([&](auto& m) { m.removed = IndexFile::of(path_ / "removed-000009.safetensors", 2); }),
              HasSubstr("rows that are not there"));
}

TEST_F(IndexFilesTest, ScanArraysThatWouldReadElsewhereAreRefused) {
  IndexOptions options;
  options.kind = IndexKind::kIvf;
  options.lists = 4;
  options.probes = 1;
  build_index(path_, items_of(vectors_, kDim), options, 1);
  const auto path = path_ / "segment-000001.safetensors";
  const auto whole = read(path.filename());
  const auto with = [&](const std::string& tensor, auto value) {
    // With good checksums: what a faulty program could write.
    auto bytes = whole;
    {
      const model_file::SafetensorsFile file(path);
      const auto at = file.tensors().at(tensor).bytes.data() - file.tensors().at("ids").bytes.data();
      const auto ids = whole.find(std::string(file.tensors().at("ids").bytes));
      std::memcpy(bytes.data() + static_cast<std::ptrdiff_t>(ids) + at, &value, sizeof value);
    }
    write(path.filename(), bytes);
    auto manifest = IndexManifest::read(path_);
    manifest.segments[0] = IndexFile::of(path, 20);
    manifest.write(path_);
    const auto message = failure();
    write(path.filename(), whole);
    return message;
  };
  const auto refused = AllOf(HasSubstr(path.string()), HasSubstr("contradict"));
  EXPECT_THAT(with("ivf.lists.rows", std::int32_t{20}), refused);
  EXPECT_THAT(with("ivf.lists.rows", std::int32_t{-2}), refused);
  EXPECT_THAT(with("ivf.lists.firsts", std::int64_t{32}), refused);
  EXPECT_THAT(with("ivf.promises.rows", std::int32_t{99}), refused);
  EXPECT_THAT(with("ivf.first_blocks", std::int64_t{1}), refused);
  EXPECT_EQ(with("ids", std::int64_t{7'000}), "no failure");
}

TEST_F(IndexFilesTest, AnInterruptedChangeLeavesTheOldIndex) {
  const auto before = found();
  const auto manifest = read("manifest.json");
  add_items(path_, items_of(whole_numbers(5 * kDim, 8), kDim), 1);
  write("manifest.json", manifest);  // as if it had ended before the manifest was replaced
  write("segment-000007.safetensors.tmp-17", "half");
  EXPECT_EQ(found(), before);
  // The next change takes the leftovers away and uses their names again.
  add_items(path_, items_of(whole_numbers(3 * kDim, 9), kDim, {100, 101, 4}), 1);
  EXPECT_EQ(ItemIndex::open(path_).n_items(), 31);
  EXPECT_THAT(names(), testing::Not(testing::Contains("segment-000007.safetensors.tmp-17")));
  remove_items(path_, {100});
  EXPECT_THAT(names(), UnorderedElementsAre("manifest.json", "segment-000001.safetensors", "segment-000002.safetensors",
                                            "segment-000004.safetensors", "removed-000003.safetensors",
                                            "removed-000005.safetensors", "lock"));
}

TEST_F(IndexFilesTest, AnOpenIndexStaysAsItWas) {
  const auto index = ItemIndex::open(path_);
  const auto before = search(index, vectors_, {.k = 9});
  remove_items(path_, {0, 1, 2, 3});
  add_items(path_, items_of(whole_numbers(5 * kDim, 8), kDim), 1);
  compact_index(path_, 1);
  EXPECT_THAT(names(), UnorderedElementsAre("manifest.json", "segment-000006.safetensors", "lock"));
  EXPECT_EQ(search(index, vectors_, {.k = 9}), before);
  EXPECT_NE(found(), before);
}

TEST_F(IndexFilesTest, ReadersSeeWholeIndexesWhileAnotherChangesIt) {
  std::atomic<bool> done = false;
  std::atomic<int> n_opened = 0;
  std::string fault;
  std::thread reader([&] {
    while (!done) {
      try {
        // Each change below adds ten items or removes ten: any other count were half of one.
        if (ItemIndex::open(path_).n_items() % 10 != 8) fault = "half a change";
        ++n_opened;
      } catch (const std::exception& error) {
        fault = error.what();
      }
    }
  });
  const auto more = whole_numbers(10 * kDim, 3);
  for (int i = 0; i < 15 || n_opened < 50; ++i) {
    const auto next = add_items(path_, items_of(more, kDim), 1).manifest.next_id;
    if (i % 3 == 1) {
      std::vector<std::int64_t> ids;
      for (std::int64_t id = next - 10; id < next; ++id) ids.push_back(id);
      remove_items(path_, ids);
    }
    compact_index(path_, 1);
  }
  done = true;
  reader.join();
  EXPECT_EQ(fault, "");
}

TEST_F(IndexFilesTest, TwoWritersAtATimeAreOneTooMany) {
  auto other = std::make_unique<IndexLock>(path_);
  const auto change = [&] { remove_items(path_, {1}); };
  EXPECT_THAT(change,
              testing::ThrowsMessage<DataError>(AllOf(HasSubstr(path_.string()), HasSubstr("another command"))));
  EXPECT_THAT([&] { build_index(path_, items_of(vectors_, kDim), {}, 1); },
              testing::ThrowsMessage<DataError>(HasSubstr("another command")));
  EXPECT_NO_THROW(found());
  other.reset();
  EXPECT_NO_THROW(change());
}

TEST_F(IndexFilesTest, BuildingAgainReplacesTheIndex) {
  build_index(path_, items_of(vectors_, kDim), {}, 1);
  EXPECT_THAT(names(), UnorderedElementsAre("manifest.json", "segment-000001.safetensors"));
  EXPECT_EQ(ItemIndex::open(path_).n_items(), 20);
}

}  // namespace
}  // namespace segue::item_index
