#include "item_index/item_index.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "item_index/removed_rows.h"
#include "support/errors.h"

namespace segue::item_index {
namespace {

/// The part of excluded lists that lies in one segment, by its own rows.
struct SegmentExclusions {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> rows;

  SegmentExclusions(const kernels::ItemLists& lists, std::int64_t n_queries, std::int64_t first, std::int64_t n_rows) {
    if (lists.offsets == nullptr) return;
    offsets.push_back(0);
    for (std::int64_t q = 0; q < n_queries; ++q) {
      for (std::int64_t i = lists.offsets[q]; i < lists.offsets[q + 1]; ++i) {
        const std::int64_t row = lists.items[i] - first;
        if (row >= 0 && row < n_rows) rows.push_back(static_cast<std::int32_t>(row));
      }
      offsets.push_back(static_cast<std::int64_t>(rows.size()));
    }
  }
  [[nodiscard]] kernels::ItemLists view() const {
    if (rows.empty()) return {};
    return {offsets.data(), rows.data()};
  }
};

}  // namespace

/// What one segment offers, [n_queries, k].
struct ItemIndex::Lists {
  std::int64_t k = 0;
  double recall = 1;
  std::vector<float> scores;
  std::vector<std::int32_t> rows;
};

ItemIndex ItemIndex::open(const std::filesystem::path& directory, bool verify) {
  constexpr int kMaxAttempts = 10;
  for (int attempt = 1;; ++attempt) {
    auto manifest = IndexManifest::read(directory);
    try {
      return {directory, manifest, verify};
    } catch (const DataError&) {
      // Files that this manifest names are gone when a compaction came in between: its manifest names others.
      if (attempt == kMaxAttempts || IndexManifest::read(directory).to_json() == manifest.to_json()) throw;
    }
  }
}

ItemIndex ItemIndex::open(const std::filesystem::path& directory, const IndexManifest& manifest) {
  return {directory, manifest, false};
}

ItemIndex::ItemIndex(const std::filesystem::path& directory, IndexManifest manifest, bool verify)
    : manifest_(std::move(manifest)) {
  for (const auto& file : manifest_.segments) {
    file.verify(directory, verify);
    segments_.push_back(
        std::make_unique<Segment>(directory / file.name, file.n_rows, manifest_.dim, manifest_.options.dtype));
    first_rows_.push_back(first_rows_.back() + file.n_rows);
  }
  kept_.resize(segments_.size());
  if (manifest_.queries) manifest_.queries->verify(directory, verify);
  if (!manifest_.removed) return;
  manifest_.removed->verify(directory, verify);
  removed_ = read_removed_rows(directory, *manifest_.removed, n_rows());
  for (const std::int32_t row : removed_) {
    const auto segment = static_cast<std::size_t>(std::upper_bound(first_rows_.begin(), first_rows_.end(), row) -
                                                  first_rows_.begin() - 1);
    if (kept_[segment].empty()) kept_[segment] = RowSet(segments_[segment]->n_rows());
    kept_[segment].erase(row - first_rows_[segment]);
  }
}

std::int64_t ItemIndex::n_lists() const {
  std::int64_t n = 0;
  for (const auto& segment : segments_) n = std::max(n, segment->n_lists());
  return n;
}

bool ItemIndex::is_removed(std::int64_t row) const { return std::binary_search(removed_.begin(), removed_.end(), row); }

std::unordered_map<std::int64_t, std::int64_t> ItemIndex::rows_of(std::span<const std::int64_t> ids) const {
  std::unordered_map<std::int64_t, std::int64_t> rows;
  for (const std::int64_t id : ids) rows[id] = -1;
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    const auto here = segments_[s]->ids();
    for (std::size_t i = 0; i < here.size(); ++i) {
      const auto found = rows.find(here[i]);
      if (found != rows.end() && (kept_[s].empty() || kept_[s].contains(static_cast<std::int64_t>(i))))
        found->second = first_rows_[s] + static_cast<std::int64_t>(i);
    }
  }
  std::erase_if(rows, [](const auto& entry) { return entry.second < 0; });
  return rows;
}

