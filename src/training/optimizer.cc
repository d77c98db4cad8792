#include "training/optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "training/row_kernels.h"

namespace segue::training {
namespace {

// Fewer numbers than this are not worth a second thread.
constexpr std::int64_t kGrain = 32'768;
// What is looked at twice (its norm, then the update) should still lie in the first cache.
constexpr std::int64_t kRun = 2048;

/// The sum of run(i) over i in [0, n), in ranges of a fixed division, so that it does not depend on the number of
/// threads.
/// @param width  numbers of a run: what a thread takes at once goes by it
template <class Run>
double sum_of_runs(std::int64_t n, std::int64_t width, Run run) {
  const std::int64_t each = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(width, 1));
  const std::int64_t n_ranges = (n + each - 1) / each;
  std::vector<double> sums(static_cast<std::size_t>(n_ranges), 0.0);
  at::parallel_for(0, n_ranges, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t range = begin; range < end; ++range) {
      double sum = 0;
      for (std::int64_t i = range * each; i < std::min(n, (range + 1) * each); ++i) sum += run(i);
      sums[static_cast<std::size_t>(range)] = sum;
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// The same over runs of a dense gradient: run(begin, n).
template <class Run>
double sum_over(std::int64_t n, Run run) {
  return sum_of_runs((n + kRun - 1) / kRun, kRun, [&](std::int64_t i) {
    const std::int64_t begin = i * kRun;
    return run(begin, std::min(kRun, n - begin));
  });
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

Optimizer::Gradient Optimizer::prepare_rows(std::vector<models::RowGradient> pieces) {
  Gradient out;
  if (!pieces.front().values.is_cpu()) {
    std::vector<at::Tensor> rows, values;
    for (const auto& piece : pieces) rows.push_back(piece.rows), values.push_back(piece.values);
    const at::Tensor all = at::cat(values);
    const auto [sorted, order] = at::cat(rows).sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
    const at::Tensor is_new = at::constant_pad_nd(sorted.diff().ne(0), {1, 0}, 0);
    const at::Tensor place = is_new.cumsum(0);  // of its row among the distinct ones
    out.device_rows = sorted;
    out.device_sums = at::zeros_like(all).index_add_(0, place, all.index_select(0, order));
    out.device_values = out.device_sums.index_select(0, place);
    return out;
  }
  struct Addend {
    std::int64_t row;
    std::size_t order;
    float* values;
  };
  std::vector<Addend> addends;
  for (models::RowGradient& piece : pieces) {
    const at::Tensor rows = piece.rows.contiguous(), values = piece.values.contiguous();
    out.width = values.size(1);
    const auto* row = rows.const_data_ptr<std::int64_t>();
    auto* value = values.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < rows.numel(); ++i) addends.push_back({row[i], addends.size(), value + i * out.width});
    out.held.push_back(values);
  }
  std::sort(addends.begin(), addends.end(),
            [](const Addend& a, const Addend& b) { return a.row != b.row ? a.row < b.row : a.order < b.order; });
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < addends.size(); ++i) {
    if (i > 0 && addends[i].row == addends[i - 1].row) continue;
    starts.push_back(i);
    out.rows.push_back(addends[i].row);
    out.values.push_back(addends[i].values);
  }
  starts.push_back(addends.size());
  at::parallel_for(0, static_cast<std::int64_t>(out.rows.size()),
                   std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(out.width, 1)),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (auto r = static_cast<std::size_t>(begin); r < static_cast<std::size_t>(end); ++r)
                       for (std::size_t i = starts[r] + 1; i < starts[r + 1]; ++i)
                         add_row(addends[i].values, out.values[r], out.width);
                   });
  return out;
}

Optimizer::Gradient Optimizer::prepare(const at::Tensor& gradient, std::vector<models::RowGradient> pieces) {
  if (gradient.defined() && gradient.is_sparse())
    pieces.push_back({gradient._indices().select(0, 0), gradient._values()});
  if (gradient.defined() && !gradient.is_sparse()) {
    Gradient out;
    out.dense = gradient.contiguous();
    for (const auto& piece : pieces) out.dense.index_add_(0, piece.rows, piece.values);
    return out;
  }
  return pieces.empty() ? Gradient() : prepare_rows(std::move(pieces));
}

double Optimizer::squared_norm_of(const Gradient& gradient) {
  if (gradient.dense.defined()) {
    const auto* g = gradient.dense.const_data_ptr<float>();
    return sum_over(gradient.dense.numel(),
                    [&](std::int64_t begin, std::int64_t n) { return squared_norm(g + begin, n); });
  }
  return sum_of_runs(static_cast<std::int64_t>(gradient.rows.size()), gradient.width, [&](std::int64_t r) {
    return squared_norm(gradient.values[static_cast<std::size_t>(r)], gradient.width);
  });
}

