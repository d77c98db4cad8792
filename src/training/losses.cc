#include "training/losses.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <vector>

#include "batching/upload.h"
#include "training/row_kernels.h"

namespace segue::training {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Logits held at once: enough rows for the GEMMs to run at their best, few enough to stay near the caches.
constexpr std::int64_t kChunkElements = 4'000'000;
constexpr std::int64_t kMostRows = 1024;
constexpr std::int64_t kFewestRows = 64;

std::int64_t chunk_rows_for(std::int64_t asked, std::int64_t n_items) {
  return asked > 0 ? asked : std::clamp(kChunkElements / std::max<std::int64_t>(n_items, 1), kFewestRows, kMostRows);
}

/// Adds the visited weights to the logits of rows [first, first + n).
void add_visited(float* logits, std::int64_t n_items, std::int64_t first, std::int64_t n, const std::int64_t* offsets,
                 const std::int64_t* items, const float* weights) {
  for (std::int64_t r = 0; r < n; ++r) {
    const std::int64_t begin = offsets[first + r], end = offsets[first + r + 1];
    for (std::int64_t k = begin; k < end; ++k)
      if (items[k] < n_items) logits[r * n_items + items[k]] += weights[k == begin ? 0 : 1];
  }
}

void gather_visited_gradient(const float* gradient, std::int64_t n_items, std::int64_t first, std::int64_t n,
                             const std::int64_t* offsets, const std::int64_t* items, double* sums) {
  for (std::int64_t r = 0; r < n; ++r) {
    const std::int64_t begin = offsets[first + r], end = offsets[first + r + 1];
    for (std::int64_t k = begin; k < end; ++k)
      if (items[k] < n_items) sums[k == begin ? 0 : 1] += static_cast<double>(gradient[r * n_items + items[k]]);
  }
}

/// Weights of positions; 1 where there are none.
class WeightOf {
 public:
  explicit WeightOf(const at::Tensor& weights)
      : weights_(weights.defined() ? weights.const_data_ptr<float>() : nullptr) {}
  float operator()(std::int64_t position) const { return weights_ == nullptr ? 1.0F : weights_[position]; }

 private:
  const float* weights_;
};

/// What both ways of computing the loss hand to the backward pass.
struct Gradients {
  at::Tensor vectors, items, bias, visited_weights;
  at::Tensor loss;
};

Gradients cross_entropy_on_cpu(const OutputLayer& layer, const at::Tensor& targets,
                               const CrossEntropyOptions& options) {
  const at::Tensor vectors = layer.vectors.contiguous(), items = layer.items.contiguous();
  const std::int64_t n = vectors.size(0), n_items = items.size(0);
  const std::int64_t rows = std::min(chunk_rows_for(options.chunk_rows, n_items), std::max<std::int64_t>(n, 1));
  const bool visited = layer.visited_weights.defined();
  const auto* target = targets.const_data_ptr<std::int64_t>();
  const std::int64_t* offsets = visited ? layer.visited_offsets.const_data_ptr<std::int64_t>() : nullptr;
  const std::int64_t* visited_items = visited ? layer.visited_items.const_data_ptr<std::int64_t>() : nullptr;

  Gradients out;
  out.vectors = at::empty_like(vectors);
  out.items = at::zeros_like(items);
  if (layer.bias.defined()) out.bias = at::zeros_like(layer.bias);
  const at::Tensor items_bf16 = options.bf16 ? items.to(at::kBFloat16) : at::Tensor();
  at::Tensor logits = at::empty({rows, n_items}, vectors.options());
  at::Tensor narrow = options.bf16 ? at::empty({rows, n_items}, items_bf16.options()) : at::Tensor();
  std::vector<double> losses(static_cast<std::size_t>(n));
  double visited_sums[2] = {0, 0};
  const float scale = 1.0F / static_cast<float>(std::max<std::int64_t>(n, 1));
  const auto smoothing = static_cast<float>(options.label_smoothing);
  const WeightOf weight(layer.weights);

  for (std::int64_t first = 0; first < n; first += rows) {
    const std::int64_t m = std::min(rows, n - first);
    const at::Tensor x = vectors.narrow(0, first, m);
    at::Tensor chunk = logits.narrow(0, 0, m);
    float* const values = chunk.mutable_data_ptr<float>();
    if (options.bf16) {
      at::Tensor product = narrow.narrow(0, 0, m);
      at::mm_out(product, x.to(at::kBFloat16), items_bf16.t());
      const auto* bits = static_cast<const std::uint16_t*>(product.const_data_ptr());
      at::parallel_for(0, m, 1, [&](std::int64_t begin, std::int64_t end) {
        widen_row(bits + begin * n_items, values + begin * n_items, (end - begin) * n_items);
      });
      if (layer.bias.defined()) chunk.add_(layer.bias);
    } else if (layer.bias.defined()) {
      at::addmm_out(chunk, layer.bias, x, items.t());
    } else {
      at::mm_out(chunk, x, items.t());
    }
    if (visited)
      add_visited(values, n_items, first, m, offsets, visited_items, layer.visited_weights.const_data_ptr<float>());
    at::parallel_for(0, m, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        losses[static_cast<std::size_t>(first + r)] =
            weight(first + r) *
            cross_entropy_row(values + r * n_items, n_items, target[first + r], smoothing, scale * weight(first + r));
    });
    if (visited) gather_visited_gradient(values, n_items, first, m, offsets, visited_items, visited_sums);
    if (layer.bias.defined()) out.bias.add_(chunk.sum(0));
    at::Tensor to_vectors = out.vectors.narrow(0, first, m);
    if (options.bf16) {
      // The gradient of a row is about 1/n: bfloat16 keeps the exponent of float32, so nothing is lost at the small
      // end.
      at::Tensor product = narrow.narrow(0, 0, m);
      auto* bits = static_cast<std::uint16_t*>(product.mutable_data_ptr());
      at::parallel_for(0, m, 1, [&](std::int64_t begin, std::int64_t end) {
        narrow_row(values + begin * n_items, bits + begin * n_items, (end - begin) * n_items);
      });
      to_vectors.copy_(at::mm(product, items_bf16));
      out.items.add_(at::mm(product.t(), x.to(at::kBFloat16)));
    } else {
      at::mm_out(to_vectors, chunk, items);
      out.items.addmm_(chunk.t(), x);
    }
  }
  if (visited) out.visited_weights = at::tensor({visited_sums[0], visited_sums[1]}, at::kDouble).to(at::kFloat);
  const double total = std::accumulate(losses.begin(), losses.end(), 0.0);
  out.loss = at::scalar_tensor(total / static_cast<double>(std::max<std::int64_t>(n, 1)), vectors.options());
  return out;
}

