#include "cli/fit_filter.h"

#include <chrono>
#include <cstdio>
#include <optional>

#include "collaborative/filter.h"
#include "collaborative/filter_scorer.h"
#include "model_file/safetensors.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "support/progress.h"
#include "training/checkpoint.h"
#include "training/validation.h"

namespace segue::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Shows the steps of a fit, each kind of step a bar of its own, and stops it when a signal came.
class StepsShown {
 public:
  void operator()(const collaborative::FitStep& step) {
    if (const int signal = interrupt_signal(); signal != 0)
      throw Interrupted(signal, "stopped at " + std::to_string(step.done) + " of " + std::to_string(step.total) + " " +
                                    step.what + "; nothing is written: a fit begins anew");
    if (!bar_ || step.what != what_) {
      bar_.emplace("fitting", step.total, step.what);
      what_ = step.what;
      shown_ = 0;
    }
    char note[32] = "";
    if (step.loss) std::snprintf(note, sizeof note, "loss %.5g", *step.loss);
    bar_->advance(step.done - shown_, note);
    shown_ = step.done;
  }
  void finish() { bar_.reset(); }

 private:
  std::optional<Progress> bar_;
  std::string what_;
  std::int64_t shown_ = 0;
};

}  // namespace

Json fit_filter(const Configuration& configuration, const Dataset& dataset, const RunFiles& files, const Json& identity,
                int n_threads, const std::vector<std::string>& more_metrics) {
  const auto& options = std::get<collaborative::FilterOptions>(configuration.model.of_kind());
  const bool include_validation = configuration.training.include_validation;
  StepsShown shown;
  const auto start = Clock::now();
  const auto filter = collaborative::fit(options, dataset,
                                         {.include_validation = include_validation,
                                          .seed = configuration.seed,
                                          .n_threads = n_threads,
                                          .on_step = [&](const auto& step) { shown(step); }});
  shown.finish();
  const double seconds = seconds_since(start);

  const std::string& metric = configuration.training.metric;
  Json value;
  Json metrics = Json::object();
  if (!include_validation) {
    std::vector<std::string> names = {metric};
    names.insert(names.end(), more_metrics.begin(), more_metrics.end());
    training::Validation validation(dataset, configuration.evaluation.protocol, names,
                                    configuration.training.max_length, n_threads);
    collaborative::FilterScorer scorer(*filter, dataset, n_threads);
    if (!validation.empty()) {
      metrics = validation.run(scorer);
      value = metrics.at(metric);
    }
  }
  std::int64_t n_bytes = 0;
  const auto weights = filter->weights();
  for (const auto& [name, tensor] : weights) n_bytes += static_cast<std::int64_t>(tensor.bytes.size());
  training::save_checkpoint(files.best(), weights,
                            {{"metric", metric},
                             {"best_metric", value},
                             {"finished", true},
                             {"seed", configuration.seed},
                             {"identity", identity}});
  char line[96];
  std::snprintf(line, sizeof line, "fitted in %s", human_duration(seconds).c_str());
  std::string text = line;
  if (!value.is_null()) {
    std::snprintf(line, sizeof line, ", %s %.4f", metric.c_str(), value.get<double>());
    text += line;
  }
  log_info(text);
  Json result = {{"metric", metric}, {"best_metric", value}, {"seconds", seconds}, {"weight_bytes", n_bytes}};
  if (!more_metrics.empty()) result["metrics"] = metrics;
  return result;
}

}  // namespace segue::cli
