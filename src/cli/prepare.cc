#include "dataset/prepare.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/configuration.h"
#include "support/progress.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

struct PrepareArguments {
  std::string config;
  std::vector<std::string> overrides;
  bool force = false;
};

void run_prepare(const PrepareArguments& arguments, const GlobalOptions& global) {
  const Configuration configuration = Configuration::load(arguments.config, arguments.overrides);
  const int n_threads = configuration.threads > 0 ? configuration.threads : available_threads();
  const Json manifest = prepare(configuration.data, n_threads, arguments.force);
  Json printed = {{"prepared", configuration.data.prepared}, {"fingerprint", manifest.at("fingerprint")}};
  if (global.json) {
    for (const auto* key : {"counts", "protocol", "cuts", "skipped_rows"}) printed[key] = manifest.at(key);
  } else {
    const auto& counts = manifest.at("counts");
    for (const auto* key : {"events", "sequences", "items", "events_read", "sequences_left_out"}) {
      printed[key] = with_thousands(counts.at(key).get<std::int64_t>());
    }
    if (counts.contains("item_rows_read")) {
      printed["item rows"] = with_thousands(counts.at("item_rows_read").get<std::int64_t>()) +
                             ", items not listed: " + with_thousands(counts.at("items_not_listed").get<std::int64_t>());
    }
    for (const auto& [name, part] : counts.at("parts").items()) {
      const auto unknown = part.at("unknown_items").get<double>();
      std::string line = with_thousands(part.at("events").get<std::int64_t>()) + " events in " +
                         with_thousands(part.at("sequences").get<std::int64_t>()) + " sequences";
      if (unknown > 0) {
        char share[32];
        std::snprintf(share, sizeof share, "%.2f", 100 * unknown);
        line += ", " + std::string(share) + " % of unknown items";
      }
      printed[name] = line;
    }
    for (const auto& [name, cut] : manifest.at("cuts").items()) printed[name] = cut;
    if (const auto& skipped = manifest.at("skipped_rows"); skipped.at("n") > 0) {
      printed["skipped rows"] = with_thousands(skipped.at("n").get<std::int64_t>());
    }
  }
  print_result(global, printed);
}

}  // namespace

void add_prepare(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<PrepareArguments>();
  auto* command = app.add_subcommand("prepare", "Read events and write the prepared dataset");
  command->add_option("config", arguments->config, "Configuration file (YAML)")->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: any configuration key, for example data.filters.min_item_count=5");
  command->add_flag("--force", arguments->force, "Prepare again even when nothing has changed");
  command->callback([arguments, &global] { run_prepare(*arguments, global); });
}

}  // namespace segue::cli
