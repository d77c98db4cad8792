#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "report/tensorboard.h"
#include "support/json.h"

namespace segue::training {

/// What a run writes down while it trains: training.jsonl and TensorBoard scalars.
class RunLog {
 public:
  /// @param from_step  a resumed run: lines of later steps, which its checkpoint does not know of, are dropped; 0:
  /// starts afresh
  RunLog(const std::filesystem::path& directory, std::int64_t from_step);
  void step(std::int64_t epoch, std::int64_t step, double loss, double learning_rate, double gradient_norm,
            double events_per_s);
  void epoch(std::int64_t epoch, std::int64_t step, double loss, double learning_rate, double events_per_s,
             double seconds, const std::map<std::string, double>& metrics);

 private:
  void write(const Json& line);
  std::filesystem::path path_;
  report::TensorBoardWriter tensorboard_;
};

}  // namespace segue::training
