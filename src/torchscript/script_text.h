#pragma once

#include <cstdio>
#include <string>

#include "features/feature_pipeline.h"
#include "torchscript/author.h"

// Pieces of a module's source that the kinds of models share.
namespace segue::torchscript {

inline std::string attribute(const std::string& name) { return "self." + attribute_name(name); }

/// 17 digits: the same double when it is read back.
inline std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.16e", value);
  return text;
}

inline std::string linear(const std::string& x, const std::string& name) {
  return "torch.linear(" + x + ", " + attribute(name + ".weight") + ", " + attribute(name + ".bias") + ")";
}

inline std::string unit_rows(const std::string& x, int dim) {
  return x + " / torch.clamp(torch.norm(" + x + ", 2, [" + std::to_string(dim) + "], True), 1e-12)";
}

inline bool has(const models::Model& model, const std::string& name) {
  for (const auto& [known, parameter] : model.parameters())
    if (known == name) return true;
  return false;
}

/// The expression of a feature's part of the input: its column embedded, or the numbers with a last dimension of 1.
inline std::string feature_part(const features::FeatureSpec& feature, const std::string& table,
                                const std::string& column) {
  if (feature.categorical)
    return "torch.embedding(" + attribute(table + feature.name + ".weight") + ", " + column + ")";
  return column + ".unsqueeze(-1)";
}

/// Method mean_of_codes(): items of any shape -> means of the rows of `weight` that are their codes, 0 without any.
std::string mean_of_codes_method();

/// The expression of what is known of the `items` by one of their features.
inline std::string item_part(const features::FeatureSpec& feature, const std::string& items) {
  const auto table = attribute(item_table(feature.name));
  if (!feature.multiple) return feature_part(feature, "item_features.", table + "[" + items + "]");
  return "self.mean_of_codes(" + attribute("item_features." + feature.name + ".weight") + ", " + table + ", " +
         attribute(item_offsets(feature.name)) + ", " + items + ")";
}

inline bool has_lists_of_codes(const models::Model& model) {
  for (const auto& feature : model.item_features().specs)
    if (feature.multiple) return true;
  return false;
}

/// Method recommend(), over logits(vectors) and forward(); `adjust` may change `scores` by what was seen.
std::string recommend_method(std::int32_t n_items, const std::string& adjust);

}  // namespace segue::torchscript