at::Tensor Optimizer::squared_norm_on_device(const Gradient& gradient) {
  return (gradient.device_rows.defined() ? gradient.device_sums : gradient.dense).square().sum();
}

at::Tensor Optimizer::step(std::int64_t step, double learning_rate, models::RowGradients row_gradients) {
  const at::NoGradGuard no_grad;
  std::vector<Gradient> gradients;
  for (Slot& slot : slots_) {
    at::Tensor& gradient = slot.parameter.mutable_grad();
    gradients.push_back(prepare(gradient, std::move(row_gradients[slot.name])));
    gradient.reset();
  }
  if (!slots_.empty() && !slots_.front().parameter.is_cpu()) return step_on_device(gradients, step, learning_rate);
  return at::scalar_tensor(step_on_cpu(std::move(gradients), step, learning_rate), at::kDouble);
}

double Optimizer::step_on_cpu(std::vector<Gradient> gradients, std::int64_t step, double learning_rate) {
  const double limit = options_.max_gradient_norm;
  double squares = 0, gradient_scale = 1;
  if (limit > 0) {
    for (const Gradient& gradient : gradients)
      if (!gradient.empty()) squares += squared_norm_of(gradient);
    const double norm = std::sqrt(squares);
    if (!std::isfinite(norm)) return norm;
    if (norm > limit) gradient_scale = limit / norm;
  }
  double measured = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (gradients[i].empty()) continue;
    measured += update(slots_[i], gradients[i], step, learning_rate, static_cast<float>(gradient_scale), limit <= 0);
  }
  return std::sqrt(limit > 0 ? squares : measured);
}

at::Tensor Optimizer::step_on_device(const std::vector<Gradient>& gradients, std::int64_t step, double learning_rate) {
  std::vector<at::Tensor> squares;
  for (const Gradient& gradient : gradients)
    if (!gradient.empty()) squares.push_back(squared_norm_on_device(gradient));
  if (squares.empty()) return at::zeros({}, slots_.front().parameter.options().dtype(at::kDouble));
  const at::Tensor norm = at::stack(squares).sum(0, /*keepdim=*/false, at::kDouble).sqrt();
  const double limit = options_.max_gradient_norm;
  const at::Tensor scale = limit > 0 ? norm.reciprocal().mul(limit).clamp_max(1) : at::Tensor();
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (!gradients[i].empty()) update_on_device(slots_[i], gradients[i], step, learning_rate, scale);
  return norm;
}

double Optimizer::update(Slot& slot, const Gradient& gradient, std::int64_t step, double learning_rate,
                         float gradient_scale, bool measure) const {
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
    const double squares = measure ? squared_norm(g, n) : 0.0;
    float* const m = first == nullptr ? nullptr : first + at_parameter;
    float* const v = second == nullptr ? nullptr : second + at_parameter;
    switch (options_.optimizer) {
      case OptimizerKind::kAdamW: adamw_update(adamw, parameter + at_parameter, g, m, v, n); break;
      case OptimizerKind::kAdagrad: adagrad_update(adagrad, parameter + at_parameter, g, v, m, n); break;
      case OptimizerKind::kSgd: sgd_update(sgd, parameter + at_parameter, g, m, n); break;
    }
    return squares;
  };
  if (gradient.dense.defined()) {
    const auto* g = gradient.dense.const_data_ptr<float>();
    return sum_over(gradient.dense.numel(),
                    [&](std::int64_t begin, std::int64_t n) { return apply(begin, g + begin, n); });
  }
  return sum_of_runs(static_cast<std::int64_t>(gradient.rows.size()), gradient.width, [&](std::int64_t i) {
    const auto r = static_cast<std::size_t>(i);
    return apply(gradient.rows[r] * gradient.width, gradient.values[r], gradient.width);
  });
}

void Optimizer::update_on_device(Slot& slot, const Gradient& gradient, std::int64_t step, double learning_rate,
                                 const at::Tensor& gradient_scale) const {
  const bool sparse = gradient.device_rows.defined();
  const at::Tensor given = sparse ? gradient.device_values : gradient.dense;
  const at::Tensor g = gradient_scale.defined() ? given * gradient_scale : given;
  const auto read = [&](const at::Tensor& x) { return sparse ? x.index_select(0, gradient.device_rows) : x; };
  const auto write = [&](at::Tensor& x, const at::Tensor& value) {
    if (sparse)
      x.index_copy_(0, gradient.device_rows, value);
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
