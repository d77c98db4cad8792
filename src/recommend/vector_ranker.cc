#include "recommend/vector_ranker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "recommend/history_vectors.h"
#include "support/threads.h"

namespace segue::recommend {
namespace {

/// The order of kernels/top_k.h.
struct Candidate {
  float score;
  std::int32_t item;
  bool operator<(const Candidate& other) const {
    return score > other.score || (score == other.score && item < other.item);
  }
};

}  // namespace

VectorRanker::VectorRanker(const BundleModel& model, const item_index::ItemIndex* index, const ItemFilter& filter,
                           std::int64_t max_length, std::int64_t k, bool hide_seen, const kernels::Device& device)
    : model_(model),
      index_(index),
      filter_(filter),
      max_length_(max_length),
      k_(k),
      hide_seen_(hide_seen),
      device_(device) {
  device_.n_threads = 1;  // of a search: the histories are shared among threads
  if (index != nullptr) {
    items_ = index->segments().front()->items();
    return;
  }
  items_.vectors = {model.item_vectors.data(), model.bundle.items.size(), model.dim()};
  items_.bias = model.output_bias.empty() ? nullptr : model.output_bias.data();
  if (device.kind == kernels::Device::Kind::kCuda) {
    on_device_ = std::make_unique<item_index::DeviceSegment>(items_, kernels::IvfItems{}, device.index);
    return;
  }
  if (items_.vectors.n_rows < kernels::kLeastInt8Items || model.dim() > kernels::kInt8MaxDim) return;
  int8_ = kernels::make_int8_items(items_.vectors, items_.bias, available_threads());
}

void VectorRanker::search(kernels::MatrixView<const float> queries, const std::uint32_t* allowed,
                          const kernels::ItemLists& listed, std::span<std::int32_t> items,
                          std::span<float> scores) const {
  const kernels::MatrixView<float> best{scores.data(), queries.n_rows, k_};
  const kernels::MatrixView<std::int32_t> rows{items.data(), queries.n_rows, k_};
  if (index_ != nullptr) {
    index_->segments().front()->top_k(queries, allowed, listed, {k_, index_->manifest().probes}, best, rows, device_);
    return;
  }
  if (on_device_) {
    on_device_->top_k(queries, allowed, listed, {k_}, best, rows, device_);
    return;
  }
  kernels::ItemMatrix matrix = items_;
  matrix.allowed = allowed;
  const kernels::Int8Items int8 = int8_.view();
  if (int8.n_items > 0) matrix.int8 = &int8;
  kernels::top_k(queries, matrix, listed, k_, best, rows, device_);
}

void VectorRanker::search_available(std::span<const HistoryChunk::History> histories, std::span<const float> queries,
                                    std::span<const std::int64_t> offsets, std::span<const std::int32_t> listed,
                                    std::span<std::int32_t> items, std::span<float> scores) const {
  const auto dim = static_cast<std::size_t>(model_.dim()), k = static_cast<std::size_t>(k_);
  // A search takes one bitset: together go those between whose times no item comes or goes.
  std::map<std::size_t, std::vector<std::size_t>> of_period;
  for (std::size_t h = 0; h < histories.size(); ++h) of_period[filter_.period_of(histories[h].request_ms)].push_back(h);
  std::vector<std::uint32_t> bits;
  for (const auto& [period, members] : of_period) {
    std::vector<float> vectors, best(members.size() * k);
    std::vector<std::int32_t> rows(members.size() * k), left_out;
    std::vector<std::int64_t> ends{0};
    for (const std::size_t h : members) {
      const auto query = queries.subspan(h * dim, dim);
      vectors.insert(vectors.end(), query.begin(), query.end());
      left_out.insert(left_out.end(), listed.begin() + offsets[h], listed.begin() + offsets[h + 1]);
      ends.push_back(static_cast<std::int64_t>(left_out.size()));
    }
    kernels::ItemLists lists;
    if (!left_out.empty()) lists = {ends.data(), left_out.data()};
    search({vectors.data(), static_cast<std::int64_t>(members.size()), model_.dim()},
           filter_.words(histories[members.front()].request_ms, bits), lists, rows, best);
    for (std::size_t i = 0; i < members.size(); ++i) {
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i * k), k, items.subspan(members[i] * k).begin());
      std::copy_n(best.begin() + static_cast<std::ptrdiff_t>(i * k), k, scores.subspan(members[i] * k).begin());
    }
  }
}

void VectorRanker::rank(const HistoryChunk& chunk, std::size_t first, std::size_t n, std::span<std::int32_t> items,
                        std::span<float> scores) const {
  const auto& input = chunk.inputs.front();
  const auto queries = history_vectors(model_, chunk, input, first, n, max_length_);
  const auto n_queries = static_cast<std::int64_t>(n);
  const auto dim = model_.dim();

  // Items that are no candidates (hide_seen), or whose score is not the inner product alone (visited weights).
  const bool adjust = !model_.visited_weights.empty() && !hide_seen_;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> listed;
  for (std::size_t h = first; h < first + n; ++h) {
    if (hide_seen_ || adjust) {
      const auto length = adjust ? max_length_ : std::numeric_limits<std::int64_t>::max();
      const auto distinct = visited_items(model_, chunk.histories[h], input, length);
      listed.insert(listed.end(), distinct.begin(), distinct.end());
    }
    offsets.push_back(static_cast<std::int64_t>(listed.size()));
  }
  if (filter_.has_intervals()) {
    search_available(std::span(chunk.histories).subspan(first, n), queries, offsets, listed, items, scores);
  } else {
    kernels::ItemLists lists;
    if (!listed.empty()) lists = {offsets.data(), listed.data()};
    std::vector<std::uint32_t> unused;
    search({queries.data(), n_queries, dim}, filter_.words(events::kMissingTime, unused), lists, items, scores);
  }
  if (!adjust) return;

  // The listed items were left out above: they are scored by the definition and their weight, and merged in.
  std::vector<Candidate> merged;
  for (std::size_t q = 0; q < n; ++q) {
    const auto& history = chunk.histories[first + q];
    const auto k = static_cast<std::size_t>(k_);
    merged.clear();
    for (std::size_t i = q * k; i < (q + 1) * k && items[i] != kernels::kNoItemRow; ++i) {
      merged.push_back({scores[i], items[i]});
    }
    const auto current = input.items[history.begin + history.n_events - 1];
    const float* query = queries.data() + static_cast<std::int64_t>(q) * dim;
    for (auto i = offsets[q]; i < offsets[q + 1]; ++i) {
      const auto item = listed[static_cast<std::size_t>(i)];
      if (!filter_.allows(item, history.request_ms)) continue;
      const float score =
          kernels::defined_score(query, items_.vectors, item, items_.bias == nullptr ? 0.0F : items_.bias[item]) +
          visited_weight(model_, item, current);
      if (!std::isnan(score) && score != kernels::kMaskedScore) merged.push_back({score, item});
    }
    std::sort(merged.begin(), merged.end());
    merged.resize(std::min(merged.size(), k));
    for (std::size_t i = 0; i < k; ++i) {
      items[q * k + i] = i < merged.size() ? merged[i].item : kernels::kNoItemRow;
      scores[q * k + i] = i < merged.size() ? merged[i].score : kernels::kMaskedScore;
    }
  }
}

}  // namespace segue::recommend
