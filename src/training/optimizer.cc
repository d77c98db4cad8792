#include "training/optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "training/row_kernels.h"

namespace segue::training {
namespace {

// Fewer numbers than this are not worth a second thread.
constexpr std::int64_t kGrain = 32'768;

/// The sum of squares, over ranges of a fixed division, so that it does not depend on the number of threads.
/// @param n     runs of numbers, each of `width`
/// @param run   run(i): where the i-th begins
template <class Run>
double sum_of_squares(std::int64_t n, std::int64_t width, Run run) {
  const std::int64_t each = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(width, 1));
  const std::int64_t n_ranges = (n + each - 1) / each;
  std::vector<double> sums(static_cast<std::size_t>(n_ranges), 0.0);
  at::parallel_for(0, n_ranges, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t range = begin; range < end; ++range)
      for (std::int64_t i = range * each; i < std::min(n, (range + 1) * each); ++i)
        sums[static_cast<std::size_t>(range)] += squared_norm(run(i), width);
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

double sum_of_squares(const at::Tensor& values) {
  const auto* x = values.const_data_ptr<float>();
  const std::int64_t n = values.numel(), n_whole = n / kGrain;
  return sum_of_squares(n_whole, kGrain, [&](std::int64_t i) { return x + i * kGrain; }) +
         squared_norm(x + n_whole * kGrain, n - n_whole * kGrain);
}

}  // namespace

bool Optimizer::decays(const std::string& name, std::int64_t n_dims) {
  return n_dims >= 2 && name.find("embedding") == std::string::npos && !name.starts_with("features.") &&
         !name.starts_with("item_features.");
}

Optimizer::Optimizer(Parameters parameters, const TrainingOptions& options) : options_(options) {
  const bool momentum = options.momentum > 0;
  for (auto& [name, parameter] : parameters) {
    Slot slot{.name = name, .parameter = parameter, .first = {}, .second = {}};
    if (decays(name, parameter.dim())) slot.weight_decay = static_cast<float>(options.weight_decay);
    const at::Tensor like = parameter.detach();
    if (options.optimizer == OptimizerKind::kAdamW || momentum) slot.first = at::zeros_like(like);
    if (options.optimizer != OptimizerKind::kSgd) slot.second = at::zeros_like(like);
    slots_.push_back(std::move(slot));
  }
}

std::map<std::string, at::Tensor> Optimizer::state() const {
  std::map<std::string, at::Tensor> state;
  const bool adam = options_.optimizer == OptimizerKind::kAdamW;
  for (const Slot& slot : slots_) {
    if (slot.first.defined()) state[slot.name + (adam ? ".mean" : ".velocity")] = slot.first;
    if (slot.second.defined()) state[slot.name + ".square"] = slot.second;
  }
  return state;
}

Optimizer::Gradient Optimizer::prepare(const at::Tensor& gradient) {
  if (!gradient.is_sparse()) return {.dense = gradient.contiguous(), .rows = {}, .values = {}, .places = {}};
  if (!gradient.is_cpu()) {
    const at::Tensor coalesced = gradient.coalesce();
    return {.dense = {}, .rows = coalesced._indices().select(0, 0), .values = coalesced._values(), .places = {}};
  }
  const at::Tensor given = gradient._indices().select(0, 0).contiguous();
  Gradient out;
  out.values = gradient._values().contiguous();
  const std::int64_t n = given.numel(), width = n == 0 ? 0 : out.values.numel() / n;
  const auto* index = given.const_data_ptr<std::int64_t>();
  std::vector<std::pair<std::int64_t, std::int64_t>> order(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = {index[i], i};
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> starts, rows;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && order[i].first == order[i - 1].first) continue;
    starts.push_back(static_cast<std::int64_t>(i));
    rows.push_back(order[i].first);
    out.places.push_back(order[i].second);
  }
  starts.push_back(n);
  out.rows = at::tensor(rows, at::kLong);
  auto* values = out.values.mutable_data_ptr<float>();
  const auto n_rows = static_cast<std::int64_t>(rows.size());
  at::parallel_for(0, n_rows, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(width, 1)),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t r = begin; r < end; ++r) {
                       const auto first = static_cast<std::size_t>(starts[static_cast<std::size_t>(r)]);
                       const auto last = static_cast<std::size_t>(starts[static_cast<std::size_t>(r) + 1]);
                       for (std::size_t i = first + 1; i < last; ++i)
                         add_row(values + order[i].second * width, values + order[first].second * width, width);
                     }
                   });
  return out;
}

