#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model_file/safetensors.h"
#include "support/json.h"

namespace segue::training {

/// One safetensors file: tensors "model.<name>", "ema.<name>", "optimizer.<name>.<slot>", and the state (step, epoch,
/// batch, generators, best metric, identity, format version) as JSON in its metadata under "segue". Atomic.
struct Checkpoint {
  std::map<std::string, at::Tensor> tensors;
  Json state;
  void save(const std::filesystem::path& path) const;
  /// @throws DataError  missing, damaged, newer
  static Checkpoint load(const std::filesystem::path& path);
};

/// Writes such a file from tensors under any names; atomic.
void save_checkpoint(const std::filesystem::path& path, const std::map<std::string, model_file::TensorBytes>& tensors,
                     const Json& state);

/// The state of a checkpoint alone. @throws DataError  not a checkpoint, damaged, newer
Json checkpoint_state(const model_file::SafetensorsFile& file, const std::filesystem::path& path);

/// Copies "ema.<name>" where there (else "model.<name>") into the parameters; DataError for a missing name, another
/// shape or dtype.
void load_parameters(const Checkpoint& checkpoint, const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                     bool prefer_ema);

}  // namespace segue::training
