#pragma once

#include <cuda_runtime.h>

#include "kernels/ivf_items.h"
#include "kernels/top_k.h"

namespace segue::kernels::cuda {

/// Whether a query's list holds `item`. Cost: the list is read; lists are short.
__device__ inline bool is_excluded(const ItemLists& excluded, std::int64_t query, std::int64_t item) {
  if (excluded.offsets == nullptr) return false;
  for (std::int64_t i = excluded.offsets[query]; i < excluded.offsets[query + 1]; ++i) {
    if (excluded.items[i] == item) return true;
  }
  return false;
}

/// The lists of the queries from `first` on.
inline ItemLists lists_from(const ItemLists& lists, std::int64_t first) {
  return lists.offsets == nullptr ? lists : ItemLists{lists.offsets + first, lists.items};
}

/// top_k() one block a query, which scores every item by the definition: any dtype, stride and k, no workspace.
/// @param wanted  [n_queries] on the device: queries with 0 are left alone; nullptr: none are
void plain_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded,
                 const std::int32_t* wanted, std::int64_t k, MatrixView<float> scores, MatrixView<std::int32_t> rows,
                 cudaStream_t stream);

/// The same among the items of the lists that queries look into, [n_queries, n_probes]; kNoItemRow: no list. Of items
/// that have lists, so not of int8 items.
void plain_ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf,
                     MatrixView<const std::int32_t> probes, const ItemLists& excluded, const std::int32_t* wanted,
                     std::int64_t k, MatrixView<float> scores, MatrixView<std::int32_t> rows, cudaStream_t stream);

}  // namespace segue::kernels::cuda
