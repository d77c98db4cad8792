#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/inspect_artefact.h"
#include "support/errors.h"

namespace segue::cli {
namespace {

/// `|` would end a cell of the table.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

/// The keys of one kind of model.
std::vector<config::KeyInfo> keys_of(const std::string& kind) {
  config::Document document = config::Document::describe();
  auto section = document.root().section("model", "what is trained, with kind: " + kind);
  model_kinds::ModelOptions(kind).read_keys(section);
  return document.keys();
}

/// Those of a section `model` without a kind first, then those of each other kind.
std::vector<config::KeyInfo> configuration_keys() {
  config::Document document = config::Document::describe();
  Configuration::from(document);
  std::vector<config::KeyInfo> keys = document.keys();
  auto end_of_model = std::find_if(keys.rbegin(), keys.rend(), [](const config::KeyInfo& key) {
                        return key.path.starts_with("model.");
                      }).base();
  const std::string by_default = model_kinds::ModelOptions().kind();
  for (const std::string& kind : model_kinds::ModelOptions::kinds()) {
    if (kind == by_default) continue;
    const auto more = keys_of(kind);
    if (more.size() > 1) end_of_model = keys.insert(end_of_model, more.begin(), more.end()) + std::ssize(more);
  }
  return keys;
}

/// The table that configs/README.md holds.
std::string key_table() {
  std::string table = "| key | type | default | unit | range | meaning |\n|---|---|---|---|---|---|\n";
  for (const config::KeyInfo& key : configuration_keys()) {
    if (key.type == "section") {
      table += "| **" + key.path + "** | | | | | **" + cell(key.meaning) + "** |\n";
      continue;
    }
    std::string range = key.range;
    for (const std::string& choice : key.choices) range += (range.empty() ? "" : ", ") + choice;
    table += "| `" + key.path + "` | " + key.type + " | " +
             (key.default_value.empty() ? "" : "`" + cell(key.default_value) + "`") + " | " + key.unit + " | " +
             cell(range) + " | " + cell(key.meaning) + " |\n";
  }
  return table;
}

}  // namespace

void add_inspect(CLI::App& app, GlobalOptions& global) {
  struct Arguments {
    std::string path;
    bool config_keys = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("inspect", "Say what a file or folder of Segue's holds, and check it");
  command->add_option("path", arguments->path,
                      "Prepared dataset, run directory, checkpoint, bundle, index or recommendations");
  command->add_flag("--config-keys", arguments->config_keys, "Print every configuration key, as a Markdown table");
  command->callback([arguments, &global] {
    if (arguments->config_keys) {
      if (!global.json) {
        std::fputs(key_table().c_str(), stdout);
        return;
      }
      Json keys = Json::array();
      for (const config::KeyInfo& key : configuration_keys()) {
        keys.push_back({{"key", key.path},
                        {"type", key.type},
                        {"default", key.default_value},
                        {"unit", key.unit},
                        {"range", key.range},
                        {"choices", key.choices},
                        {"meaning", key.meaning}});
      }
      print_result(global, {{"keys", keys}});
      return;
    }
    if (arguments->path.empty()) throw UsageError("inspect: name a path, or give --config-keys");
    print_result(global, inspect_artefact(arguments->path));
  });
}

}  // namespace segue::cli
