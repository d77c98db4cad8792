#include "training/weight_average.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "training/row_kernels.h"

namespace segue::training {

WeightAverage::WeightAverage(const Parameters& parameters, double decay) : parameters_(parameters), decay_(decay) {
  for (const auto& [name, parameter] : parameters_) average_.push_back(parameter.detach().clone());
}

void WeightAverage::update(std::int64_t step) {
  const at::NoGradGuard no_grad;
  const auto s = static_cast<double>(step);
  const double decay = std::min(decay_, (1 + s) / (10 + s));
  for (std::size_t i = 0; i < average_.size(); ++i) {
    const at::Tensor parameter = parameters_[i].second.detach();
    if (!parameter.is_cpu()) {
      average_[i].lerp_(parameter, 1 - decay);
      continue;
    }
    const auto* p = parameter.const_data_ptr<float>();
    auto* a = average_[i].mutable_data_ptr<float>();
    at::parallel_for(0, parameter.numel(), 65'536, [&](std::int64_t begin, std::int64_t end) {
      average_update(static_cast<float>(decay), p + begin, a + begin, end - begin);
    });
  }
}

void WeightAverage::swap() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < average_.size(); ++i) {
    at::Tensor parameter = parameters_[i].second.detach();
    const at::Tensor kept = parameter.clone();
    parameter.copy_(average_[i]);
    average_[i].copy_(kept);
  }
}

std::map<std::string, at::Tensor> WeightAverage::state() const {
  std::map<std::string, at::Tensor> state;
  for (std::size_t i = 0; i < average_.size(); ++i) state[parameters_[i].first] = average_[i];
  return state;
}

}  // namespace segue::training
