#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace segue::training {

/// A running average of the parameters: after step s, average += (1 - d)(parameter - average) with
/// d = min(decay, (1 + s) / (10 + s)), so that the start is forgotten quickly.
class WeightAverage {
 public:
  using Parameters = std::vector<std::pair<std::string, at::Tensor>>;
  WeightAverage(const Parameters& parameters, double decay);
  void update(std::int64_t step);
  /// Exchanges the contents of parameters and average; called twice, it changes nothing.
  void swap();
  /// By parameter name: the tensors themselves.
  [[nodiscard]] std::map<std::string, at::Tensor> state() const;

 private:
  Parameters parameters_;
  std::vector<at::Tensor> average_;
  double decay_;
};

}  // namespace segue::training
