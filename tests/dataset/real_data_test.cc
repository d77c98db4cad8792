#include <gtest/gtest.h>

#include <cstdlib>

#include "dataset/dataset.h"
#include "dataset/prepare.h"
#include "tests/events/scratch_folder.h"

namespace segue {
namespace {

// Counts published with each data set, read from the files by other means.
class RealData : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("SEGUE_DATA") == nullptr) GTEST_SKIP() << "SEGUE_DATA is not set";
    options.prepared = (folder / "prepared").string();
  }
  const ScratchFolder folder;
  DataOptions options;
};

TEST_F(RealData, MovieLens1mLeavesOneOut) {
  options.events = {"${SEGUE_DATA}/ml-1m/interactions.txt.gz"};
  options.source.format = events::Format::kCsv;
  options.source.delimiter = " ";
  options.source.header = false;
  options.source.sequence_column = "1";
  options.source.item_column = "2";
  options.split = SplitKind::kLastItem;
  prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  EXPECT_EQ(dataset.n_events(), 999'611);
  EXPECT_EQ(dataset.n_sequences(), 6040);
  EXPECT_EQ(dataset.n_items(), 3416);
  EXPECT_TRUE(dataset.items().is_integer);
}

TEST_F(RealData, YoochooseHasItsTargets) {
  options.events = {"${SEGUE_DATA}/yoochoose64-srgnn/train_sessions.txt.gz"};
  options.test_events = {"${SEGUE_DATA}/yoochoose64-srgnn/test_sessions.txt.gz"};
  options.source.format = events::Format::kSessionLines;
  options.split = SplitKind::kFiles;
  options.validation_fraction = 0;
  prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  std::int64_t n_train = 0, n_test = 0, targets = 0, unknown = 0;
  for (std::int64_t s = 0; s < dataset.n_sequences(); ++s) {
    const auto bounds = dataset.bounds(s);
    n_train += bounds.train_end > bounds.begin;
    n_test += bounds.end > bounds.valid_end;
    for (auto e = std::max(bounds.valid_end, bounds.begin + 1); e < bounds.end; ++e) {
      ++targets;
      unknown += dataset.item_rows()[static_cast<std::size_t>(e)] == dataset.n_items();
    }
  }
  EXPECT_EQ(n_train, 116'167);
  EXPECT_EQ(n_test, 15'324);
  EXPECT_EQ(targets, 55'898);
  EXPECT_EQ(unknown, 412);
}

TEST_F(RealData, FoursquareSplitsByTime) {
  options.events = {"${SEGUE_DATA}/foursquare-nyc/checkins.csv.gz"};
  options.source.sequence_column = "user";
  options.source.item_column = "poi";
  options.source.time_column = "minute";
  options.source.time_format = events::TimeFormat::kMinutes;
  const auto manifest = prepare(options, 2);
  EXPECT_EQ(manifest.at("counts").at("events_read"), 147'938);
  EXPECT_NEAR(manifest.at("counts").at("parts").at("test").at("events").get<double>(), 14'794, 5);
}

TEST_F(RealData, BookingReadsDatesAndCategories) {
  options.events = {"${SEGUE_DATA}/booking-sample/train_sample.csv"};
  options.source.sequence_column = "utrip_id";
  options.source.item_column = "city_id";
  options.source.time_column = "checkin";
  features::FeatureOptions stay, device;
  stay.name = "stay";
  stay.kind = features::FeatureKind::kDuration;
  stay.until = "checkout";
  device.name = "device_class";
  options.features = {stay, device};
  EXPECT_EQ(prepare(options, 2).at("counts").at("events_read"), 2996);
  const auto dataset = Dataset::open(options.prepared);
  EXPECT_EQ(dataset.features()[1].spec.n_codes, 4);  // desktop, mobile, tablet, unknown
  EXPECT_FALSE(dataset.features()[0].codes.empty());
}

TEST_F(RealData, MovieLens100kKnowsItsMovies) {
  options.events = {"${SEGUE_DATA}/ml-100k/ml-100k.inter.gz"};
  options.source.format = events::Format::kTsv;
  options.source.on_bad_row = events::OnBadRow::kSkip;  // the years of two movies are no numbers
  options.source.sequence_column = "user_id:token";
  options.source.item_column = "item_id:token";
  options.source.time_column = "timestamp:float";
  options.validation_fraction = options.test_fraction = 0;
  options.items.files = {"${SEGUE_DATA}/ml-100k/ml-100k.item.gz"};
  options.items.column = "item_id:token";
  features::FeatureOptions year, genres;
  year.name = "year";
  year.kind = features::FeatureKind::kNumber;
  year.column = "release_year:token";
  genres.name = genres.column = "class:token_seq";
  options.items.features = {year, genres};
  const auto manifest = prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  EXPECT_EQ(dataset.n_items(), 1682);
  EXPECT_EQ(manifest.at("counts").at("item_rows_read"), 1680);
  EXPECT_EQ(manifest.at("counts").at("items_not_listed"), 2);
  EXPECT_EQ(dataset.item_features()[1].spec.n_codes, 217);  // 216 lists of genres, and unknown
  // Toy Story, of 1995; the mean of all years is 1989.067857, their deviation 14.301104.
  EXPECT_NEAR(dataset.item_features()[0].values[static_cast<std::size_t>(dataset.items().find("1"))], 0.414803F, 1e-5F);
}

}  // namespace
}  // namespace segue