double Optimizer::squared_norm_of(const Gradient& gradient) {
  const at::Tensor& values = gradient.dense.defined() ? gradient.dense : gradient.values;
  if (!values.is_cpu()) return values.square().sum().item<double>();
  if (gradient.dense.defined()) return sum_of_squares(values);
  const auto n_rows = static_cast<std::int64_t>(gradient.places.size());
  const std::int64_t width = n_rows == 0 ? 0 : values.numel() / values.size(0);
  const auto* x = values.const_data_ptr<float>();
  return sum_of_squares(n_rows, width,
                        [&](std::int64_t r) { return x + gradient.places[static_cast<std::size_t>(r)] * width; });
}

double Optimizer::step(std::int64_t step, double learning_rate) {
  const at::NoGradGuard no_grad;
  std::vector<Gradient> gradients(slots_.size());
  double squares = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    at::Tensor& gradient = slots_[i].parameter.mutable_grad();
    if (!gradient.defined()) continue;
    gradients[i] = prepare(gradient);
    squares += squared_norm_of(gradients[i]);
    gradient.reset();
  }
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) return norm;
  const double limit = options_.max_gradient_norm;
  const double gradient_scale = limit > 0 && norm > limit ? limit / norm : 1.0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!gradients[i].dense.defined() && !gradients[i].rows.defined()) continue;
    if (slots_[i].parameter.is_cpu())
      update(slots_[i], gradients[i], step, learning_rate, static_cast<float>(gradient_scale));
    else
      update_on_device(slots_[i], gradients[i], step, learning_rate, gradient_scale);
  }
  return norm;
}

void Optimizer::update(Slot& slot, const Gradient& gradient, std::int64_t step, double learning_rate,
                       float gradient_scale) const {
  const auto rate = static_cast<float>(learning_rate);
  const auto t = static_cast<double>(step);
  const AdamWStep adamw{.learning_rate = rate,
                        .beta1 = static_cast<float>(options_.beta1),
                        .beta2 = static_cast<float>(options_.beta2),
                        .epsilon = static_cast<float>(options_.epsilon),
                        .weight_decay = slot.weight_decay,
                        .correction1 = static_cast<float>(1.0 - std::pow(options_.beta1, t)),
                        .correction2 = static_cast<float>(1.0 - std::pow(options_.beta2, t)),
                        .gradient_scale = gradient_scale};
  const AdagradStep adagrad{rate, static_cast<float>(options_.epsilon), slot.weight_decay,
                            static_cast<float>(options_.momentum), gradient_scale};
  const SgdStep sgd{rate, slot.weight_decay, static_cast<float>(options_.momentum), gradient_scale};
  float* const parameter = slot.parameter.mutable_data_ptr<float>();
  float* const first = slot.first.defined() ? slot.first.mutable_data_ptr<float>() : nullptr;
  float* const second = slot.second.defined() ? slot.second.mutable_data_ptr<float>() : nullptr;
  const auto apply = [&](std::int64_t at_parameter, const float* g, std::int64_t n) {
    float* const m = first == nullptr ? nullptr : first + at_parameter;
    float* const v = second == nullptr ? nullptr : second + at_parameter;
    switch (options_.optimizer) {
      case OptimizerKind::kAdamW: adamw_update(adamw, parameter + at_parameter, g, m, v, n); break;
      case OptimizerKind::kAdagrad: adagrad_update(adagrad, parameter + at_parameter, g, v, m, n); break;
      case OptimizerKind::kSgd: sgd_update(sgd, parameter + at_parameter, g, m, n); break;
    }
  };
  if (gradient.dense.defined()) {
    const auto* g = gradient.dense.const_data_ptr<float>();
    at::parallel_for(0, gradient.dense.numel(), kGrain,
                     [&](std::int64_t begin, std::int64_t end) { apply(begin, g + begin, end - begin); });
    return;
  }
  const std::int64_t n_rows = gradient.rows.numel();
  if (n_rows == 0) return;
  const std::int64_t width = gradient.values.numel() / gradient.values.size(0);
  const auto* rows = gradient.rows.const_data_ptr<std::int64_t>();
  const auto* g = gradient.values.const_data_ptr<float>();
  at::parallel_for(0, n_rows, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(width, 1)),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t r = begin; r < end; ++r) {
                       apply(rows[r] * width, g + gradient.places[static_cast<std::size_t>(r)] * width, width);
                     }
                   });
}