/// Where visited weights are added: entry i is weight kinds[i] at (rows[i], columns[i]); those of row r are
/// [ends[r], ends[r + 1]). Laid out on the host, so that a device is not asked how many there are.
struct VisitedEntries {
  at::Tensor rows, columns, kinds;  // [ends.back()] int64, on the device
  std::vector<std::int64_t> ends;

  VisitedEntries(const OutputLayer& layer, std::int64_t n_items) {
    const auto* offsets = layer.visited_offsets.const_data_ptr<std::int64_t>();
    const auto* items = layer.visited_items.const_data_ptr<std::int64_t>();
    std::vector<std::int64_t> of_row, of_column, of_kind;
    ends.push_back(0);
    for (std::int64_t r = 0; r + 1 < layer.visited_offsets.size(0); ++r) {
      for (std::int64_t k = offsets[r]; k < offsets[r + 1]; ++k) {
        if (items[k] >= n_items) continue;
        of_row.push_back(r);
        of_column.push_back(items[k]);
        of_kind.push_back(k == offsets[r] ? 0 : 1);
      }
      ends.push_back(static_cast<std::int64_t>(of_row.size()));
    }
    of_row.insert(of_row.end(), of_column.begin(), of_column.end());
    of_row.insert(of_row.end(), of_kind.begin(), of_kind.end());
    const at::Tensor all =
        batching::upload(at::tensor(of_row, at::kLong).view({3, ends.back()}), layer.vectors.device());
    rows = all[0], columns = all[1], kinds = all[2];
  }
};

