#include "cli/program.h"

#include <c10/util/Exception.h>

#include <cstdio>
#include <new>
#include <stdexcept>

#include "cli/environment.h"
#include "config/section.h"
#include "kernels/device.h"
#include "support/errors.h"
#include "support/progress.h"

namespace segue::cli {
namespace {

/// How loud the program is has to be settled before the command runs.
class Root : public CLI::App {
 public:
  Root(const std::string& description, const GlobalOptions& global) : CLI::App(description, "segue"), global_(global) {}
  void pre_callback() override {
    set_verbosity(global_.quiet ? Verbosity::kQuiet : global_.verbose ? Verbosity::kVerbose : Verbosity::kNormal);
  }

 private:
  const GlobalOptions& global_;
};

void add_global_options(CLI::App& command, GlobalOptions& global) {
  const auto below = command.get_subcommands([](CLI::App*) { return true; });
  for (CLI::App* sub : below) add_global_options(*sub, global);
  if (!below.empty()) return;
  command.add_flag("--json", global.json, "Print the result as one JSON object")->group("Output");
  CLI::Option* quiet =
      command.add_flag("--quiet", global.quiet, "No progress and no log, only warnings")->group("Output");
  command.add_flag("--verbose", global.verbose, "Log more")->group("Output")->excludes(quiet);
}

int complain(const std::string& message, ExitCode code) {
  std::fflush(stdout);
  std::fprintf(stderr, "segue: error: %s\n", message.c_str());
  return static_cast<int>(code);
}

/// "segue train" of the command that was being parsed, for the line that points to its help.
std::string command_path(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return app.get_name() + (parsed.empty() ? "" : " " + command_path(*parsed.front()));
}

int complain_of_usage(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv) {
  std::string message = error.what();
  if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(sub->get_name());
    const std::string nearest = config::nearest_word(argv[1], names);
    message =
        "unknown command '" + std::string(argv[1]) + "'" + (nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
  }
  complain(message, ExitCode::kUsage);
  std::fprintf(stderr, "%s --help says what there is\n", command_path(app).c_str());
  return static_cast<int>(ExitCode::kUsage);
}

int run(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return complain_of_usage(app, error, argc, argv);
  }
}

}  // namespace

Program::Program()
    : app(std::make_unique<Root>("Segue: deep sequence recommender, from events to recommendations", global)) {
  app->option_defaults()->always_capture_default();
  app->require_subcommand(1);
  app->set_version_flag("--version", "segue " + program_version());
  add_generate(*app, global);
  add_prepare(*app, global);
  add_train(*app, global);
  add_tune(*app, global);
  add_evaluate(*app, global);
  add_export(*app, global);
  add_index(*app, global);
  add_recommend(*app, global);
  add_items(*app, global);
  add_report(*app, global);
  add_inspect(*app, global);
  add_doctor(*app, global);
  add_completion(*app, global);
  add_bench(*app, global);
  for (CLI::App* sub : app->get_subcommands([](CLI::App*) { return true; })) add_global_options(*sub, global);
  // After the commands, which would inherit it.
  app->footer(
      "Configuration keys: configs/README.md, or segue inspect --config-keys. Exit codes: 0 good, 2 usage, 3 "
      "configuration,\n"
      "4 data, 5 device or memory, 6 numeric failure, 130 / 143 interrupted.");
}

int run_program(int argc, const char* const* argv) {
  Program program;
  try {
    return run(*program.app, argc, argv);
  } catch (const Error& error) {
    return complain(error.what(), error.code());
  } catch (const std::invalid_argument& error) {
    return complain(error.what(), ExitCode::kUsage);
  } catch (const kernels::DeviceFailure& error) {
    return complain(error.what(), ExitCode::kDevice);
  } catch (const c10::OutOfMemoryError& error) {
    return complain(std::string("out of memory on the device: ") + error.what_without_backtrace() +
                        "\nA smaller training.batch_sequences needs less, and device=cpu does without.",
                    ExitCode::kDevice);
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    const bool device =
        message.find("CUDA") != std::string::npos || message.find("can't allocate memory") != std::string::npos;
    return device ? complain(message, ExitCode::kDevice)
                  : complain("fault inside the program, please report it: " + message, ExitCode{1});
  } catch (const std::bad_alloc&) {
    return complain("out of memory; a smaller training.batch_sequences or fewer threads need less", ExitCode::kDevice);
  } catch (const std::filesystem::filesystem_error& error) {
    return complain(error.path1().string() + ": " + error.code().message(), ExitCode::kData);
  } catch (const std::exception& error) {
    return complain(std::string("fault inside the program, please report it: ") + error.what(), ExitCode{1});
  }
}

}  // namespace segue::cli
