#include <gtest/gtest.h>

#include <unistd.h>

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <parquet/arrow/reader.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/errors.h"
#include "support/storage.h"
#include "trip_world/calendar.h"
#include "trip_world/city_table.h"
#include "trip_world/trip_world.h"

namespace segue::trip_world {
namespace {

namespace fs = std::filesystem;

const char* const kFiles[] = {"train.csv",
                              "validation.csv",
                              "test.csv",
                              "test_histories.csv",
                              "cities.csv",
                              "world.json",
                              "bayes_serving.parquet",
                              "bayes_challenge.parquet"};

std::vector<std::vector<std::string>> read_csv(const fs::path& path) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream text(storage::read_file(path));
  for (std::string line; std::getline(text, line);) {
    auto& row = rows.emplace_back();
    std::istringstream fields(line + ",");
    for (std::string field; std::getline(fields, field, ',');) row.push_back(field);
  }
  return rows;
}

/// One small world, made once for all tests, and the folder it lies in.
class GenerateTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / ("segue_trip_world_test_" + std::to_string(::getpid()));
    fs::remove_all(root_);
    options_.trips = 5000;
    options_.validation_trips = 300;
    options_.test_trips = 3000;
    manifest_ = generate(options_, root_ / "world");
  }
  static void TearDownTestSuite() { fs::remove_all(root_); }
  static inline fs::path root_;
  static inline GenerateOptions options_;
  static inline Json manifest_;
};

TEST_F(GenerateTest, GivesTheSameBytesOnAnyThreadCount) {
  for (const int threads : {2, 3, 5}) {
    auto options = options_;
    options.n_threads = threads;
    generate(options, root_ / "again");
    for (const char* file : kFiles)
      EXPECT_EQ(storage::file_checksum(root_ / "world" / file), storage::file_checksum(root_ / "again" / file))
          << file << " on " << threads << " threads";
    fs::remove_all(root_ / "again");
  }
}

TEST_F(GenerateTest, AnotherSeedIsAnotherWorld) {
  auto options = options_;
  options.seed = 8;
  generate(options, root_ / "other");
  EXPECT_NE(storage::file_checksum(root_ / "world/world.json"), storage::file_checksum(root_ / "other/world.json"));
  EXPECT_NE(storage::file_checksum(root_ / "world/test.csv"), storage::file_checksum(root_ / "other/test.csv"));
}

TEST_F(GenerateTest, ASecondRunLeavesAGoodWorldAlone) {
  const auto before = fs::last_write_time(root_ / "world/manifest.json");
  EXPECT_EQ(generate(options_, root_ / "world"), manifest_);
  EXPECT_EQ(fs::last_write_time(root_ / "world/manifest.json"), before);
}

TEST_F(GenerateTest, ADamagedWorldIsMadeAnew) {
  auto options = options_;
  options.trips = 100;
  generate(options, root_ / "damaged");
  const auto whole = storage::file_checksum(root_ / "damaged/train.csv");
  std::ofstream(root_ / "damaged/train.csv", std::ios::app) << "garbage\n";
  generate(options, root_ / "damaged");
  EXPECT_EQ(storage::file_checksum(root_ / "damaged/train.csv"), whole);
}

TEST_F(GenerateTest, ForeignFilesAreNeverReplaced) {
  fs::create_directories(root_ / "mine");
  std::ofstream(root_ / "mine/letter.txt") << "dear";
  EXPECT_THROW(generate(options_, root_ / "mine"), DataError);
  EXPECT_EQ(storage::read_file(root_ / "mine/letter.txt"), "dear");
  EXPECT_THROW(generate(options_, root_ / "mine/letter.txt"), DataError);
}

TEST_F(GenerateTest, RefusesCountsThatMakeNoWorld) {
  auto options = options_;
  options.trips = 0;
  EXPECT_THROW(generate(options, root_ / "none"), UsageError);
  options = options_;
  options.n_threads = 0;
  EXPECT_THROW(generate(options, root_ / "none"), UsageError);
  EXPECT_FALSE(fs::exists(root_ / "none"));
}

TEST_F(GenerateTest, EveryTripIsConsistent) {
  std::map<std::string, std::string> country_of;
  for (const City& city : built_in_cities()) country_of[std::to_string(city.id)] = city.country;
  std::map<std::string, int> day_of;
  for (int day = 0; day < kDays; ++day) day_of[std::string(iso_date(day))] = day;
  std::set<std::string> users_of_all_parts;
  for (const char* part : {"train", "validation", "test"}) {
    const auto rows = read_csv(root_ / "world" / (std::string(part) + ".csv"));
    std::map<std::string, int> legs;
    ASSERT_EQ(rows[0].size(), 9u);
    for (std::size_t i = 1; i < rows.size(); ++i) {
      const auto& row = rows[i];
      ASSERT_EQ(row.size(), 9u) << part << " row " << i;
      ASSERT_TRUE(day_of.count(row[1]) && day_of.count(row[2])) << row[1] << ' ' << row[2];
      const int nights = day_of[row[2]] - day_of[row[1]];
      EXPECT_TRUE(nights >= 1 && nights <= 4) << nights;
      EXPECT_EQ(country_of.at(row[3]), row[7]);
      EXPECT_EQ(row[8], row[0] + "_1");
      if (++legs[row[8]] == 1) {
        EXPECT_TRUE(users_of_all_parts.insert(row[0]).second) << "traveller " << row[0] << " stands in two places";
      } else {
        EXPECT_EQ(rows[i - 1][8], row[8]) << "a trip's rows stand together";
        EXPECT_EQ(rows[i - 1][2], row[1]) << "check-in is the check-out of the leg before";
        EXPECT_EQ(rows[i - 1][6], row[6]) << "booker country";
      }
    }
    EXPECT_EQ(static_cast<std::int64_t>(legs.size()), manifest_["parts"][part]["trips"].get<std::int64_t>());
    EXPECT_EQ(static_cast<std::int64_t>(rows.size()) - 1, manifest_["parts"][part]["rows"].get<std::int64_t>());
    for (const auto& [trip, n] : legs) EXPECT_TRUE(n >= 4 && n <= 12) << trip;
  }
}

