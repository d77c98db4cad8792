#pragma once

#include <cstdint>
#include <span>

#include "recommend/list_ranker.h"

namespace segue::recommend {

/// By the scores that a filter gives to the whole catalogue.
class ScoreRanker : public ListRanker {
 public:
  ScoreRanker(const BundleModel& model, const ItemFilter& filter, std::int64_t k, bool hide_seen)
      : model_(model), filter_(filter), k_(k), hide_seen_(hide_seen) {}
  void rank(const HistoryChunk& chunk, std::size_t first, std::size_t n, std::span<std::int32_t> items,
            std::span<float> scores) const override;
  [[nodiscard]] std::int64_t k() const override { return k_; }

 private:
  const BundleModel& model_;
  const ItemFilter& filter_;
  std::int64_t k_;
  bool hide_seen_;
};

}  // namespace segue::recommend
