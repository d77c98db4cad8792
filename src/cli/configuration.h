#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/section.h"
#include "dataset/prepare.h"
#include "evaluation/evaluate.h"
#include "item_index/index_options.h"
#include "model_kinds/model_options.h"
#include "recommend/recommend.h"
#include "report/report.h"
#include "training/training_options.h"
#include "tuning/tune_options.h"

namespace segue::cli {

/// The whole configuration file; each module reads its own section. configs/README.md lists every key.
struct Configuration {
  std::uint64_t seed = 42;
  std::string device = "auto";  ///< auto | cpu | cuda | cuda:N
  int threads = 0;              ///< 0: all that are available
  DataOptions data;
  model_kinds::ModelOptions model;
  training::TrainingOptions training;
  evaluation::EvaluationOptions evaluation;
  std::optional<item_index::IndexOptions> index;  ///< where the file has the section
  recommend::RecommendOptions recommend;
  report::OutputOptions output;
  tuning::TuneOptions tune;
  std::string resolved;  ///< the configuration as YAML, defaults filled in; without the section tune

  static Configuration load(const std::filesystem::path& path, const std::vector<std::string>& overrides);
  static Configuration from(config::Document document);
};

}  // namespace segue::cli
