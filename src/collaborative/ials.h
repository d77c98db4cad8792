#pragma once

#include <map>
#include <span>
#include <string>

#include "collaborative/aligned_floats.h"
#include "collaborative/factor_equations.h"
#include "collaborative/filter.h"

namespace segue::collaborative {

/// Kind `ials`: items are vectors, and a history is one: the minimum of its part of the loss, given the items; 0
/// without known items. Cost of one with n distinct items: n dim^2 + dim^3 / 3 operations.
class IalsFilter : public Filter {
 public:
  /// @param items  [n_items, dim]
  IalsFilter(const IalsOptions& options, std::int32_t n_items, AlignedFloats items);
  [[nodiscard]] std::span<const float> item_vectors() const override { return items_; }
  void history_vectors(std::span<const std::span<const ItemRow>> histories, std::span<float> vectors) const override;
  [[nodiscard]] std::map<std::string, model_file::TensorBytes> weights() const override;

 protected:
  void fill(std::span<const ItemRow> history, std::span<float> scores) const override;
  void fill_all(std::span<const std::span<const ItemRow>> histories, kernels::MatrixView<float> scores,
                int n_threads) const override;

 private:
  IalsOptions options_;
  AlignedFloats items_;
  AlignedFloats weighted_gram_;  ///< of the items, [dim, dim]
};

}  // namespace segue::collaborative
