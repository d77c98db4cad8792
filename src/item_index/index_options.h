#pragma once

#include <cstdint>
#include <string>

#include "config/section.h"
#include "support/json.h"

namespace segue::item_index {

enum class IndexKind { kExact, kIvf };
enum class Metric { kInnerProduct };
enum class VectorType { kFloat32 };

/// Section `index`.
struct IndexOptions {
  IndexKind kind = IndexKind::kExact;
  Metric metric = Metric::kInnerProduct;
  VectorType dtype = VectorType::kFloat32;
  std::int64_t lists = 0;   ///< ivf; 0: chosen by the number of items
  std::int64_t probes = 0;  ///< ivf: lists that a search looks into; 0: by calibration
  double target_recall = 0.95;
  std::int64_t recall_k = 10;
  std::int64_t calibration_queries = 1000;
  std::uint64_t seed = 42;

  void read(config::Section& section);
  [[nodiscard]] Json to_json() const;
  /// @throws DataError  naming `where`
  static IndexOptions from_json(const Json& json, const std::string& where);
};

}  // namespace segue::item_index
