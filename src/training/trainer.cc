#include "training/trainer.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "batching/batch_source.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "support/progress.h"
#include "support/random.h"
#include "training/checkpoint.h"
#include "training/objective.h"
#include "training/optimizer.h"
#include "training/run_log.h"
#include "training/step_figures.h"
#include "training/validation.h"
#include "training/weight_average.h"

namespace segue::training {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kDropoutStream = 0x64726F706F7574ULL;
constexpr std::int64_t kLogLinesPerEpoch = 50;
// Updates on a device between two looks at their losses: what is found not to be finite is so many updates old at most.
constexpr std::int64_t kMostUnseen = 256;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void check_columns(const Dataset& dataset, const TrainingOptions& options, const models::Model& model) {
  if (model.reads_example_age() && dataset.times_ms().empty())
    throw ConfigError("model.example_age needs the times of events: name their column in data.columns.time");
  if (options.include_validation && dataset.n_trained_items() < dataset.n_items())
    throw ConfigError(
        "training.include_validation: validation events hold items that have no training event (data.items.untrained), "
        "of which nothing may be learned; set one of the two to false");
  if (options.reward_weighting && dataset.rewards().empty())
    throw ConfigError("training.reward_weighting needs rewards: name their column in data.columns.reward");
}

batching::BatchSourceOptions batch_options(const TrainingOptions& options, models::Model& model) {
  return {.batch_sequences = options.batch_sequences,
          .batch_positions = options.batch_positions,
          .max_length = options.max_length,
          .random_crop = options.random_crop,
          .include_validation = options.include_validation,
          .visited = model.visited_weights().defined(),
          .example_age = model.reads_example_age(),
          .reward_weighting = options.reward_weighting,
          .targets_per_sequence = options.targets_per_sequence};
}

/// Where training stands: everything that a checkpoint carries beside tensors.
struct Place {
  std::int64_t step = 0, epoch = 0, batch = 0;  // updates done; epoch under way and its next batch, both from 0
  double loss_sum = 0;
  std::int64_t loss_targets = 0;
  double best_metric = std::numeric_limits<double>::quiet_NaN();
  std::int64_t best_epoch = 0, validations_without_better = 0;
  bool finished = false, stopped_early = false;
};

/// One training run, from its first update or its last checkpoint to its end.
class Training {
 public:
  Training(models::Model& model, const Dataset& dataset, const TrainingOptions& options, const TrainingRun& run)
      : model_(model),
        dataset_(dataset),
        options_(options),
        run_(run),
        source_((check_columns(dataset, options, model), dataset), batch_options(options, model), run.seed),
        objective_(model, dataset, options, run.seed),
        optimizer_(model.parameters(), options) {
    if (options.ema_decay > 0) average_.emplace(model.parameters(), options.ema_decay);
  }

  TrainingResult run();

 private:
  void resume();
  void train_epoch();
  void update(const batching::Batch& batch);
  void update_in_memory(const batching::Batch& batch);
  void take_figures();
  void require_finite(const char* what, double value, std::int64_t step) const;
  void end_epoch();
  [[nodiscard]] Checkpoint checkpoint(bool with_optimizer) const;
  void save_latest();
  void save_best();
  void require_finite_parameters() const;
  [[nodiscard]] std::filesystem::path path(const char* name) const {
    return run_.directory / "checkpoints" / (std::string(name) + ".safetensors");
  }
  [[nodiscard]] std::string how_to_resume() const {
    return "continue with: segue train " + (run_.directory / "config.yaml").string() + " --run " +
           run_.directory.string() + " --resume";
  }

