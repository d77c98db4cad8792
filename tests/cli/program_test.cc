#include "cli/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/device.h"
#include "support/storage.h"
#include "tests/cli/program.h"

namespace segue::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

void visit(const CLI::App& app, const std::string& path,
           const std::function<void(const std::string&, const CLI::App&)>& body) {
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  if (below.empty()) body(path, app);
  for (const CLI::App* sub : below) visit(*sub, path + " " + sub->get_name(), body);
}

TEST(Program, EveryCommandHasHelpAndTheOutputOptions) {
  Program program;
  int n_commands = 0;
  visit(*program.app, "", [&](const std::string& path, const CLI::App& app) {
    ++n_commands;
    for (const char* option : {"--json", "--quiet", "--verbose", "--help"}) {
      EXPECT_NE(app.get_option_no_throw(option), nullptr) << path << " " << option;
    }
    EXPECT_FALSE(app.get_description().empty()) << path;
    for (const CLI::Option* option : app.get_options())
      EXPECT_FALSE(option->get_description().empty()) << path << " " << option->get_name();
  });
  EXPECT_GE(n_commands, 11);
}

TEST(Program, HelpAndVersionGoToStdout) {
  const Outcome help = run_segue("train --help");
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("--resume"), HasSubstr("--quiet")));
  EXPECT_THAT(help.err, IsEmpty());
  const Outcome version = run_segue("--version");
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.out, StartsWith("segue 0."));
  // Every value option shows its default.
  EXPECT_THAT(run_segue("generate trips --help").out, HasSubstr("=0"));
}

TEST(Program, WrongUseIsCodeTwoWithAdvice) {
  const Outcome misspelt = run_segue("trian");
  EXPECT_EQ(misspelt.code, 2);
  EXPECT_THAT(misspelt.err, AllOf(StartsWith("segue: error: unknown command 'trian'; did you mean 'train'?"),
                                  HasSubstr("segue --help")));
  EXPECT_THAT(misspelt.out, IsEmpty());
  EXPECT_EQ(run_segue("").code, 2);
  EXPECT_EQ(run_segue("train").code, 2);
  EXPECT_EQ(run_segue("doctor --loud").code, 2);
  EXPECT_THAT(run_segue("train").err, HasSubstr("segue train --help"));
  EXPECT_EQ(run_segue("inspect").code, 2);
  EXPECT_EQ(run_segue("doctor --quiet --verbose").code, 2);
  EXPECT_EQ(run_segue("completion tcsh").code, 2);
}

TEST(Program, ConfigurationErrorsAreCodeThree) {
  const ScratchFolder folder;
  storage::write_file(folder / "c.yaml", "training:\n  learning_rat: 0.1\n");
  const Outcome outcome = run_segue("prepare '" + (folder / "c.yaml").string() + "'");
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("c.yaml:2:3: unknown key 'training.learning_rat'; did you mean 'learning_rate'?"));
  EXPECT_EQ(run_segue("prepare /nowhere.yaml").code, 3);
}

TEST(Program, DataErrorsAreCodeFour) {
  const ScratchFolder folder;
  EXPECT_EQ(run_segue("inspect '" + (folder / "nowhere").string() + "'").code, 4);
  storage::write_file(folder / "w.safetensors", "short");
  const Outcome damaged = run_segue("inspect '" + (folder / "w.safetensors").string() + "'");
  EXPECT_EQ(damaged.code, 4);
  EXPECT_THAT(damaged.err, HasSubstr("w.safetensors"));
  std::filesystem::create_directory(folder / "empty");
  EXPECT_THAT(run_segue("inspect '" + (folder / "empty").string() + "'").err, HasSubstr("nothing of Segue's"));
}

TEST(Program, DoctorSaysWhatThereIs) {
  const Outcome outcome = run_segue("doctor --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json result = Json::parse(outcome.out);
  for (const char* key : {"segue", "revision", "libtorch", "arrow", "compiler"})
    EXPECT_TRUE(result["versions"].contains(key)) << key;
  EXPECT_EQ(result["versions"]["libtorch"].get<std::string>().substr(0, 2), "2.");
  EXPECT_GE(result["machine"]["threads"], 1);
  EXPECT_THAT(result["cuda"]["least driver"].get<std::string>(), HasSubstr("580"));
  EXPECT_THAT(run_segue("doctor").out, HasSubstr("versions.libtorch:"));
}

TEST(Program, ConfigurationKeysAreThoseOfTheReadme) {
  const Outcome outcome = run_segue("inspect --config-keys");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::string readme = storage::read_file(std::filesystem::path(SEGUE_SOURCE_DIR) / "configs" / "README.md");
  const std::string begin = "<!-- keys: begin -->\n", end = "<!-- keys: end -->\n";
  const auto from = readme.find(begin), to = readme.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos);
  EXPECT_EQ(readme.substr(from + begin.size(), to - from - begin.size()), outcome.out)
      << "the table of configs/README.md is not what the program says: tools/check/config_keys puts it there";
}

}  // namespace
}  // namespace segue::cli
