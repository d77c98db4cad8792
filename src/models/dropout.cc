#include "models/dropout.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <stdexcept>

#include "models/dropout_mask.h"

namespace segue::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Fewer numbers than this are not worth a second thread.
constexpr std::int64_t kGrain = 16'384;

at::Tensor masked(const at::Tensor& x, double p, std::uint64_t seed) {
  const at::Tensor from = x.contiguous(), to = at::empty_like(from);
  const auto* in = from.const_data_ptr<float>();
  auto* out = to.mutable_data_ptr<float>();
  const auto threshold = static_cast<std::uint32_t>(p * 4294967296.0);
  const auto scale = static_cast<float>(1 / (1 - p));
  at::parallel_for(0, from.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    apply_dropout_mask(in + begin, out + begin, end - begin, seed, static_cast<std::uint64_t>(begin), threshold, scale);
  });
  return to;
}

struct Dropout : public torch::autograd::Function<Dropout> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, double p, std::int64_t seed) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->saved_data["p"] = p;
    context->saved_data["seed"] = seed;
    return masked(x, p, static_cast<std::uint64_t>(seed));
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    return {masked(upstream[0], context->saved_data["p"].toDouble(),
                   static_cast<std::uint64_t>(context->saved_data["seed"].toInt())),
            {},
            {}};
  }
};

}  // namespace

at::Tensor seeded_dropout(const at::Tensor& x, double p, std::uint64_t seed) {
  if (!(p >= 0 && p < 1)) throw std::invalid_argument("dropout: p must be in [0, 1)");
  if (p == 0) return x;
  if (!x.is_cpu()) return at::dropout(x, p, true);  // seeded by at::manual_seed
  if (x.scalar_type() != at::kFloat) throw std::invalid_argument("dropout: float32 on the CPU");
  return Dropout::apply(x, p, static_cast<std::int64_t>(seed));
}

}  // namespace segue::models
