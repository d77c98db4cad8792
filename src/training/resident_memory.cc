#include "training/resident_memory.h"

namespace segue::training {
namespace {

constexpr std::int64_t kFloatBytes = 4;

std::int64_t bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<std::int64_t>(tensor.nbytes()) : 0;
}

std::int64_t parameter_bytes(const models::Model& model) {
  std::int64_t bytes = 0;
  for (const auto& [name, parameter] : model.parameters()) bytes += bytes_of(parameter);
  return bytes;
}

}  // namespace

std::int64_t resident_bytes(const models::Model& model) {
  std::int64_t bytes = parameter_bytes(model) + model.n_items() * model.vector_dim() * kFloatBytes;
  for (const at::Tensor& table : model.item_features().tables) bytes += bytes_of(table);
  for (const at::Tensor& ends : model.item_features().offsets) bytes += bytes_of(ends);
  return bytes;
}

std::int64_t resident_bytes(const models::Model& model, const TrainingOptions& options) {
  std::int64_t copies = 0;  // of the parameters
  const bool momentum = options.momentum > 0;
  copies += options.optimizer == OptimizerKind::kAdamW || momentum ? 1 : 0;
  copies += options.optimizer != OptimizerKind::kSgd ? 1 : 0;
  copies += options.ema_decay > 0 ? 1 : 0;
  // Sampled losses leave gradients of the rows of a batch alone.
  copies += options.loss == Loss::kCrossEntropy ? 1 : 0;
  return resident_bytes(model) + copies * parameter_bytes(model) +
         options.memory_size * model.vector_dim() * kFloatBytes;
}

}  // namespace segue::training
