#include "models/decayed_sum.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "models/packed_steps.h"

namespace segue::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kRowsOfAThread = 4;

at::Tensor run_forward(const at::Tensor& x, const PackedSteps& steps, const at::Tensor& decay) {
  const std::int64_t width = x.size(1);
  at::Tensor sums = at::empty_like(x);
  const float* const in = x.const_data_ptr<float>();
  const float* const keep = decay.const_data_ptr<float>();
  float* const out = sums.mutable_data_ptr<float>();
  at::parallel_for(0, steps.n_rows(), kRowsOfAThread, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const std::size_t length = steps.length(row);
      const float* before = nullptr;
      for (std::size_t t = 0; t < length; ++t) {
        const std::int64_t at = (steps.begins[t] + row) * width;
        float* const here = out + at;
        if (before == nullptr) {
          std::copy_n(in + at, width, here);
        } else {
          for (std::int64_t k = 0; k < width; ++k) here[k] = keep[k] * before[k] + in[at + k];
        }
        before = here;
      }
    }
  });
  return sums;
}

struct DecayedSum : public torch::autograd::Function<DecayedSum> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& batch_sizes,
                            const at::Tensor& decay) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor sums = run_forward(x, PackedSteps(batch_sizes), decay);
    context->save_for_backward({batch_sizes, decay, sums});
    return sums;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const variable_list saved = context->get_saved_variables();
    const PackedSteps steps(saved[0]);
    const at::Tensor gradient = upstream[0].contiguous();
    const std::int64_t width = gradient.size(1);
    const float* const keep = saved[1].const_data_ptr<float>();
    const float* const sums = saved[2].const_data_ptr<float>();
    const float* const given = gradient.const_data_ptr<float>();
    at::Tensor to_x = at::empty_like(gradient);
    float* const out = to_x.mutable_data_ptr<float>();
    // Of every row apart, then summed in the order of the rows: the same bits on any number of threads.
    at::Tensor of_rows = at::zeros({steps.n_rows(), width}, at::kDouble);
    auto* const to_decay = of_rows.mutable_data_ptr<double>();
    at::parallel_for(0, steps.n_rows(), kRowsOfAThread, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t row = first; row < last; ++row) {
        const float* after = nullptr;
        double* const sum = to_decay + row * width;
        for (std::size_t t = steps.length(row); t-- > 0;) {
          const std::int64_t at = (steps.begins[t] + row) * width;
          float* const here = out + at;
          for (std::int64_t k = 0; k < width; ++k)
            here[k] = given[at + k] + (after == nullptr ? 0 : keep[k] * after[k]);
          if (t > 0) {
            const float* const before = sums + (steps.begins[t - 1] + row) * width;
            for (std::int64_t k = 0; k < width; ++k) sum[k] += static_cast<double>(here[k]) * before[k];
          }
          after = here;
        }
      }
    });
    return {to_x, at::Tensor(), of_rows.sum(0).to(at::kFloat)};
  }
};

at::Tensor by_steps(const at::Tensor& x, const PackedSteps& steps, const at::Tensor& decay) {
  // A single step uses no decay. Its gradient is zeros then, as on a CPU, and not missing: an optimizer that keeps
  // means of gradients tells these apart.
  if (steps.count() == 1) return x + decay * at::zeros_like(x);
  std::vector<at::Tensor> sums;
  for (std::size_t t = 0; t < steps.count(); ++t) {
    const at::Tensor now = x.narrow(0, steps.begins[t], steps.sizes[t]);
    sums.push_back(t == 0 ? now : now + decay * sums.back().narrow(0, 0, steps.sizes[t]));
  }
  return at::cat(sums, 0);
}

}  // namespace

at::Tensor decayed_sum(const at::Tensor& x, const at::Tensor& batch_sizes, const at::Tensor& decay) {
  const PackedSteps steps(batch_sizes);
  if (x.dim() != 2 || steps.begins.back() != x.size(0) || decay.dim() != 1 || decay.size(0) != x.size(1))
    throw std::invalid_argument("decayed_sum: shapes of x, batch_sizes and decay disagree");
  if (!x.is_cpu()) return by_steps(x, steps, decay);
  return DecayedSum::apply(x.contiguous(), batch_sizes, decay.contiguous());
}

}  // namespace segue::models