ItemIndex::Lists ItemIndex::search_segment(std::size_t segment, kernels::MatrixView<const float> queries,
                                           const SearchOptions& options) const {
  const std::int64_t n = segments_[segment]->n_rows(), first = first_rows_[segment];
  Lists lists;
  lists.k = std::min(options.k, std::max<std::int64_t>(n, 1));
  lists.scores.resize(static_cast<std::size_t>(queries.n_rows * lists.k));
  lists.rows.resize(lists.scores.size());
  const RowSet& kept = kept_[segment];
  RowSet allowed;
  const std::uint32_t* words = kept.empty() ? nullptr : kept.words();
  if (options.allowed != nullptr) {
    allowed = RowSet(options.allowed, first, n);
    if (!kept.empty()) allowed.intersect(kept);
    words = allowed.words();
  }
  const SegmentExclusions excluded(options.excluded, queries.n_rows, first, n);
  const std::int64_t probes = options.recall ? 0 : options.probes.value_or(manifest_.probes);
  lists.recall = segments_[segment]->top_k(
      queries, words, excluded.view(), {lists.k, probes, options.recall.value_or(1)},
      {lists.scores.data(), queries.n_rows, lists.k}, {lists.rows.data(), queries.n_rows, lists.k}, options.device);
  return lists;
}

double ItemIndex::search(kernels::MatrixView<const float> queries, const SearchOptions& options,
                         kernels::MatrixView<float> scores, kernels::MatrixView<std::int64_t> ids) const {
  if (options.recall && !(*options.recall > 0))
    throw std::invalid_argument("search: a recall of " + std::to_string(*options.recall) + " must be above 0");
  if (options.k < 1)
    throw std::invalid_argument("search: k is " + std::to_string(options.k) + ", and must be 1 or more");
  if (queries.n_cols != dim())
    throw std::invalid_argument("search: queries have " + std::to_string(queries.n_cols) + " dimensions, the index " +
                                std::to_string(dim()));
  if (scores.n_rows != queries.n_rows || scores.n_cols != options.k || ids.n_rows != queries.n_rows ||
      ids.n_cols != options.k)
    throw std::invalid_argument("search: scores and ids must be [n_queries, k]");
  std::vector<float> prepared;
  if (manifest_.options.metric == kernels::Metric::kCosine) {
    prepared.assign(queries.data, queries.data + queries.n_rows * queries.n_cols);
    kernels::prepare_rows(kernels::Metric::kCosine, {prepared.data(), queries.n_rows, queries.n_cols});
    queries.data = prepared.data();
  }
  std::vector<Lists> lists;
  double recall = 1;
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    lists.push_back(search_segment(s, queries, options));
    recall = std::min(recall, lists.back().recall);
  }

  std::vector<std::int64_t> heads(lists.size());
  for (std::int64_t q = 0; q < queries.n_rows; ++q) {
    std::fill(heads.begin(), heads.end(), 0);
    for (std::int64_t rank = 0; rank < options.k; ++rank) {
      // Of equal scores the one of the earliest segment, whose rows are lower.
      std::size_t best = lists.size();
      float best_score = kernels::kMaskedScore;
      for (std::size_t s = 0; s < lists.size(); ++s) {
        if (heads[s] == lists[s].k) continue;
        const float score = lists[s].scores[static_cast<std::size_t>(q * lists[s].k + heads[s])];
        if (score > best_score) {
          best = s;
          best_score = score;
        }
      }
      scores.row(q)[rank] = best_score;
      ids.row(q)[rank] = kNoItemId;
      if (best == lists.size()) continue;
      const auto row = lists[best].rows[static_cast<std::size_t>(q * lists[best].k + heads[best])];
      ids.row(q)[rank] = segments_[best]->ids()[static_cast<std::size_t>(row)];
      ++heads[best];
    }
  }
  return recall;
}

}  // namespace segue::item_index
