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
  /// Of each: undefined, or, of several codes an item (spec.multiple), int64 [n_items + 2]: those of item i are
  /// table[offsets[i]] .. table[offsets[i + 1] - 1], any number of them, and the table is as long as all together.
  std::vector<at::Tensor> offsets;

  /// Copies codes (categorical) or values, [n_items + 1]; of several codes an item, all codes and offsets.
  void add(features::FeatureSpec spec, std::span<const std::int32_t> codes, std::span<const float> values,
           std::span<const std::int64_t> offsets = {});
  static ItemFeatures of(const Dataset& dataset);
  /// @throws std::invalid_argument  a table of another length or type, a code outside [0, n_codes), offsets that do not
  /// lead from 0 to the end of their table
  void check(std::int32_t n_items) const;
  void to(at::Device device);
  /// Numbers that the features add to a position's input, a categorical one min(feature_dim, n_codes).
  [[nodiscard]] std::int64_t input_dim(std::int64_t feature_dim) const;

 private:
  void check_offsets(std::size_t f, std::int32_t n_items) const;
};

/// Means of the rows of `weight` that are the codes of some items, 0 for an item without codes: [n, width].
/// Differentiable in `weight`; deterministic.
/// @param weight  [n_codes, width];  codes, offsets  of every item (ItemFeatures);  rows  the items, [n] int64
at::Tensor mean_of_codes(const at::Tensor& weight, const at::Tensor& codes, const at::Tensor& offsets,
                         const at::Tensor& rows);

}  // namespace segue::models