/// The same by ATen's own operators, for other devices.
Gradients cross_entropy_on_device(const OutputLayer& layer, const at::Tensor& targets,
                                  const CrossEntropyOptions& options) {
  const at::Tensor vectors = layer.vectors.contiguous(), items = layer.items.contiguous();
  const std::int64_t n = vectors.size(0), n_items = items.size(0);
  const std::int64_t rows =
      options.chunk_rows > 0 ? options.chunk_rows : std::clamp<std::int64_t>(64'000'000 / n_items, 256, 8192);
  const double scale = 1.0 / static_cast<double>(std::max<std::int64_t>(n, 1));
  Gradients out;
  out.vectors = at::empty_like(vectors);
  out.items = at::zeros_like(items);
  out.loss = at::zeros({}, vectors.options());
  if (layer.bias.defined()) out.bias = at::zeros_like(layer.bias);
  std::optional<VisitedEntries> visited;
  if (layer.visited_weights.defined()) {
    visited.emplace(layer, n_items);
    out.visited_weights = at::zeros_like(layer.visited_weights);
  }
  const at::Tensor items_low = options.bf16 ? items.to(at::kBFloat16) : items;
  for (std::int64_t first = 0; first < n; first += rows) {
    const std::int64_t m = std::min(rows, n - first);
    const at::Tensor x = vectors.narrow(0, first, m), wanted = targets.narrow(0, first, m).unsqueeze(1);
    const at::Tensor x_low = options.bf16 ? x.to(at::kBFloat16) : x;
    at::Tensor logits = at::mm(x_low, items_low.t()).to(at::kFloat);
    if (layer.bias.defined()) logits.add_(layer.bias);
    at::Tensor r, c, k;
    if (visited) {
      const std::int64_t begin = visited->ends[static_cast<std::size_t>(first)];
      const std::int64_t length = visited->ends[static_cast<std::size_t>(first + m)] - begin;
      r = visited->rows.narrow(0, begin, length) - first;
      c = visited->columns.narrow(0, begin, length), k = visited->kinds.narrow(0, begin, length);
      logits.index_put_({r, c}, layer.visited_weights.index({k}), true);
    }
    const at::Tensor log_p = at::log_softmax(logits, 1);
    at::Tensor loss = log_p.gather(1, wanted).squeeze(1) * (options.label_smoothing - 1.0);
    if (options.label_smoothing > 0) loss = loss - log_p.mean(1) * options.label_smoothing;
    const at::Tensor weights = layer.weights.defined() ? layer.weights.narrow(0, first, m) : at::Tensor();
    out.loss.add_((weights.defined() ? loss * weights : loss).sum(), scale);
    at::Tensor gradient = log_p.exp().mul_(scale);
    gradient.scatter_add_(1, wanted,
                          at::full_like(wanted, -(1.0 - options.label_smoothing) * scale, gradient.options()));
    if (options.label_smoothing > 0) gradient.sub_(options.label_smoothing * scale / static_cast<double>(n_items));
    if (weights.defined()) gradient.mul_(weights.unsqueeze(1));
    if (visited) out.visited_weights.index_put_({k}, gradient.index({r, c}), true);
    if (layer.bias.defined()) out.bias.add_(gradient.sum(0));
    const at::Tensor low = options.bf16 ? gradient.to(at::kBFloat16) : gradient;
    out.vectors.narrow(0, first, m).copy_(at::mm(low, items_low));
    out.items.add_(at::mm(low.t(), x_low));
  }
  return out;
}

/// The form in which an autograd function takes a tensor that may be undefined.
std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
}

/// Gradients that the forward pass formed already, times that of the loss: the last step of backward() has 1 there, and
/// then nothing is copied. Reading it waits for a device, so elsewhere the product is taken.
variable_list scaled(variable_list gradients, const at::Tensor& upstream) {
  if (upstream.is_cpu() && upstream.item<float>() == 1.0F) return gradients;
  for (at::Tensor& gradient : gradients)
    if (gradient.defined()) gradient = gradient * upstream;
  return gradients;
}

struct CrossEntropy : public torch::autograd::Function<CrossEntropy> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& vectors, const at::Tensor& items,
                            const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& visited_weights,
                            const OutputLayer* layer, const at::Tensor& targets, const CrossEntropyOptions* options) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    OutputLayer plain = *layer;
    plain.vectors = vectors, plain.items = items, plain.bias = bias.value_or(at::Tensor());
    plain.visited_weights = visited_weights.value_or(at::Tensor());
    Gradients gradients = vectors.is_cpu() ? cross_entropy_on_cpu(plain, targets, *options)
                                           : cross_entropy_on_device(plain, targets, *options);
    context->save_for_backward({gradients.vectors, gradients.items, gradients.bias, gradients.visited_weights});
    return gradients.loss;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const variable_list gradients = scaled(context->get_saved_variables(), upstream[0]);
    return {gradients[0], gradients[1], gradients[2], gradients[3], {}, {}, {}};
  }
};

