#include "training/step_figures.h"

#include <utility>

namespace segue::training {

void StepFigures::add(std::int64_t step, std::int64_t n_targets, const at::Tensor& loss,
                      const at::Tensor& gradient_norm) {
  waiting_.push_back({step, n_targets, 0, 0});
  losses_.push_back(loss.detach());
  norms_.push_back(gradient_norm);
}

std::vector<StepFigures::Figures> StepFigures::fetch() {
  const auto losses = std::exchange(losses_, {}), norms = std::exchange(norms_, {});
  auto fetched = std::exchange(waiting_, {});
  if (fetched.empty()) return fetched;
  if (losses.front().is_cpu()) {
    for (std::size_t i = 0; i < fetched.size(); ++i)
      fetched[i].loss = losses[i].item<double>(), fetched[i].gradient_norm = norms[i].item<double>();
    return fetched;
  }
  const at::Tensor numbers = at::cat({at::stack(losses).to(at::kDouble), at::stack(norms)}).to(at::kCPU);
  const auto* number = numbers.const_data_ptr<double>();
  for (std::size_t i = 0; i < fetched.size(); ++i)
    fetched[i].loss = number[i], fetched[i].gradient_norm = number[fetched.size() + i];
  return fetched;
}

}  // namespace segue::training
