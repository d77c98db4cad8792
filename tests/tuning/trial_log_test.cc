#include "tuning/trial_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/errors.h"
#include "support/storage.h"
#include "tests/events/scratch_folder.h"

namespace segue::tuning {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Trial trial(std::int64_t number, std::optional<double> value) {
  Trial made;
  made.number = number;
  made.values = {{"model.l2", 0.1 * static_cast<double>(number)}};
  made.metric = "ndcg@10";
  made.value = value;
  made.metrics = {{"ndcg@10", value.value_or(0)}};
  made.seconds = 1;
  if (!value) made.error = "diverged";
  return made;
}

std::vector<std::int64_t> numbers(const std::vector<Trial>& trials) {
  std::vector<std::int64_t> numbers;
  for (const Trial& each : trials) numbers.push_back(each.number);
  return numbers;
}

std::string error_of(const std::filesystem::path& path) {
  try {
    TrialLog log(path);
  } catch (const DataError& error) {
    return error.what();
  }
  return "no DataError";
}

TEST(TrialLog, TheFirstOfEqualsIsTheBestAndFailuresComeLast) {
  const ScratchFolder folder;
  TrialLog log(folder / "trials.jsonl");
  EXPECT_EQ(log.best(), nullptr);
  log.add(trial(1, std::nullopt));
  EXPECT_EQ(log.best(), nullptr);
  log.add(trial(2, 0.1));
  log.add(trial(3, 0.3));
  log.add(trial(4, 0.3));
  log.add(trial(5, 0.0));
  EXPECT_EQ(log.best()->number, 3);
  EXPECT_THAT(numbers(log.ranked()), ElementsAre(3, 4, 2, 5, 1));
}

TEST(TrialLog, ReadsWhatItWrote) {
  const ScratchFolder folder;
  const auto path = folder / "trials.jsonl";
  TrialLog log(path);
  log.add(trial(1, 1.0 / 3));
  Trial second = trial(2, 0.5);
  second.best_epoch = 4;
  log.add(second);
  log.add(trial(3, std::nullopt));
  const std::string text = storage::read_file(path);
  const TrialLog read(path);
  ASSERT_EQ(read.size(), 3);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(read.trials()[i].to_json(), log.trials()[i].to_json());
  EXPECT_EQ(read.trials()[0].value, 1.0 / 3);
  EXPECT_EQ(read.trials()[1].best_epoch, 4);
  EXPECT_EQ(read.trials()[2].error, "diverged");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THROW(log.add(trial(5, 0.1)), std::invalid_argument);
}

TEST(TrialLog, NamesALineThatIsDamaged) {
  const ScratchFolder folder;
  TrialLog log(folder / "trials.jsonl");
  for (std::int64_t number = 1; number <= 3; ++number) log.add(trial(number, 0.1));
  const std::string text = storage::read_file(folder / "trials.jsonl");
  const std::size_t second = text.find('\n') + 1, third = text.find('\n', second) + 1;

  const auto cut = folder.write("cut.jsonl", text.substr(0, third + 20));
  EXPECT_THAT(error_of(cut), AllOf(HasSubstr("cut.jsonl:3: damaged"), HasSubstr("--resume runs those trials again")));
  const auto gap = folder.write("gap.jsonl", text.substr(0, second) + text.substr(third));
  EXPECT_THAT(error_of(gap), HasSubstr("gap.jsonl:2: trial 3 where trial 2 belongs"));
  const auto lacks = folder.write("lacks.jsonl", R"({"trial": 1, "status": "finished", "metric": "ndcg@10"})");
  EXPECT_THAT(error_of(lacks), AllOf(HasSubstr("lacks.jsonl:1"), HasSubstr("'value' is missing")));
  std::string word = text;
  word.replace(word.find("finished"), 8, "runs");
  EXPECT_THAT(error_of(folder.write("word.jsonl", word)), HasSubstr("word.jsonl:1: status 'runs'"));
}

}  // namespace
}  // namespace segue::tuning
