#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "features/feature_pipeline.h"
#include "features/vocabulary.h"
#include "model_file/bundle.h"
#include "models/gru_session.h"
#include "models/inference.h"

namespace segue::recommend {

/// A bundle, ready to score: the model built natively from weights and manifest, never from model.pt.
struct BundleModel {
  model_file::Bundle bundle;
  std::unique_ptr<models::GruSession> model;
  std::unique_ptr<models::SessionInference> inference;
  std::vector<float> item_vectors;     ///< [n_items, vector_dim]
  std::vector<float> output_bias;      ///< [n_items], or empty
  std::vector<float> visited_weights;  ///< [2], or empty

  /// @throws DataError  damaged, newer, a parameter that is missing or of another shape
  static BundleModel open(const std::filesystem::path& directory);
};

}  // namespace segue::recommend
