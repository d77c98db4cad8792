#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model_file/bundle.h"
#include "model_kinds/any_model.h"
#include "models/inference.h"

namespace segue::recommend {

/// A bundle, ready to score: the model built natively from weights and manifest, never from model.pt.
struct BundleModel {
  model_file::Bundle bundle;
  model_kinds::AnyModel model;
  std::unique_ptr<models::Inference> inference;  ///< of a model trained by gradient
  std::vector<float> item_vectors;               ///< [n_items, dim]; empty for a filter that ranks by other means
  std::vector<float> output_bias;                ///< [n_items], or empty
  std::vector<float> visited_weights;            ///< [2], or empty

  [[nodiscard]] std::string kind() const { return bundle.manifest.at("model").at("kind").get<std::string>(); }
  [[nodiscard]] bool has_vectors() const { return !item_vectors.empty(); }
  [[nodiscard]] std::int64_t dim() const {
    return static_cast<std::int64_t>(item_vectors.size()) / bundle.items.size();
  }
  /// @throws DataError  damaged, newer, a parameter that is missing or of another shape
  static BundleModel open(const std::filesystem::path& directory);
};

}  // namespace segue::recommend
