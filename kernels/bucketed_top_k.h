#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"
#include "kernels/top_k.h"

namespace segue::kernels {

/// The share of the best `k` of `n_items` items that are still found where items lie in `n_buckets` buckets at random
/// and only the best of each bucket can be found: n_buckets / k (1 - C(n_items - n, k) / C(n_items, k)) for buckets of
/// n = n_items / n_buckets. In expectation; by the two-stage top-k of arXiv 2506.04165 with one of each bucket.
double bucketed_recall(std::int64_t n_items, std::int64_t k, std::int64_t n_buckets);

/// The fewest buckets whose bucketed_recall() is `recall`, below 1, or more.
std::int64_t buckets_for(std::int64_t n_items, std::int64_t k, double recall);

/// top_k() without some of the best: those that share a bucket with a better one. Each list holds the share `recall` of
/// the true one in expectation, whatever the order of the rows: those of a bucket lie far apart. Excluded items take
/// the place of others of their bucket. Scores are as defined; which of two nearly equal items of a bucket is found,
/// nominators decide.
///
/// On CUDA items are read once and no threshold has to be found first. Without items.cuda, without room in the
/// workspace for a query, and on other devices: top_k() itself.
/// @param recall  above 0, at most 1
/// @returns the expected recall, `recall` or more; 1 where the lists are exact
/// @throws as top_k;  std::invalid_argument  recall out of range
double bucketed_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded,
                      std::int64_t k, double recall, MatrixView<float> scores, MatrixView<std::int32_t> rows,
                      const Device& device);

/// Device memory in which bucketed_top_k() on CUDA searches so many queries at once.
std::size_t bucketed_workspace_bytes(std::int64_t n_queries, const ItemMatrix& items, std::int64_t k, double recall,
                                     const Device& device);

}  // namespace segue::kernels
