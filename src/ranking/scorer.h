#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/matrix_view.h"
#include "support/ids.h"

namespace segue::ranking {

/// One ranking question about a dataset: the items of the events [position, end), one or many, are to be predicted from
/// the events [begin, position) of the same sequence. Positions index the dataset's event columns.
struct Query {
  std::int64_t sequence = 0;
  std::int64_t begin = 0;
  std::int64_t position = 0;
  std::int64_t end = 0;
};

/// Scores the whole catalogue for queries. A scorer sees where the targets begin, never an item of theirs: it may read
/// event features of `position` that are marked as context, and items only before it. `end` does not concern it.
class Scorer {
 public:
  virtual ~Scorer() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Fills scores [queries.size(), n_items]; a higher score ranks first; -inf hides an item.
  /// Queries of one sequence stand next to each other in rising position.
  virtual void score(std::span<const Query> queries, kernels::MatrixView<float> scores) = 0;
  /// Count baselines declare how equal scores are ordered: a permutation of the items, first wins. Empty: a model; its
  /// ties rank the target last.
  [[nodiscard]] virtual std::span<const ItemRow> tie_order() const { return {}; }
};

}  // namespace segue::ranking