/// Scores of a block of positions against the negatives, and what the loss makes of them.
struct SampledLoss : public torch::autograd::Function<SampledLoss> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& vectors, const at::Tensor& item_vectors,
                            const std::optional<at::Tensor>& given_bias, const SampledLayer* layer,
                            const at::Tensor* log_q, const SampledLossOptions* options) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor v = vectors.contiguous(), bias = given_bias.value_or(at::Tensor());
    const std::int64_t n = v.size(0), first = layer->targets_are_negatives ? 0 : n, m = item_vectors.size(0) - first;
    const at::Tensor target_vectors = item_vectors.narrow(0, 0, n), negative_vectors = item_vectors.narrow(0, first, m);
    at::Tensor scores, low_v, low_negatives;
    if (options->bf16) {
      low_v = v.to(at::kBFloat16), low_negatives = negative_vectors.to(at::kBFloat16);
      scores = at::mm(low_v, low_negatives.t()).to(at::kFloat);
      if (bias.defined()) scores.add_(bias.narrow(0, first, m));
    } else {
      scores = bias.defined() ? at::addmm(bias.narrow(0, first, m), v, negative_vectors.t())
                              : at::mm(v, negative_vectors.t());
    }
    at::Tensor positive = (v * target_vectors).sum(1);
    if (bias.defined()) positive.add_(bias.narrow(0, 0, n));
    const at::Tensor items = layer->items.to(at::kInt);
    const auto* target = items.const_data_ptr<std::int32_t>();
    const float* correction =
        options->loss == Loss::kSampledSoftmax && log_q->defined() ? log_q->const_data_ptr<float>() : nullptr;
    if (correction != nullptr && options->correct_positive) positive.sub_(log_q->narrow(0, 0, n));
    // Groups of the negatives: only targets have one.
    at::Tensor all_groups;
    if (layer->groups.defined() && layer->targets_are_negatives)
      all_groups = at::cat({layer->groups, at::full({m - n}, -1, layer->groups.options())});
    const std::int32_t* const groups = all_groups.defined() ? all_groups.const_data_ptr<std::int32_t>() : nullptr;
    const WeightOf weight(layer->weights);
    float* const score = scores.mutable_data_ptr<float>();
    float* const own = positive.mutable_data_ptr<float>();
    std::vector<double> losses(static_cast<std::size_t>(n));
    const float scale = 1.0F / static_cast<float>(std::max<std::int64_t>(n, 1));
    at::parallel_for(0, n, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> scratch(static_cast<std::size_t>(2 * m));
      SampledRow row{options->loss, static_cast<float>(options->bpr_regularization),
                     static_cast<float>(options->score_elu), 0, -1};
      for (std::int64_t r = begin; r < end; ++r) {
        row.target = target[r];
        if (groups != nullptr) row.group = groups[r];
        losses[static_cast<std::size_t>(r)] =
            weight(r) * sampled_loss_row(row, score + r * m, target + first, groups,
                                         correction == nullptr ? nullptr : correction + first, m, own + r,
                                         scale * weight(r), scratch.data());
      }
    });
    // The gradient of all item vectors is formed in one buffer: it is the largest thing that an update moves.
    at::Tensor to_items =
        at::empty_like(item_vectors, item_vectors.options().memory_format(at::MemoryFormat::Contiguous));
    at::Tensor to_negatives = to_items.narrow(0, first, m), to_targets = to_items.narrow(0, 0, n), to_vectors;
    if (options->bf16) {
      const at::Tensor low_scores = scores.to(at::kBFloat16);
      to_vectors = at::mm(low_scores, low_negatives).to(at::kFloat);
      to_negatives.copy_(at::mm(low_scores.t(), low_v));
    } else {
      to_vectors = at::mm(scores, negative_vectors);
      at::mm_out(to_negatives, scores.t(), v);
    }
    to_vectors.addcmul_(positive.unsqueeze(1), target_vectors);
    at::Tensor to_bias;
    if (bias.defined()) {
      to_bias = at::empty_like(bias);
      to_bias.narrow(0, first, m).copy_(scores.sum(0));
    }
    if (layer->targets_are_negatives) {
      to_targets.addcmul_(positive.unsqueeze(1), v);
      if (bias.defined()) to_bias.narrow(0, 0, n).add_(positive);
    } else {
      at::mul_out(to_targets, positive.unsqueeze(1), v);
      if (bias.defined()) to_bias.narrow(0, 0, n).copy_(positive);
    }
    context->save_for_backward({to_vectors, to_items, to_bias});
    return at::scalar_tensor(
        std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(std::max<std::int64_t>(n, 1)),
        v.options());
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const variable_list gradients = scaled(context->get_saved_variables(), upstream[0]);
    return {gradients[0], gradients[1], gradients[2], {}, {}, {}};
  }
};