TEST_F(GenerateTest, HistoriesHideTheCityOfTheRequestAndItsCountry) {
  const auto whole = read_csv(root_ / "world/test.csv"), histories = read_csv(root_ / "world/test_histories.csv");
  ASSERT_EQ(whole.size(), histories.size());
  int hidden = 0;
  for (std::size_t i = 1; i < whole.size(); ++i) {
    const bool last = i + 1 == whole.size() || whole[i + 1][8] != whole[i][8];
    auto expected = whole[i];
    if (last) expected[3] = expected[7] = "", ++hidden;
    EXPECT_EQ(histories[i], expected) << "row " << i;
  }
  EXPECT_EQ(hidden, options_.test_trips);
}

/// Reads a Bayes file: [trips][cities].
std::vector<std::vector<double>> read_predictions(const fs::path& path, std::vector<std::string>* trips) {
  const auto file = arrow::io::ReadableFile::Open(path.string()).ValueOrDie();
  const auto reader = parquet::arrow::OpenFile(file, arrow::default_memory_pool()).ValueOrDie();
  const auto table = reader->ReadTable().ValueOrDie()->CombineChunks().ValueOrDie();
  const auto ids = std::static_pointer_cast<arrow::StringArray>(table->GetColumnByName("utrip_id")->chunk(0));
  const auto lists =
      std::static_pointer_cast<arrow::FixedSizeListArray>(table->GetColumnByName("probabilities")->chunk(0));
  const auto values = std::static_pointer_cast<arrow::FloatArray>(lists->values());
  std::vector<std::vector<double>> predictions;
  for (std::int64_t row = 0; row < table->num_rows(); ++row) {
    trips->push_back(ids->GetString(row));
    auto& list = predictions.emplace_back();
    for (std::int32_t j = 0; j < lists->value_length(row); ++j)
      list.push_back(static_cast<double>(values->Value(lists->value_offset(row) + j)));
  }
  return predictions;
}

TEST_F(GenerateTest, PredictionsAreDistributionsAndHitAsOftenAsTheySay) {
  const auto cities = built_in_cities();
  std::map<std::string, std::string> target;
  for (const auto& row : read_csv(root_ / "world/test.csv")) target[row[8]] = row[3];
  for (const char* profile : {"serving", "challenge"}) {
    std::vector<std::string> trips;
    const auto predictions = read_predictions(root_ / "world" / ("bayes_" + std::string(profile) + ".parquet"), &trips);
    ASSERT_EQ(predictions.size(), static_cast<std::size_t>(options_.test_trips));
    double expected = 0, realised = 0, variance = 0;
    for (std::size_t row = 0; row < predictions.size(); ++row) {
      double sum = 0;
      std::multimap<double, std::size_t, std::greater<>> order;
      for (std::size_t j = 0; j < predictions[row].size(); ++j) {
        ASSERT_GE(predictions[row][j], 0);
        sum += predictions[row][j];
        order.emplace(predictions[row][j], j);
      }
      ASSERT_NEAR(sum, 1, 1e-5);
      double mass = 0;
      auto best = order.begin();
      for (int k = 0; k < 4; ++k, ++best) {
        mass += best->first;
        realised += std::to_string(cities[best->second].id) == target.at(trips[row]);
      }
      expected += mass;
      variance += mass * (1 - mass);
    }
    EXPECT_NEAR(realised, expected, 3 * std::sqrt(variance)) << profile;
    const Json& stated = manifest_["bayes"][profile];
    EXPECT_NEAR(stated["expected_hit_rate@4"].get<double>(), expected / static_cast<double>(predictions.size()), 1e-9);
    EXPECT_NEAR(stated["hit_rate@4"].get<double>(), realised / static_cast<double>(predictions.size()), 1e-9);
  }
}

TEST_F(GenerateTest, PredictionsEqualAnIndependentRecomputation) {
  const std::string command = std::string(SEGUE_PYTHON) + " " + SEGUE_SOURCE_DIR +
                              "/tests/trip_world/recompute_bayes.py " + (root_ / "world").string() + " 12";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace
}  // namespace segue::trip_world
