#pragma once

#include <CLI/CLI.hpp>

#include "support/json.h"

namespace segue::cli {

/// Options every command has.
struct GlobalOptions {
  bool json = false, quiet = false, verbose = false;
};

// Each adds its sub-command to the program, one file each; the callback runs it. Results go to stdout, all else to
// stderr.
void add_generate(CLI::App& app, GlobalOptions& global);
void add_prepare(CLI::App& app, GlobalOptions& global);
void add_train(CLI::App& app, GlobalOptions& global);
void add_tune(CLI::App& app, GlobalOptions& global);
void add_evaluate(CLI::App& app, GlobalOptions& global);
void add_export(CLI::App& app, GlobalOptions& global);
void add_index(CLI::App& app, GlobalOptions& global);
void add_items(CLI::App& app, GlobalOptions& global);
void add_recommend(CLI::App& app, GlobalOptions& global);
void add_report(CLI::App& app, GlobalOptions& global);
void add_inspect(CLI::App& app, GlobalOptions& global);
void add_doctor(CLI::App& app, GlobalOptions& global);
void add_completion(CLI::App& app, GlobalOptions& global);
void add_bench(CLI::App& app, GlobalOptions& global);

/// Prints a command's result: one JSON object with --json, else "key: value" lines, aligned.
void print_result(const GlobalOptions& global, const Json& result);

}  // namespace segue::cli