/// The formulas as they stand, by differentiable operators: for other devices.
at::Tensor sampled_loss_on_device(const SampledLayer& layer, const at::Tensor& log_q,
                                  const SampledLossOptions& options) {
  const std::int64_t n = layer.vectors.size(0), first = layer.targets_are_negatives ? 0 : n;
  const auto negatives_of = [&](const at::Tensor& rows) { return rows.narrow(0, first, rows.size(0) - first); };
  const at::Tensor negative_vectors = negatives_of(layer.item_vectors);
  at::Tensor scores =
      options.bf16 ? at::mm(layer.vectors.to(at::kBFloat16), negative_vectors.to(at::kBFloat16).t()).to(at::kFloat)
                   : at::mm(layer.vectors, negative_vectors.t());
  at::Tensor positive = (layer.vectors * layer.item_vectors.narrow(0, 0, n)).sum(1, true);
  if (layer.item_bias.defined()) {
    scores = scores + negatives_of(layer.item_bias);
    positive = positive + layer.item_bias.narrow(0, 0, n).unsqueeze(1);
  }
  at::Tensor hit = negatives_of(layer.items).unsqueeze(0).eq(layer.items.narrow(0, 0, n).unsqueeze(1));
  if (layer.groups.defined() && layer.targets_are_negatives) {
    const at::Tensor same = layer.groups.unsqueeze(0).eq(layer.groups.unsqueeze(1));
    hit = hit.logical_or(at::constant_pad_nd(same, {0, hit.size(1) - n}, false));
  }
  const at::Tensor usable = hit.all(1).logical_not().to(at::kFloat);
  const auto mean = [&](const at::Tensor& losses) {
    return (layer.weights.defined() ? losses * usable * layer.weights : losses * usable).mean();
  };
  if (options.loss == Loss::kSampledSoftmax) {
    const at::Tensor corrected = log_q.defined() ? scores - negatives_of(log_q) : scores;
    if (log_q.defined() && options.correct_positive) positive = positive - log_q.narrow(0, 0, n).unsqueeze(1);
    const at::Tensor all = at::cat({positive, corrected.masked_fill(hit, -1e30)}, 1);
    return mean(at::logsumexp(all, 1) - positive.squeeze(1));
  }
  if (options.score_elu > 0)
    scores = at::elu(scores, options.score_elu), positive = at::elu(positive, options.score_elu);
  const at::Tensor share = at::softmax(scores.masked_fill(hit, -1e30), 1);
  if (options.loss == Loss::kBprMax) {
    const at::Tensor ranked = (share * at::sigmoid(positive - scores)).sum(1);
    return mean((share * scores.square()).sum(1) * options.bpr_regularization - (ranked + 1e-24).log());
  }
  return mean((share * (at::sigmoid(scores - positive) + at::sigmoid(scores.square()))).sum(1));
}

}  // namespace

at::Tensor cross_entropy(const OutputLayer& layer, const at::Tensor& targets, const CrossEntropyOptions& options) {
  if (layer.vectors.size(0) != targets.size(0))
    throw std::invalid_argument("cross_entropy: one target a vector is needed");
  if (layer.visited_weights.defined() && layer.visited_offsets.size(0) != targets.size(0) + 1)
    throw std::invalid_argument("cross_entropy: visited_offsets must have one entry more than there are positions");
  return CrossEntropy::apply(layer.vectors, layer.items, if_defined(layer.bias), if_defined(layer.visited_weights),
                             &layer, targets, &options);
}

at::Tensor sampled_loss(const SampledLayer& layer, const at::Tensor& log_q, const SampledLossOptions& options) {
  if (options.loss == Loss::kCrossEntropy)
    throw std::invalid_argument("sampled_loss: cross_entropy is not a sampled loss");
  if (layer.items.size(0) < layer.vectors.size(0) || layer.item_vectors.size(0) != layer.items.size(0))
    throw std::invalid_argument(
        "sampled_loss: item_vectors and items hold each position's target, then the drawn items");
  if (log_q.defined() && log_q.size(0) != layer.items.size(0))
    throw std::invalid_argument("sampled_loss: log_q needs a number for every item of the layer");
  if (!layer.vectors.is_cpu()) return sampled_loss_on_device(layer, log_q, options);
  return SampledLoss::apply(layer.vectors, layer.item_vectors, if_defined(layer.item_bias), &layer, &log_q, &options);
}

}  // namespace segue::training
