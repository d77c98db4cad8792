#include "training/run_log.h"

#include <sstream>

#include "support/storage.h"

namespace segue::training {
namespace {

std::filesystem::path prepared(const std::filesystem::path& path, std::int64_t from_step) {
  std::string kept;
  if (from_step > 0 && std::filesystem::exists(path)) {
    std::istringstream lines(storage::read_file(path));
    for (std::string line; std::getline(lines, line);) {
      const Json entry = Json::parse(line, nullptr, false);
      // A line cut short by a kill is no loss: its step comes again.
      if (entry.is_object() && entry.value("step", std::int64_t{0}) <= from_step) kept += line + "\n";
    }
  }
  storage::write_file(path, kept);
  return path;
}

}  // namespace

RunLog::RunLog(const std::filesystem::path& directory, std::int64_t from_step)
    : path_(prepared(directory / "training.jsonl", from_step)), tensorboard_(directory) {}

void RunLog::write(const Json& line) { storage::append_line(path_, line.dump()); }

void RunLog::step(std::int64_t epoch, std::int64_t step, double loss, double learning_rate, double gradient_norm,
                  double events_per_s) {
  write({{"kind", "step"},
         {"epoch", epoch},
         {"step", step},
         {"loss", loss},
         {"learning_rate", learning_rate},
         {"gradient_norm", gradient_norm},
         {"events_per_s", events_per_s}});
  tensorboard_.scalar("training/loss", step, loss);
  tensorboard_.scalar("training/learning_rate", step, learning_rate);
  tensorboard_.scalar("training/gradient_norm", step, gradient_norm);
  tensorboard_.scalar("training/events_per_s", step, events_per_s);
}

void RunLog::epoch(std::int64_t epoch, std::int64_t step, double loss, double learning_rate, double events_per_s,
                   double seconds, const std::map<std::string, double>& metrics) {
  Json line = {{"kind", "epoch"},
               {"epoch", epoch},
               {"step", step},
               {"loss", loss},
               {"learning_rate", learning_rate},
               {"events_per_s", events_per_s},
               {"seconds", seconds}};
  tensorboard_.scalar("epoch/loss", step, loss);
  for (const auto& [name, value] : metrics) {
    line[name] = value;
    tensorboard_.scalar("validation/" + name, step, value);
  }
  write(line);
  tensorboard_.flush();
}

}  // namespace segue::training
