#include "recommend/score_ranker.h"

#include <algorithm>
#include <vector>

#include "kernels/top_k.h"

namespace segue::recommend {
namespace {

constexpr std::int64_t kScoresTogether = 1 << 20;  ///< made before lists are chosen from them: 4 MB

}  // namespace

void ScoreRanker::rank(const HistoryChunk& chunk, std::size_t first, std::size_t n, std::span<std::int32_t> items,
                       std::span<float> scores) const {
  const std::int64_t n_items = model_.bundle.items.size();
  const auto together = static_cast<std::size_t>(std::clamp<std::int64_t>(kScoresTogether / n_items, 1, 64));
  const auto k = static_cast<std::size_t>(k_);
  std::vector<float> made(std::min(together, n) * static_cast<std::size_t>(n_items));
  std::vector<std::span<const ItemRow>> histories;
  for (std::size_t begin = 0; begin < n; begin += together) {
    const std::size_t end = std::min(begin + together, n);
    histories.clear();
    for (std::size_t h = begin; h < end; ++h) {
      const auto& history = chunk.histories[first + h];
      histories.push_back(std::span(chunk.inputs.front().items).subspan(history.begin, history.n_events));
    }
    const kernels::MatrixView<float> rows{made.data(), static_cast<std::int64_t>(end - begin), n_items};
    model_.model.filter->score_all(histories, rows, 1);
    for (std::size_t h = begin; h < end; ++h) {
      float* row = rows.row(static_cast<std::int64_t>(h - begin));
      const auto request_ms = chunk.histories[first + h].request_ms;
      if (filter_.hides_items()) {
        for (std::int32_t item = 0; item < n_items; ++item)
          if (!filter_.allows(item, request_ms)) row[item] = kernels::kMaskedScore;
      }
      if (!hide_seen_) continue;
      for (const ItemRow item : histories[h - begin])
        if (item >= 0 && item < n_items) row[item] = kernels::kMaskedScore;
    }
    kernels::select_top_k({rows.data, rows.n_rows, n_items}, k_, {scores.data() + begin * k, rows.n_rows, k_},
                          {items.data() + begin * k, rows.n_rows, k_}, {kernels::Device::Kind::kCpu, 1, nullptr});
  }
}

}  // namespace segue::recommend