  models::Model& model_;
  const Dataset& dataset_;
  TrainingOptions options_;
  TrainingRun run_;
  batching::BatchSource source_;
  Objective objective_;
  Optimizer optimizer_;
  std::optional<WeightAverage> average_;
  std::optional<Validation> validation_;
  std::optional<RunLog> log_;
  Place place_;
  StepFigures figures_;  ///< of updates that place_ does not count the loss of yet
  std::int64_t n_steps_ = 0;
  double learning_rate_ = 0, gradient_norm_ = 0, interval_loss_ = 0;
  TrainingResult result_;
  Clock::time_point saved_ = Clock::now();
};

Checkpoint Training::checkpoint(bool with_optimizer) const {
  Checkpoint checkpoint;
  for (const auto& [name, parameter] : model_.parameters()) checkpoint.tensors["model." + name] = parameter.detach();
  if (average_)
    for (const auto& [name, tensor] : average_->state()) checkpoint.tensors["ema." + name] = tensor;
  if (with_optimizer)
    for (const auto& [name, tensor] : optimizer_.state()) checkpoint.tensors["optimizer." + name] = tensor;
  if (with_optimizer)
    for (const auto& [name, tensor] : objective_.state()) checkpoint.tensors["objective." + name] = tensor;
  checkpoint.state = {{"step", place_.step},
                      {"epoch", place_.epoch},
                      {"batch", place_.batch},
                      {"loss_sum", place_.loss_sum},
                      {"loss_targets", place_.loss_targets},
                      {"metric", options_.metric},
                      {"best_metric", std::isnan(place_.best_metric) ? Json() : Json(place_.best_metric)},
                      {"best_epoch", place_.best_epoch},
                      {"validations_without_better", place_.validations_without_better},
                      {"finished", place_.finished},
                      {"stopped_early", place_.stopped_early},
                      {"seed", run_.seed},
                      {"identity", run_.identity}};
  return checkpoint;
}

void Training::require_finite_parameters() const {
  for (const auto& [name, parameter] : model_.parameters())
    if (!std::isfinite(parameter.detach().sum().item<double>()))
      throw NumericError("parameter '" + name + "' is not finite after step " + std::to_string(place_.step) +
                         ": the last good checkpoint is kept; lower training.learning_rate or max_gradient_norm");
}

void Training::save_latest() {
  take_figures();
  require_finite_parameters();
  checkpoint(true).save(path("latest"));
  saved_ = Clock::now();
}

void Training::save_best() {
  require_finite_parameters();
  checkpoint(false).save(path("best"));
}

void Training::resume() {
  const Checkpoint saved = Checkpoint::load(path("latest"));
  const std::string where = path("latest").string();
  const Json identity = json_get<Json>(saved.state, "identity", where);
  if (identity != run_.identity)
    throw DataError(
        where + ": cannot resume: '" + first_difference(identity, run_.identity) +
        "' is not what the run was started with; resume with the run's own config.yaml, or start a new run");
  load_parameters(saved, model_.parameters(), false);
  const auto restore = [&](const std::string& prefix, const std::map<std::string, at::Tensor>& state) {
    for (const auto& [name, tensor] : state) {
      const auto found = saved.tensors.find(prefix + name);
      if (found == saved.tensors.end() || found->second.sizes() != tensor.sizes())
        throw DataError(where + ": '" + prefix + name +
                        "' is missing or has another shape: this checkpoint is of another run");
      at::Tensor(tensor).copy_(found->second);
    }
  };
  restore("optimizer.", optimizer_.state());
  restore("objective.", objective_.state());
  if (average_) restore("ema.", average_->state());
  place_.step = json_get<std::int64_t>(saved.state, "step", where);
  place_.epoch = json_get<std::int64_t>(saved.state, "epoch", where);
  place_.batch = json_get<std::int64_t>(saved.state, "batch", where);
  place_.loss_sum = json_get<double>(saved.state, "loss_sum", where);
  place_.loss_targets = json_get<std::int64_t>(saved.state, "loss_targets", where);
  const Json best = json_get<Json>(saved.state, "best_metric", where);
  if (best.is_number()) place_.best_metric = best.get<double>();
  place_.best_epoch = json_get<std::int64_t>(saved.state, "best_epoch", where);
  place_.validations_without_better = json_get<std::int64_t>(saved.state, "validations_without_better", where);
  place_.finished = json_get<bool>(saved.state, "finished", where);
  place_.stopped_early = json_get<bool>(saved.state, "stopped_early", where);
  if (place_.finished && !place_.stopped_early && place_.epoch < options_.epochs) place_.finished = false;
  log_info("resuming at step " + std::to_string(place_.step) + ", epoch " + std::to_string(place_.epoch + 1));
}

void Training::require_finite(const char* what, double value, std::int64_t step) const {
  if (std::isfinite(value)) return;
  throw NumericError(std::string(what) + " is not finite at step " + std::to_string(step) + " (epoch " +
                     std::to_string(place_.epoch + 1) + "); the last good checkpoint stays at " +
                     path("latest").string() +
                     ". Lower training.learning_rate, set training.max_gradient_norm, or use precision float32");
}

void Training::update(const batching::Batch& batch) {
  const std::int64_t step = place_.step + 1;
  // The step number alone decides what dropout draws: nothing else would have to be saved to resume.
  model_.dropout_seed = Random(run_.seed ^ kDropoutStream, static_cast<std::uint64_t>(step)).next();
  if (!model_.device().is_cpu()) at::manual_seed(model_.dropout_seed);
  const at::Tensor loss = objective_.loss(batch, step);
  const bool at_hand = loss.is_cpu();
  if (at_hand) require_finite("the loss", loss.item<double>(), step);
  loss.backward();
  learning_rate_ = scheduled_learning_rate(options_, step, n_steps_);
  const at::Tensor norm = optimizer_.step(step, learning_rate_, model_.take_row_gradients());
  if (at_hand) require_finite("the gradient", norm.item<double>(), step);
  place_.step = step;
  if (average_) average_->update(step);
  figures_.add(step, batch.n_targets, loss, norm);
  if (at_hand || figures_.n_waiting() == kMostUnseen) take_figures();
}

/// An update, or what to do where it does not fit into the memory of the device.
void Training::update_in_memory(const batching::Batch& batch) {
  try {
    update(batch);
  } catch (const c10::OutOfMemoryError& error) {
    const bool saved = std::filesystem::exists(path("latest"));
    throw DeviceError(
        "out of memory at step " + std::to_string(place_.step + 1) + " (epoch " + std::to_string(place_.epoch + 1) +
        "), in a batch of " + std::to_string(batch.sequences.size()) + " sequences and " +
        std::to_string(batch.n_positions()) + " events: " + error.what_without_backtrace() +
        "\nA new run needs less with a smaller training.batch_sequences (now " +
        std::to_string(options_.batch_sequences) + "), with training.batch_positions or a smaller training.max_length" +
        (saved ? ". The last checkpoint is kept at " + path("latest").string() + "; on the CPU, " + how_to_resume() +
                     " device=cpu"
               : "; device=cpu does without the device"));
  }
}

/// Counts the losses of the updates that were not looked at yet. One by one, so that the sums do not depend on when.
void Training::take_figures() {
  for (const auto& [step, n_targets, loss, norm] : figures_.fetch()) {
    require_finite("the loss", loss, step);
    require_finite("the gradient", norm, step);
    const auto n = static_cast<double>(n_targets);
    place_.loss_sum += loss * n;
    place_.loss_targets += n_targets;
    interval_loss_ += loss * n;
    gradient_norm_ = norm;
  }
}

void Training::train_epoch() {
  const std::int64_t n_batches = source_.n_batches(place_.epoch);
  const std::int64_t every = std::max<std::int64_t>(1, n_batches / kLogLinesPerEpoch);
  Progress progress("epoch " + std::to_string(place_.epoch + 1) + "/" + std::to_string(options_.epochs),
                    std::max<std::int64_t>(source_.n_targets(place_.epoch) - place_.loss_targets, 1), "events");
  source_.start(place_.epoch, place_.batch);
  batching::Batch batch;
  auto start = Clock::now();
  double interval_seconds = 0;
  std::int64_t interval_targets = 0;
  interval_loss_ = 0;
  while (source_.next(batch)) {
    ++place_.batch;
    if (batch.n_targets > 0) {
      update_in_memory(batch);
      interval_targets += batch.n_targets;
      result_.n_targets += batch.n_targets;
      char note[32] = "";
      if (place_.loss_targets > 0)
        std::snprintf(note, sizeof note, "loss %.4f", place_.loss_sum / static_cast<double>(place_.loss_targets));
      progress.advance(batch.n_targets, note);
      if (place_.batch % every == 0) {
        take_figures();
        const double taken = seconds_since(start);
        interval_seconds += taken;
        result_.seconds += taken;
        log_->step(place_.epoch + 1, place_.step, interval_loss_ / static_cast<double>(interval_targets),
                   learning_rate_, gradient_norm_, static_cast<double>(interval_targets) / interval_seconds);
        interval_seconds = interval_loss_ = 0;
        interval_targets = 0;
        start = Clock::now();
      }
      if (run_.after_step) run_.after_step(place_.step);
    }
    if (options_.max_steps > 0 && place_.step >= options_.max_steps) break;
    const int signal = interrupt_signal();
    if (signal != 0) {
      progress.finish();
      save_latest();
      throw Interrupted(signal, "stopped after step " + std::to_string(place_.step) + " (epoch " +
                                    std::to_string(place_.epoch + 1) + ", batch " + std::to_string(place_.batch) +
                                    " of " + std::to_string(n_batches) + "); a checkpoint is written; " +
                                    how_to_resume());
    }
    if (options_.checkpoint_minutes > 0 &&
        seconds_since(saved_) > 60.0 * static_cast<double>(options_.checkpoint_minutes)) {
      result_.seconds += seconds_since(start);
      save_latest();
      start = Clock::now();
    }
  }
  take_figures();
  result_.seconds += seconds_since(start);
}

void Training::end_epoch() {
  const std::int64_t epoch = place_.epoch + 1;
  const double loss = place_.loss_targets > 0 ? place_.loss_sum / static_cast<double>(place_.loss_targets) : 0.0;
  const double rate = result_.seconds > 0 ? static_cast<double>(result_.n_targets) / result_.seconds : 0.0;
  const bool out_of_steps = options_.max_steps > 0 && place_.step >= options_.max_steps;
  const bool last = epoch >= options_.epochs || out_of_steps;
  const bool due = options_.evaluate_every > 0 && (epoch % options_.evaluate_every == 0 || last);
  place_.epoch = epoch;
  place_.batch = 0;
  place_.loss_sum = 0;
  place_.loss_targets = 0;
  result_.last_loss = loss;

  std::map<std::string, double> metrics;
  bool better = !validation_;  // without validation the newest epoch is the best known
  if (validation_ && due) {
    if (average_) average_->swap();
    try {
      metrics = validation_->run(model_);
    } catch (...) {
      if (average_) average_->swap();
      throw;
    }
    if (average_) average_->swap();
    const double metric = metrics.at(options_.metric);
    better = std::isnan(place_.best_metric) || metric > place_.best_metric;
    if (better) {
      place_.best_metric = metric;
      place_.validations_without_better = 0;
    } else {
      ++place_.validations_without_better;
    }
  }
  place_.stopped_early = options_.patience > 0 && place_.validations_without_better >= options_.patience && !last;
  place_.finished = last || place_.stopped_early;
  if (better) {
    place_.best_epoch = epoch;
    save_best();
  }
  save_latest();
  log_->epoch(epoch, place_.step, loss, learning_rate_, rate, result_.seconds, metrics);
  char line[160];
  std::snprintf(line, sizeof line, "epoch %lld: loss %.4f, %s events/s", static_cast<long long>(epoch), loss,
                with_thousands(static_cast<std::int64_t>(rate)).c_str());
  std::string text = line;
  for (const auto& [name, value] : metrics) {
    std::snprintf(line, sizeof line, ", %s %.4f", name.c_str(), value);
    text += line;
  }
  log_info(text + (better && validation_ ? " (best)" : ""));
}

TrainingResult Training::run() {
  at::set_num_threads(run_.n_threads);
  if (model_.device().is_cuda()) at::globalContext().setFloat32MatmulPrecision(options_.tf32 ? "high" : "highest");
  model_.bf16 = options_.precision == Precision::kBFloat16;
  model_.sparse_gradients = options_.loss != Loss::kCrossEntropy;
  for (const auto& [name, parameter] : model_.parameters()) at::Tensor(parameter).requires_grad_(true);
  std::filesystem::create_directories(run_.directory / "checkpoints");
  if (run_.resume) resume();
  log_.emplace(run_.directory, run_.resume ? place_.step : 0);
  n_steps_ = options_.epochs * source_.n_batches(0);
  if (n_steps_ == 0)
    throw DataError(
        "there is no sequence with two training events or more: nothing to train on; check data.split and the filters");
  result_.epoch_updates = source_.n_batches(0);
  result_.epoch_targets = source_.n_targets(0);
  const std::int64_t per_update = result_.epoch_targets / std::max<std::int64_t>(result_.epoch_updates, 1);
  result_.negatives_per_target = objective_.negatives_per_target(per_update);
  result_.flop_per_target = model_.flop_per_position() + objective_.output_flop(per_update) /
                                                             static_cast<double>(std::max<std::int64_t>(per_update, 1));
  if (options_.evaluate_every > 0 && !options_.include_validation) {
    std::vector<std::string> metrics = {options_.metric};
    metrics.insert(metrics.end(), run_.more_metrics.begin(), run_.more_metrics.end());
    validation_.emplace(dataset_, run_.validation, metrics, options_.max_length, run_.n_threads);
    if (validation_->empty()) {
      log_warning("the dataset has no validation targets: the last epoch counts as the best");
      validation_.reset();
    }
  }
  while (!place_.finished) {
    train_epoch();
    end_epoch();
  }
  result_.epochs = place_.epoch;
  result_.steps = place_.step;
  result_.best_epoch = place_.best_epoch;
  result_.best_metric = place_.best_metric;
  result_.stopped_early = place_.stopped_early;
  result_.events_per_s = result_.seconds > 0 ? static_cast<double>(result_.n_targets) / result_.seconds : 0.0;
  return result_;
}

}  // namespace

TrainingResult train(models::Model& model, const Dataset& dataset, const TrainingOptions& options,
                     const TrainingRun& run) {
  return Training(model, dataset, options, run).run();
}

}  // namespace segue::training
