#include "report/report.h"

#include "cli/command.h"
#include "cli/run_directory.h"

namespace segue::cli {
namespace {

struct ReportArguments {
  std::string run;
  std::vector<std::string> overrides;
};

}  // namespace

void add_report(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<ReportArguments>();
  auto* command =
      app.add_subcommand("report", "Write report.html of a run: curves, systems side by side, slices, maps");
  command->add_option("run", arguments->run, "Run directory written by `segue train`")->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: any configuration key, for example output.map_items=cities.csv");
  command->callback([arguments, &global] {
    const auto run = open_run_summary(arguments->run, arguments->overrides);
    report::write_report(run.files.directory, run.configuration.output);
    print_result(global, {{"report", run.files.report().string()}});
  });
}

}  // namespace segue::cli