void Optimizer::update_on_device(Slot& slot, const Gradient& gradient, std::int64_t step, double learning_rate,
                                 double gradient_scale) const {
  const bool sparse = gradient.rows.defined();
  const at::Tensor g = (sparse ? gradient.values : gradient.dense) * gradient_scale;
  const auto read = [&](const at::Tensor& x) { return sparse ? x.index_select(0, gradient.rows) : x; };
  const auto write = [&](at::Tensor& x, const at::Tensor& value) {
    if (sparse)
      x.index_copy_(0, gradient.rows, value);
    else
      x.copy_(value);
  };
  at::Tensor parameter = slot.parameter.detach();
  const at::Tensor kept = read(parameter) * (1.0 - learning_rate * static_cast<double>(slot.weight_decay));
  const auto t = static_cast<double>(step);
  if (options_.optimizer == OptimizerKind::kAdamW) {
    const at::Tensor mean = at::lerp(read(slot.first), g, 1.0 - options_.beta1);
    const at::Tensor square = read(slot.second) * options_.beta2 + g * g * (1.0 - options_.beta2);
    write(slot.first, mean);
    write(slot.second, square);
    const at::Tensor root = (square / (1.0 - std::pow(options_.beta2, t))).sqrt_().add_(options_.epsilon);
    write(parameter, kept.addcdiv(mean, root, -learning_rate / (1.0 - std::pow(options_.beta1, t))));
    return;
  }
  at::Tensor move;
  if (options_.optimizer == OptimizerKind::kAdagrad) {
    const at::Tensor square = read(slot.second) + g * g;
    write(slot.second, square);
    move = g * -learning_rate / (square + options_.epsilon).sqrt();
    if (slot.first.defined()) write(slot.first, move = read(slot.first) * options_.momentum + move);
  } else {
    move = g;
    if (slot.first.defined()) write(slot.first, move = read(slot.first) * options_.momentum + g);
    move = move * -learning_rate;
  }
  write(parameter, kept + move);
}

double scheduled_learning_rate(const TrainingOptions& options, std::int64_t step, std::int64_t n_steps) {
  const double warm = options.warmup_steps > 0
                          ? std::min(1.0, static_cast<double>(step) / static_cast<double>(options.warmup_steps))
                          : 1.0;
  double share = 1;
  if (options.schedule == Schedule::kCosine && step > options.warmup_steps && n_steps > options.warmup_steps) {
    const double done =
        static_cast<double>(step - options.warmup_steps) / static_cast<double>(n_steps - options.warmup_steps);
    const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, done)));
    share = options.final_learning_rate + (1 - options.final_learning_rate) * cosine;
  }
  return options.learning_rate * warm * share;
}

}  // namespace segue::training
