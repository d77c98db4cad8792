#pragma once

#include <cstdint>

#include "models/model.h"
#include "training/training_options.h"

namespace segue::training {

/// Bytes that lie on the device from the first update to the last: parameters and their gradients, optimizer state, the
/// average, item tables, the memory of targets, and the item vectors that a validation scores with. What a batch needs
/// comes on top.
std::int64_t resident_bytes(const models::Model& model, const TrainingOptions& options);

/// The same of a model that is only asked for scores: parameters, item tables, item vectors.
std::int64_t resident_bytes(const models::Model& model);

}  // namespace segue::training
