#pragma once

#include <cstdint>

#include "kernels/cpu/exclusions.h"
#include "kernels/top_k.h"

namespace segue::kernels::cpu {

/// The best k items of each query of a group, by a scan of int8 blocks: every item whose score could reach the query's
/// threshold is nominated, and a list is given out only when it is proved complete.
/// @param queries   finite, some hundred at most: all of them pass over each block together
/// @param items     what `int8` is a copy of: scores are defined ones. nullptr: they are those by int8,
///                  sum * (step of the query * scale of the block) + bias, in float32
/// @param excluded  nullptr: none
/// @param scores    [n_queries, k];  @param rows [n_queries, k]
void search_int8(MatrixView<const float> queries, const Int8Items& int8, const ItemMatrix* items,
                 const Exclusions* excluded, std::int64_t k, int n_threads, MatrixView<float> scores,
                 MatrixView<std::int32_t> rows);

}  // namespace segue::kernels::cpu
