#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "item_index/index_manifest.h"
#include "item_index/row_set.h"
#include "item_index/segment.h"
#include "kernels/top_k.h"

namespace segue::item_index {

inline constexpr std::int64_t kNoItemId = -1;  ///< in an empty slot of a list; no item may be called so

struct SearchOptions {
  std::int64_t k = 10;
  std::optional<std::int64_t> probes =
      std::nullopt;  ///< lists to look into; 0: the exact scan; none: as the index says
  /// On CUDA, in place of lists: all items are looked at once, and of each bucket of them the best may be found, so
  /// that a list keeps this share of its items in expectation. Elsewhere, and from 1 on, lists lose nothing.
  std::optional<double> recall = std::nullopt;
  /// Bitset over global rows, [ceil(n_rows / 32)] words: what may be found; nullptr: all that are not removed.
  const std::uint32_t* allowed = nullptr;
  kernels::ItemLists excluded = {};  ///< of every query, by global row
  kernels::Device device = {};       ///< CUDA: the index is copied to the device once, and stays there
};

/// An index of item vectors, opened: mapped files that never change. Thread-safe. Updates of the directory, compaction
/// too, do not show in an open index.
///
/// Items are called by ids, any int64 but -1. They lie in global rows, in the order in which they were added; equal
/// scores go to the lower row.
class ItemIndex {
 public:
  /// @param verify  read every byte for its checksum; sizes, headers and shapes are always checked
  /// @throws DataError  no index, damaged, truncated, of another format, newer: names the file and the remedy
  static ItemIndex open(const std::filesystem::path& directory, bool verify = true);
  /// The index of a manifest that is about to be written into `directory`; its files are there, and not verified.
  static ItemIndex open(const std::filesystem::path& directory, const IndexManifest& manifest);

  [[nodiscard]] const IndexManifest& manifest() const { return manifest_; }
  [[nodiscard]] std::int64_t n_items() const { return manifest_.n_items; }
  [[nodiscard]] std::int64_t n_rows() const { return first_rows_.back(); }  ///< items, and rows that were removed
  [[nodiscard]] std::int64_t dim() const { return manifest_.dim; }
  [[nodiscard]] std::int64_t n_lists() const;  ///< of the segment that has most; 0: none has any
  [[nodiscard]] const std::vector<std::int32_t>& removed_rows() const { return removed_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Segment>>& segments() const { return segments_; }
  /// First global row of a segment.
  [[nodiscard]] std::int64_t first_row(std::size_t segment) const { return first_rows_[segment]; }
  [[nodiscard]] bool is_removed(std::int64_t row) const;
  /// Global rows of those among `ids` that are items. Cost: a pass over all ids.
  [[nodiscard]] std::unordered_map<std::int64_t, std::int64_t> rows_of(std::span<const std::int64_t> ids) const;

  /// The best `k` items of every query, by the order of kernels::top_k(); with probes the best of the lists looked into
  /// and of all items that are in no list (those added since the last compaction), which may be fewer than k.
  ///
  /// A score is what the metric orders by, higher is better: the inner product and the item's bias; the cosine; for l2
  /// <q, x> - |x|^2 / 2, so that the squared distance is |q|^2 - 2 score.
  /// @param queries  [n_queries, dim]
  /// @param scores   [n_queries, k]; -inf in an empty slot
  /// @param ids      [n_queries, k]; kNoItemId in an empty slot
  /// @returns the expected share of the best k that SearchOptions::recall leaves, that or more; 1 without it
  /// @throws std::invalid_argument  shapes that disagree, k < 1, a recall of 0 or less
  double search(kernels::MatrixView<const float> queries, const SearchOptions& options,
                kernels::MatrixView<float> scores, kernels::MatrixView<std::int64_t> ids) const;

 private:
  ItemIndex(const std::filesystem::path& directory, IndexManifest manifest, bool verify);
  struct Lists;
  [[nodiscard]] Lists search_segment(std::size_t segment, kernels::MatrixView<const float> queries,
                                     const SearchOptions& options) const;

  IndexManifest manifest_;
  std::vector<std::unique_ptr<Segment>> segments_;
  std::vector<std::int64_t> first_rows_{0};  ///< [n_segments + 1]
  std::vector<std::int32_t> removed_;
  std::vector<RowSet> kept_;  ///< [n_segments]; empty where no row was removed
};

}  // namespace segue::item_index
