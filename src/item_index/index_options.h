#pragma once

#include <cstdint>
#include <string>

#include "config/section.h"
#include "kernels/dtype.h"
#include "kernels/metric.h"
#include "support/json.h"

namespace segue::item_index {

enum class IndexKind { kExact, kIvf };

/// Section `index`.
struct IndexOptions {
  IndexKind kind = IndexKind::kExact;
  kernels::Metric metric = kernels::Metric::kInnerProduct;
  kernels::DType dtype = kernels::DType::kFloat32;
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
