#include "models/model.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <stdexcept>

#include "support/random.h"

namespace segue::models {

Model::Model(std::int32_t n_items, std::vector<features::FeatureSpec> features, ItemFeatures item_features)
    : n_items_(n_items), features_(std::move(features)), item_features_(std::move(item_features)) {
  if (n_items < 1) throw std::invalid_argument("Model: the catalogue is empty");
  item_features_.check(n_items);
}

void Model::add(const std::string& name, std::vector<std::int64_t> shape) {
  at::Tensor tensor = at::zeros(shape, at::kFloat);
  tensor.requires_grad_(true);
  parameters_.emplace_back(name, tensor);
}

at::Tensor Model::parameter(const std::string& name) const {
  for (const auto& [other, tensor] : parameters_) {
    if (other == name) return tensor;
  }
  throw std::invalid_argument("Model: no parameter '" + name + "' under these options");
}

bool Model::has(const std::string& name) const {
  return std::any_of(parameters_.begin(), parameters_.end(), [&](const auto& entry) { return entry.first == name; });
}

at::Tensor Model::look_up(const std::string& name, const at::Tensor& rows) {
  const at::Tensor table = parameter(name);
  const bool by_rows = sparse_gradients && at::GradMode::is_enabled() && table.requires_grad();
  return by_rows ? look_up_rows(table, rows, row_gradients_[name]) : at::embedding(table, rows);
}

void Model::initialize(std::uint64_t seed, std::int64_t n_trained) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& tensor = parameters_[i].second;
    const Start start = start_of(i);
    Random random(seed, i);
    at::Tensor values = at::empty(tensor.sizes(), at::kFloat);
    auto* data = values.mutable_data_ptr<float>();
    const auto n = static_cast<double>(values.numel());
    for (std::int64_t j = 0; j < values.numel(); ++j) {
      double away = 0;
      switch (start.fill) {
        case Start::Fill::kConstant: break;
        case Start::Fill::kRamp: away = (2 * static_cast<double>(j) + 1) / n - 1; break;
        case Start::Fill::kNormal: away = random.normal(); break;
        case Start::Fill::kUniform: away = 2 * random.uniform() - 1; break;
      }
      data[j] = static_cast<float>(start.middle + start.width * away);
    }
    const bool by_item = parameters_[i].first.ends_with("_embedding.weight") &&
                         (tensor.size(0) == n_items_ || tensor.size(0) == n_items_ + 1);
    if (by_item && n_trained >= 0) values.narrow(0, n_trained, n_items_ - n_trained).zero_();
    tensor.copy_(values);
  }
}

void Model::to(at::Device device) {
  for (auto& [name, tensor] : parameters_) {
    if (tensor.device() == device) continue;
    tensor = tensor.detach().to(device);
    tensor.requires_grad_(true);
  }
  item_features_.to(device);
}

at::Device Model::device() const { return parameters_.front().second.device(); }

}  // namespace segue::models
