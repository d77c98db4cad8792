#include "recommend/reranker.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/top_k.h"
#include "recommend/history_vectors.h"

namespace segue::recommend {
namespace {

struct Scored {
  float score;        ///< NaN: none
  ItemRow row;        ///< of the model that scores
  std::size_t place;  ///< among the candidates

  [[nodiscard]] bool stands_before(const Scored& other) const {
    if (std::isnan(score) != std::isnan(other.score)) return std::isnan(other.score);
    if (std::isnan(score)) return place < other.place;
    return score > other.score || (score == other.score && row < other.row);
  }
};

}  // namespace

Reranker::Reranker(const BundleModel& model, const features::Vocabulary& candidates, std::int64_t max_length)
    : model_(model), max_length_(max_length) {
  for (std::int32_t row = 0; row < candidates.size(); ++row)
    rows_.push_back(model.bundle.items.find(candidates.id(row)));
}

std::int64_t Reranker::n_unknown() const { return std::count(rows_.begin(), rows_.end(), kNoItem); }

void Reranker::order(const HistoryChunk& chunk, std::size_t first, std::size_t n, const Lists& candidates,
                     Lists& lists) const {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  const auto& input = chunk.inputs.back();
  const auto vectors = history_vectors(model_, chunk, input, first, n, max_length_);
  const kernels::ItemVectors items(model_.item_vectors.data(), model_.bundle.items.size(), model_.dim());
  const auto n_candidates = static_cast<std::size_t>(candidates.k), k = static_cast<std::size_t>(lists.k);
  std::vector<Scored> scored;
  std::vector<ItemRow> visited;
  for (std::size_t h = 0; h < n; ++h) {
    const auto& history = chunk.histories[first + h];
    const float* vector = vectors.data() + h * static_cast<std::size_t>(model_.dim());
    const auto current = input.items[history.begin + history.n_events - 1];
    if (!model_.visited_weights.empty()) visited = visited_items(model_, history, input, max_length_);
    const auto score_of = [&](ItemRow row) {
      if (row == kNoItem) return kNone;
      const float bias = model_.output_bias.empty() ? 0.0F : model_.output_bias[static_cast<std::size_t>(row)];
      float score = kernels::defined_score(vector, items, row, bias);
      if (std::binary_search(visited.begin(), visited.end(), row)) score += visited_weight(model_, row, current);
      return score == kernels::kMaskedScore ? kNone : score;
    };
    const auto begin = h * n_candidates;
    scored.clear();
    for (auto at = begin; at < begin + n_candidates && candidates.items[at] != kNoItem; ++at) {
      const auto row = rows_[static_cast<std::size_t>(candidates.items[at])];
      scored.push_back({score_of(row), row, at});
    }
    std::sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) { return a.stands_before(b); });
    for (std::size_t i = 0; i < std::min(k, scored.size()); ++i) {
      const auto slot = (first + h) * k + i;
      lists.items[slot] = candidates.items[scored[i].place];
      lists.scores[slot] = scored[i].score;
      lists.source_scores[slot] = candidates.scores[scored[i].place];
    }
  }
}

}  // namespace segue::recommend
