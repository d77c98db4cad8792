#pragma once

#include <memory>

#include "cli/command.h"

namespace segue::cli {

/// The program as CLI11 sees it: all commands with their options.
struct Program {
  GlobalOptions global;
  std::unique_ptr<CLI::App> app;
  Program();
  Program(const Program&) = delete;  // the options point into `global`
  Program& operator=(const Program&) = delete;
};

/// Parses the command line and runs the command. Errors go to stderr as "segue: error: ...".
/// @return the exit code (support/errors.h)
int run_program(int argc, const char* const* argv);

}  // namespace segue::cli
