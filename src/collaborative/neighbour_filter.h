#pragma once

#include <map>
#include <span>
#include <string>

#include "collaborative/filter.h"
#include "collaborative/neighbour_rows.h"

namespace segue::collaborative {

/// Scores by a sparse matrix of items x items: the sum of the history's rows.
class NeighbourFilter : public Filter {
 public:
  NeighbourFilter(const FilterOptions& options, std::int32_t n_items, double history_half_life, NeighbourRows rows);
  [[nodiscard]] std::map<std::string, model_file::TensorBytes> weights() const override { return rows_.tensors(); }
  [[nodiscard]] const NeighbourRows* neighbours() const override { return &rows_; }

 protected:
  void fill(std::span<const ItemRow> history, std::span<float> scores) const override;

 private:
  double history_half_life_;
  NeighbourRows rows_;
};

}  // namespace segue::collaborative
