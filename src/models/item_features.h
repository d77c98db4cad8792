#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "features/feature_pipeline.h"

namespace segue::models {

/// What a model knows of the items beside their ids: fixed numbers, not learned. A model reads them of past events'
/// items only: those of the target would tell it which item is the right one.
struct ItemFeatures {
  std::vector<features::FeatureSpec> specs;  ///< `history` and `context` are not read
  std::vector<at::Tensor>
      tables;  ///< of each: [n_items + 1] int64 codes or float values; the last row is the unknown item

  /// Copies codes (categorical) or values, [n_items + 1].
  void add(features::FeatureSpec spec, std::span<const std::int32_t> codes, std::span<const float> values);
  static ItemFeatures of(const Dataset& dataset);
  /// @throws std::invalid_argument  a table of another length or type, or a code outside [0, n_codes)
  void check(std::int32_t n_items) const;
  /// Numbers that the features add to a position's input, a categorical one min(feature_dim, n_codes).
  [[nodiscard]] std::int64_t input_dim(std::int64_t feature_dim) const;
};

}  // namespace segue::models
