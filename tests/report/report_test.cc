#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "report/systems_chart.h"
#include "support/errors.h"
#include "support/json.h"
#include "support/storage.h"

namespace segue::report {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

Json cell(double value) { return {{"value", value}, {"low", value - 0.01}, {"high", value + 0.01}}; }

Json system_of(const std::string& name, const std::string& kind, double value) {
  Json system = {{"name", name}, {"kind", kind}};
  system["metrics"] = {
      {"hit_rate@4", cell(value)}, {"mrr@4", cell(value * 0.6)}, {"exact_share@4", cell(value / 0.53)}};
  system["slices"]["history_length"] = {
      {{"label", "3 to 5"}, {"n", 700}, {"metrics", {{"hit_rate@4", value * 0.95}}}},
      {{"label", "6 and more"}, {"n", 300}, {"metrics", {{"hit_rate@4", value * 1.1}}}}};
  return system;
}

/// A run as training and evaluation leave it: two systems, a bound, a trip on the map, hostile names.
class ReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    run_ = fs::temp_directory_path() / ("segue_report_test_" + std::to_string(::getpid())) / "gru & <session>";
    fs::create_directories(run_);
    storage::write_file(run_ / "config.yaml", "model:\n  kind: gru_session  # <not a tag>\n");
    write_json(run_ / "manifest.json", {{"format", "segue run"}, {"seed", 42}});
    for (int step = 1; step <= 60; ++step)
      storage::append_line(
          run_ / "training.jsonl",
          Json{{"kind", "step"}, {"step", step * 10}, {"epoch", step / 20}, {"loss", 6 - 0.04 * step}}.dump());
    for (int epoch = 1; epoch <= 3; ++epoch)
      storage::append_line(run_ / "training.jsonl", Json{{"kind", "epoch"},
                                                         {"epoch", epoch},
                                                         {"step", epoch * 200},
                                                         {"loss", 4.0},
                                                         {"hit_rate@4", 0.3 + 0.05 * epoch}}
                                                        .dump());
    evaluation_ = {{"format", "segue evaluation"}, {"version", 1}};
    evaluation_["protocol"] = {{"part", "test"},
                               {"positions", "last"},
                               {"hide_seen", false},
                               {"candidates", "all known items"},
                               {"ties", "model: target last"},
                               {"n_queries", 1000},
                               {"unknown_targets", 3},
                               {"primary_metric", "hit_rate@4"}};
    evaluation_["systems"] = {system_of("gru_session", "model", 0.51),
                              system_of("markov <script>alert(1)</script>", "baseline", 0.35),
                              system_of("bayes", "bound", 0.53)};
    evaluation_["examples"] = {
        {{"sequence", "1_1"},
         {"history", {"1001", "1002", "1003"}},
         {"target", "1004"},
         {"recommended", {"1002", "1004", "1001", "1003"}},
         {"rank", 2}},
        {{"sequence", "2_1"}, {"history", {"nowhere"}}, {"target", "1004"}, {"recommended", Json::array()}}};
    write_json(run_ / "evaluation.json", evaluation_);
    places_ = run_ / "cities.csv";
    storage::write_file(
        places_,
        "city,name,country,latitude,longitude\n1001,Madrid & Co,Spain,40.42,-3.7\n1002,Lyon,France,45.76,4.84\n"
        "1003,Milan,Italy,45.46,9.19\n1004,Vienna,Austria,48.21,16.37\n");
    options_.map_items = places_.string();
  }
  void TearDown() override { fs::remove_all(run_.parent_path()); }
  std::string write() const {
    write_report(run_, options_);
    return storage::read_file(run_ / "report.html");
  }
  fs::path run_, places_;
  Json evaluation_;
  OutputOptions options_;
};

TEST_F(ReportTest, HoldsEverySystemAndSection) {
  const auto html = write();
  for (const char* part : {"gru_session", "markov", "bayes", "hit_rate@4", "mrr@4", "exact_share@4", "Training loss",
                           "Validation hit_rate@4", "history length", "3 to 5", "Example trips", "Vienna", "0.5100",
                           "0.5000 – 0.5200", "stroke-dasharray"})
    EXPECT_THAT(html, HasSubstr(part));
}

