#include "training/training_options.h"

#include "ranking/metrics.h"

namespace segue::training {
namespace {

const std::vector<std::pair<std::string, Loss>> kLosses = {{"cross_entropy", Loss::kCrossEntropy},
                                                           {"sampled_softmax", Loss::kSampledSoftmax},
                                                           {"bpr_max", Loss::kBprMax},
                                                           {"top1_max", Loss::kTop1Max}};
const std::vector<std::pair<std::string, OptimizerKind>> kOptimizers = {
    {"adamw", OptimizerKind::kAdamW}, {"adagrad", OptimizerKind::kAdagrad}, {"sgd", OptimizerKind::kSgd}};
const std::vector<std::pair<std::string, Schedule>> kSchedules = {{"constant", Schedule::kConstant},
                                                                  {"cosine", Schedule::kCosine}};
const std::vector<std::pair<std::string, Precision>> kPrecisions = {{"float32", Precision::kFloat32},
                                                                    {"bfloat16", Precision::kBFloat16}};

const std::vector<std::pair<std::string, LogQ>> kCorrections = {
    {"negatives", LogQ::kNegatives}, {"both", LogQ::kBoth}, {"none", LogQ::kNone}};
const std::vector<std::pair<std::string, ItemProbability>> kProbabilities = {
    {"counts", ItemProbability::kCounts}, {"streaming", ItemProbability::kStreaming}};

template <class E>
std::string word_of(const std::vector<std::pair<std::string, E>>& choices, E value) {
  for (const auto& [word, choice] : choices)
    if (choice == value) return word;
  return "?";
}

}  // namespace

void TrainingOptions::read(config::Section& section) {
  section.read("epochs", epochs, {.meaning = "passes over the training events", .low = 1});
  section.read("batch_sequences", batch_sequences,
               {.meaning = "sequences of one update at most; 0: by positions only", .low = 0});
  section.read("batch_positions", batch_positions,
               {.meaning = "positions of one update at most; 0: no limit", .unit = "events", .low = 0});
  section.read("max_length", max_length,
               {.meaning = "longer sequences keep their latest events", .unit = "events", .low = 1});
  section.read(
      "random_crop", random_crop,
      {.meaning = "share of the longer sequences cropped at random instead", .unit = "share", .low = 0, .high = 1});
  section.read("include_validation", include_validation,
               {.meaning = "train on the validation events too, for a number of epochs chosen before"});

  section.read_choice("loss", loss, kLosses,
                      {.meaning = "what an update minimises; all but cross_entropy sample negatives"});
  section.read(
      "n_negatives", n_negatives,
      {.meaning = "sampled losses: negatives of one update, shared by its positions", .unit = "items", .low = 0});
  section.read("negative_alpha", negative_alpha,
               {.meaning = "sampled losses: negatives are drawn by popularity to this power", .low = 0, .high = 2});
  section.read("n_uniform_negatives", n_uniform_negatives,
               {.meaning = "sampled_softmax: negatives of one update drawn evenly", .unit = "items", .low = 0});
  section.read("in_batch_negatives", in_batch_negatives,
               {.meaning = "sampled_softmax: targets of the other sequences of the batch are negatives too"});
  section.read("memory_size", memory_size,
               {.meaning = "sampled_softmax: so many targets of earlier updates stay negatives, with their vectors of "
                           "then; 0: none",
                .unit = "items",
                .low = 0});
  section.read_choice("log_q_correction", log_q_correction, kCorrections,
                      {.meaning = "sampled_softmax: scores less the logarithm of the expected number of draws; both: "
                                  "the positive's too, as published, which is biased"});
  section.read_choice("item_probability", item_probability, kProbabilities,
                      {.meaning = "how often an item is a target: counted in the training part, or estimated from the "
                                  "batches as they come"});
  section.read("reward_weighting", reward_weighting,
               {.meaning = "an example counts by its reward (data.columns.reward) over the mean reward"});
  section.read("targets_per_sequence", targets_per_sequence,
               {.meaning = "so many targets of a sequence an epoch, drawn anew, so that long histories do not outweigh "
                           "the others; 0: all",
                .unit = "events",
                .low = 0});
  section.read("bpr_regularization", bpr_regularization,
               {.meaning = "bpr_max: weight of the squared scores", .low = 0});
  section.read("score_elu", score_elu,
               {.meaning = "bpr_max, top1_max: scores pass through elu with this alpha; 0: as they are", .low = 0});
  section.read(
      "label_smoothing", label_smoothing,
      {.meaning = "cross_entropy: mass spread evenly over the catalogue", .unit = "share", .low = 0, .high = 0.999});

  section.read_choice("optimizer", optimizer, kOptimizers, {.meaning = "rule of the update"});
  section.read("learning_rate", learning_rate, {.meaning = "step size after the warm-up", .low = 0});
  section.read("weight_decay", weight_decay,
               {.meaning = "decoupled, on matrices only: not on embeddings, norms and biases", .low = 0});
  section.read("beta1", beta1, {.meaning = "adamw: decay of the mean gradient", .low = 0, .high = 0.999999});
  section.read("beta2", beta2, {.meaning = "adamw: decay of the mean square", .low = 0, .high = 0.999999});
  section.read("epsilon", epsilon, {.meaning = "adamw, adagrad: keeps divisions finite", .low = 0});
  section.read("momentum", momentum,
               {.meaning = "adagrad, sgd: share of the last step kept", .low = 0, .high = 0.999999});
  section.read("max_gradient_norm", max_gradient_norm,
               {.meaning = "longer gradients are shortened to this; 0: never", .low = 0});
  section.read("warmup_steps", warmup_steps,
               {.meaning = "updates over which the learning rate rises", .unit = "updates", .low = 0});
  section.read_choice("schedule", schedule, kSchedules, {.meaning = "learning rate after the warm-up"});
  section.read("final_learning_rate", final_learning_rate,
               {.meaning = "cosine: share of learning_rate left at the end", .unit = "share", .low = 0, .high = 1});
  section.read("ema_decay", ema_decay,
               {.meaning = "running average of the weights, which is then evaluated and exported; 0: off",
                .low = 0,
                .high = 0.999999});

  section.read("metric", metric, {.meaning = "validation metric that chooses the best epoch, as name@k"});
  try {
    if (ranking::MetricName::parse(metric).name == "coverage")
      section.fail("metric", "coverage cannot choose an epoch; use ndcg@10");
  } catch (const std::invalid_argument& error) {
    section.fail("metric", error.what());
  }
  section.read("evaluate_every", evaluate_every,
               {.meaning = "validate after every so many epochs; 0: never", .unit = "epochs", .low = 0});
  section.read("patience", patience,
               {.meaning = "stop after so many validations without a better metric; 0: never", .low = 0});
  section.read(
      "checkpoint_minutes", checkpoint_minutes,
      {.meaning = "checkpoint in mid-epoch after this time; 0: at the end of epochs only", .unit = "min", .low = 0});
  section.read("max_steps", max_steps,
               {.meaning = "stop after so many updates in all; 0: no limit", .unit = "updates", .low = 0});
  section.read_choice("precision", precision, kPrecisions,
                      {.meaning = "numbers that go into matrix products; sums stay float32"});
  section.read("tf32", tf32, {.meaning = "CUDA: float32 products may round their inputs to TF32"});

  if (batch_sequences == 0 && batch_positions == 0)
    section.fail("batch_sequences", "batch_sequences and batch_positions are both 0: one of them must bound a batch");
  if (loss == Loss::kSampledSoftmax && n_negatives == 0 && n_uniform_negatives == 0 && !in_batch_negatives)
    section.fail("n_negatives",
                 "sampled_softmax needs negatives: set n_negatives, n_uniform_negatives or in_batch_negatives");
  if (loss != Loss::kSampledSoftmax) {
    const auto need = [&](bool set, const char* key) {
      if (set) section.fail(key, std::string(key) + " works with loss sampled_softmax only");
    };
    need(n_uniform_negatives > 0, "n_uniform_negatives");
    need(in_batch_negatives, "in_batch_negatives");
    need(memory_size > 0, "memory_size");
  }
  if (label_smoothing > 0 && loss != Loss::kCrossEntropy)
    section.fail("label_smoothing", "label_smoothing works with loss cross_entropy only");
}

Json TrainingOptions::to_json() const {
  return {{"epochs", epochs},
          {"batch_sequences", batch_sequences},
          {"batch_positions", batch_positions},
          {"max_length", max_length},
          {"random_crop", random_crop},
          {"include_validation", include_validation},
          {"loss", word_of(kLosses, loss)},
          {"n_negatives", n_negatives},
          {"negative_alpha", negative_alpha},
          {"n_uniform_negatives", n_uniform_negatives},
          {"in_batch_negatives", in_batch_negatives},
          {"memory_size", memory_size},
          {"log_q_correction", word_of(kCorrections, log_q_correction)},
          {"item_probability", word_of(kProbabilities, item_probability)},
          {"reward_weighting", reward_weighting},
          {"targets_per_sequence", targets_per_sequence},
          {"bpr_regularization", bpr_regularization},
          {"score_elu", score_elu},
          {"label_smoothing", label_smoothing},
          {"optimizer", word_of(kOptimizers, optimizer)},
          {"learning_rate", learning_rate},
          {"weight_decay", weight_decay},
          {"beta1", beta1},
          {"beta2", beta2},
          {"epsilon", epsilon},
          {"momentum", momentum},
          {"max_gradient_norm", max_gradient_norm},
          {"warmup_steps", warmup_steps},
          {"schedule", word_of(kSchedules, schedule)},
          {"final_learning_rate", final_learning_rate},
          {"ema_decay", ema_decay},
          {"metric", metric},
          {"evaluate_every", evaluate_every},
          {"patience", patience},
          {"precision", word_of(kPrecisions, precision)},
          {"tf32", tf32}};
}

}  // namespace segue::training
