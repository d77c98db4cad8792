#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/storage.h"
#include "tests/cli/program.h"

namespace segue::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What bash offers after `line` (the last word is the one being completed).
std::string offered(const std::string& words, int position) {
  const ScratchFolder folder;
  storage::write_file(folder / "script", run_segue("completion bash").out);
  const std::string command = "bash -c 'source " + (folder / "script").string() + "; COMP_WORDS=(" + words +
                              "); COMP_CWORD=" + std::to_string(position) + "; _segue; echo \"${COMPREPLY[*]}\"' > " +
                              (folder / "out").string();
  EXPECT_EQ(std::system(command.c_str()), 0);
  return storage::read_file(folder / "out");
}

TEST(Completion, BashTakesItAndOffersWhatFits) {
  const ScratchFolder folder;
  const Outcome outcome = run_segue("completion bash");
  ASSERT_EQ(outcome.code, 0);
  storage::write_file(folder / "script", outcome.out);
  EXPECT_EQ(std::system(("bash -n " + (folder / "script").string()).c_str()), 0);
  EXPECT_THAT(offered("segue \"\"", 1), AllOf(HasSubstr("train"), HasSubstr("doctor"), HasSubstr("recommend")));
  EXPECT_EQ(offered("segue tr", 1), "train\n");
  EXPECT_EQ(offered("segue generate t", 2), "trips\n");
  EXPECT_EQ(offered("segue generate trips --see", 3), "--seed\n");
  EXPECT_EQ(offered("segue train --res", 2), "--resume\n");
}

TEST(Completion, OtherShells) {
  EXPECT_THAT(run_segue("completion zsh").out,
              AllOf(HasSubstr("#compdef segue"), HasSubstr("'generate trips'"), HasSubstr("--seed")));
  EXPECT_THAT(run_segue("completion fish").out, HasSubstr("complete -c segue -n '__fish_seen_subcommand_from generate; "
                                                          "and __fish_seen_subcommand_from trips' -l 'seed'"));
  const ScratchFolder folder;
  for (const std::string shell : {"zsh", "fish"}) {
    if (std::system(("command -v " + shell + " >/dev/null").c_str()) != 0) continue;
    storage::write_file(folder / shell, run_segue("completion " + shell).out);
    EXPECT_EQ(std::system((shell + " -n " + (folder / shell).string()).c_str()), 0) << shell;
  }
}

}  // namespace
}  // namespace segue::cli
