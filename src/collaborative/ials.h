#pragma once

#include <map>
#include <span>
#include <string>

#include "collaborative/aligned_floats.h"
#include "collaborative/factor_equations.h"
#include "collaborative/filter.h"

namespace segue::collaborative {

/// Kind `ials`: items are vectors, and a history is one. An index of the items' vectors under the inner product serves
/// it: score() gives the defined scores (kernels/top_k.h) of history_vector().
class IalsFilter : public Filter {
 public:
  /// @param items  [n_items, dim]
  IalsFilter(const IalsOptions& options, std::int32_t n_items, AlignedFloats items);
  [[nodiscard]] std::int64_t dim() const { return options_.dim; }
  [[nodiscard]] std::span<const float> item_vectors() const { return items_; }  ///< [n_items, dim]
  /// The minimum of a history's part of the loss, given the items; 0 for one without known items. Cost: n dim^2 + dim^3
  /// / 3 operations for n distinct items.
  /// @param vector  [dim]
  /// @throws NumericError  singular equations
  void history_vector(std::span<const ItemRow> history, std::span<float> vector) const;
  [[nodiscard]] std::map<std::string, model_file::TensorBytes> weights() const override;

 protected:
  void fill(std::span<const ItemRow> history, std::span<float> scores) const override;
  void fill_all(std::span<const std::span<const ItemRow>> histories, kernels::MatrixView<float> scores,
                int n_threads) const override;

 private:
  void solve(FactorEquations& equations, std::span<const ItemRow> history, std::span<float> vector) const;
  IalsOptions options_;
  AlignedFloats items_;
  AlignedFloats weighted_gram_;  ///< of the items, [dim, dim]
};

}  // namespace segue::collaborative