TEST_F(ReportTest, EscapesWhatUsersName) {
  const auto html = write();
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("markov &lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(html, HasSubstr("gru &amp; &lt;session&gt;"));
  EXPECT_THAT(html, HasSubstr("Madrid &amp; Co"));
  EXPECT_THAT(html, HasSubstr("# &lt;not a tag&gt;"));
}

TEST_F(ReportTest, IsWellFormedAndOpensAlone) {
  write();
  const std::string command = std::string(SEGUE_PYTHON) + " " + SEGUE_SOURCE_DIR + "/tests/report/check_page.py '" +
                              (run_ / "report.html").string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(ReportTest, ShowsSetsOfTargets) {
  auto& protocol = evaluation_["protocol"];
  protocol["positions"] = "rest";
  protocol["mean_relevant_items"] = 12.34;
  protocol["repeated_targets"] = 1234;
  evaluation_["examples"] = {{{"sequence", "1_1"},
                              {"history", {"1001"}},
                              {"targets", {"1004", "1003", nullptr, "<elsewhere>"}},
                              {"ranks", {2, 4}},
                              {"recommended", {"1002", "1004", "1001", "1003"}}}};
  write_json(run_ / "evaluation.json", evaluation_);
  const auto html = write();
  for (const char* part : {"1,000 sequences of the test part, each asked for the rest of its items (12.3 on average)",
                           "1,234 items of the rest stand in the history", "went to Vienna", "went to Milan",
                           "<b>Vienna, Milan, unknown, &lt;elsewhere&gt;</b> (ranks 2, 4)"})
    EXPECT_THAT(html, HasSubstr(part));
}

TEST_F(ReportTest, ARunNotYetEvaluatedGetsItsCurvesAndTheNextCommand) {
  fs::remove(run_ / "evaluation.json");
  const auto html = write();
  EXPECT_THAT(html, HasSubstr("segue evaluate"));
  EXPECT_THAT(html, HasSubstr("Training loss"));
}

TEST_F(ReportTest, ALineCutByAKillIsLeftOut) {
  storage::append_line(run_ / "training.jsonl", "{\"kind\": \"step\", \"ste");
  EXPECT_THAT(write(), HasSubstr("Training loss"));
}

TEST_F(ReportTest, WorksWithoutMapCurvesSlicesAndIntervals) {
  options_.map_items.clear();
  fs::remove(run_ / "training.jsonl");
  for (auto& system : evaluation_["systems"]) {
    system.erase("slices");
    for (auto& [name, value] : system["metrics"].items()) value["low"] = value["high"] = nullptr;
  }
  evaluation_.erase("examples");
  write_json(run_ / "evaluation.json", evaluation_);
  EXPECT_THAT(write(), HasSubstr("gru_session"));
}

TEST_F(ReportTest, SaysWhatIsMissing) {
  const auto message = [&] {
    try {
      write_report(run_, options_);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  storage::write_file(places_, "city,name,country,latitude\n1,A,B,2\n");
  EXPECT_THAT(message(), HasSubstr("longitude"));
  options_.map_items = "/no/such/file.csv";
  EXPECT_THAT(message(), HasSubstr("/no/such/file.csv"));
  evaluation_["version"] = 99;
  write_json(run_ / "evaluation.json", evaluation_);
  EXPECT_THAT(message(), HasSubstr("evaluation.json"));
  storage::write_file(run_ / "evaluation.json", "{\"format\": ");
  EXPECT_THAT(message(), HasSubstr("evaluation.json"));
  fs::remove(run_ / "config.yaml");
  EXPECT_THAT(message(), HasSubstr("not a run directory"));
  EXPECT_FALSE(fs::exists(run_ / "report.html"));
}

TEST_F(ReportTest, TheSameRunGivesTheSamePage) { EXPECT_EQ(write(), write()); }

}  // namespace
}  // namespace segue::report
