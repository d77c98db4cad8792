#pragma once

#include <cstdint>
#include <vector>

#include "kernels/top_k.h"
#include "support/ids.h"

namespace segue::recommend {

/// Lists of items, best first, one after another with `k` slots each; behind the last item of one lie kNoItem and -inf.
struct Lists {
  Lists(std::size_t n, std::int64_t slots)
      : k(slots), items(n * static_cast<std::size_t>(slots), kNoItem), scores(items.size(), kernels::kMaskedScore) {}
  std::int64_t k;
  std::vector<std::int32_t> items;
  std::vector<float> scores;         ///< NaN: none, of an item that a re-ranker does not know
  std::vector<float> source_scores;  ///< of re-ranked lists: the first model's scores; else empty
};

}  // namespace segue::recommend
