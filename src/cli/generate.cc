#include <algorithm>
#include <chrono>
#include <memory>

#include "cli/command.h"
#include "support/threads.h"
#include "trip_world/trip_world.h"

namespace segue::cli {

void add_generate(CLI::App& app, GlobalOptions& global) {
  auto* command = app.add_subcommand("generate", "Make data whose best reachable score is known exactly");
  command->require_subcommand(1);
  auto* trips =
      command->add_subcommand("trips", "Trips between real cities by travellers whose hidden style is never shown");

  struct Arguments {
    trip_world::GenerateOptions options;
    std::string out;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto& options = arguments->options;
  options.n_threads = 0;
  trips->add_option("--out", arguments->out, "Directory to write; replaced if it holds another such world")->required();
  trips->add_option("--trips", options.trips, "Training trips")->capture_default_str()->check(CLI::PositiveNumber);
  trips->add_option("--validation-trips", options.validation_trips, "Validation trips")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  trips->add_option("--test-trips", options.test_trips, "Test trips, with their best reachable predictions")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  trips->add_option("--seed", options.seed, "Seed of the world and of its trips")->capture_default_str();
  trips->add_option("--threads", options.n_threads, "Threads; 0: all available. The bytes do not depend on it")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);

  trips->callback([arguments, &global] {
    auto chosen = arguments->options;
    if (chosen.n_threads == 0) chosen.n_threads = available_threads();
    const auto start = std::chrono::steady_clock::now();
    const Json manifest = trip_world::generate(chosen, arguments->out);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    Json result = {{"world", arguments->out}, {"cities", manifest["cities"]}, {"seed", chosen.seed}};
    for (const auto& [part, counts] : manifest["parts"].items()) result[part + " trips"] = counts["trips"];
    result["best reachable hit_rate@4, serving"] = manifest["bayes"]["serving"]["expected_hit_rate@4"];
    result["best reachable hit_rate@4, challenge"] = manifest["bayes"]["challenge"]["expected_hit_rate@4"];
    result["seconds"] = seconds.count();
    print_result(global, result);
  });
}

}  // namespace segue::cli
