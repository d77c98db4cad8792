#include "recommend/history_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "recommend/survey.h"
#include "support/errors.h"

namespace segue::recommend {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HistoryReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(::testing::TempDir()) /
            (std::string("history_reader_") + ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".csv");
    source_.sequence_column = "s";
    source_.item_column = "i";
    source_.time_column = "t";
    for (const char* id : {"a", "b", "c"}) items_.add(id);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  void write(const std::string& rows) const { std::ofstream(path_) << "s,i,t,note\n" << rows; }
  [[nodiscard]] HistoryReader reader() const { return {{path_}, source_, {{items_, pipeline_}}, {"note"}}; }
  [[nodiscard]] std::string survey_failure() const {
    try {
      (void)survey_histories({path_}, source_, {});
    } catch (const DataError& error) {
      return error.what();
    }
    return "no failure";
  }

  std::filesystem::path path_;
  events::SourceOptions source_;
  features::FeaturePipeline pipeline_;
  features::Vocabulary items_;
};

TEST_F(HistoryReaderTest, SortsByTimeKeepsTheRequestLastAndMarksUnknownItems) {
  write("x,b,20,\nx,a,10,\nx,zz,20,\nx,,30,last\ny,c,5,only\n");
  auto histories = reader();
  HistoryChunk chunk;
  ASSERT_TRUE(histories.next(chunk, 10));
  ASSERT_EQ(chunk.histories.size(), 2u);
  EXPECT_THAT(chunk.inputs[0].items, ElementsAre(0, 1, 3, 3, 2));
  EXPECT_EQ(chunk.histories[0].n_events, 3u);
  EXPECT_TRUE(chunk.histories[0].has_request);
  EXPECT_FALSE(chunk.histories[1].has_request);
  EXPECT_EQ(chunk.inputs[0].n_unknown, 1);
  EXPECT_EQ(chunk.table.columns[histories.carried_columns()[0]].text[3], "last");
  EXPECT_FALSE(histories.next(chunk, 10));
}

TEST_F(HistoryReaderTest, AHistoryOfARequestAloneIsOneUnknownItem) {
  write("x,,10,\ny,a,10,\n");
  auto histories = reader();
  HistoryChunk chunk;
  ASSERT_TRUE(histories.next(chunk, 10));
  EXPECT_TRUE(chunk.histories[0].was_empty);
  EXPECT_TRUE(chunk.histories[0].has_request);
  EXPECT_EQ(chunk.histories[0].n_events, 1u);
  EXPECT_THAT(chunk.inputs[0].items, ElementsAre(3, 3, 0));
  EXPECT_EQ(chunk.inputs[0].n_unknown, 0);
}

TEST_F(HistoryReaderTest, ChunksAreWholeHistoriesWhereverTheReadersBlocksEnd) {
  std::ostringstream rows;
  const int n = 30000;  // more rows than the reader hands out at once
  for (int h = 0; h < n; ++h) {
    for (int e = 0; e < 1 + h % 7; ++e) rows << 'h' << h << ",a," << e << ",\n";
  }
  write(rows.str());
  auto histories = reader();
  HistoryChunk chunk;
  int next = 0;
  while (histories.next(chunk, 1000)) {
    EXPECT_EQ(chunk.histories.size(), 1000u);
    for (const auto& history : chunk.histories) {
      ASSERT_EQ(chunk.table.sequence[history.begin], "h" + std::to_string(next));
      ASSERT_EQ(history.n_events, static_cast<std::size_t>(1 + next % 7));
      ++next;
    }
  }
  EXPECT_EQ(next, n);
  const auto survey = survey_histories({path_}, source_, {});
  EXPECT_EQ(survey.n_histories, n);
}

TEST_F(HistoryReaderTest, AHistoryThatComesBackIsNamed) {
  write("x,a,1,\ny,a,1,\nx,b,2,\n");
  EXPECT_THAT(survey_failure(),
              AllOf(HasSubstr(path_.string()), HasSubstr("row 3"), HasSubstr("'x'"), HasSubstr("sort the file")));
}

TEST_F(HistoryReaderTest, FeaturesOfTheTimeNeedATimeColumn) {
  write("x,a,1,\n");
  features::FeatureOptions hour;
  hour.name = "hour";
  hour.kind = features::FeatureKind::kHour;
  const features::FeaturePipeline of_time({hour}, "t");
  EXPECT_NO_THROW(HistoryReader({path_}, source_, {{items_, pipeline_}, {items_, of_time}}, {}));
  source_.time_column.clear();
  EXPECT_NO_THROW(HistoryReader({path_}, source_, {{items_, pipeline_}}, {}));
  try {
    const HistoryReader reader({path_}, source_, {{items_, pipeline_}, {items_, of_time}}, {});
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("data.columns.time=t"));
  }
}

TEST_F(HistoryReaderTest, NoHistoryAtAll) {
  write("");
  EXPECT_NE(survey_failure(), "no failure");
}

}  // namespace
}  // namespace segue::recommend
