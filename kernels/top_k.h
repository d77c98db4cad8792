#pragma once

#include <cstdint>
#include <limits>

#include "kernels/device.h"
#include "kernels/int8_items.h"
#include "kernels/item_vectors.h"
#include "kernels/matrix_view.h"

namespace segue::kernels {

struct CudaItems;

inline constexpr float kMaskedScore = -std::numeric_limits<float>::infinity();  ///< hides an item; fills empty slots
inline constexpr std::int32_t kNoItemRow = -1;                                  ///< the id in an empty slot

/// Items to search, all on the device of the call. Rows below 2^31.
struct ItemMatrix {
  ItemVectors vectors;          ///< [n_items, dim] in any dtype, strided or dense
  const float* bias = nullptr;  ///< [n_items], or nullptr for 0
  const std::uint32_t* allowed =
      nullptr;                      ///< bitset of [ceil(n_items / 32)] words, bit set = may be selected; nullptr: all
  const Int8Items* int8 = nullptr;  ///< a copy of vectors and bias that top_k() may scan first; the result is the same.
                                    ///< Not of int8 vectors
  const CudaItems* cuda = nullptr;  ///< what make_cuda_items() made of vectors and bias: top_k() on CUDA may search by
                                    ///< tensor cores, where it has a workspace; the result is the same
};

/// Short per-query lists, CSR: query q owns items[offsets[q] .. offsets[q+1]). offsets nullptr: no lists.
struct ItemLists {
  const std::int64_t* offsets = nullptr;  ///< [n_queries + 1]
  const std::int32_t* items = nullptr;
};

/// The best `k` items of every query by inner product, best first.
///
/// **The score of a pair is defined**, the same bits on every device, instruction set, tile, batch and thread count.
/// Items in float32, bfloat16 and float16, the latter two widened to float32 first, which is exact:
///     acc = bias (0 without one); for i = 0 .. dim-1: acc = fma(query[i], item[i], acc)        in float32
/// Items in int8, with the query rounded to levels and a scale as to_int8() does:
///     sum = exact sum of query_level[i] * item_level[i];  score = fma(float(sum), query_scale * item_scale, bias)
/// so a query of zeros scores the bias, and one that is not finite scores NaN everywhere. (Which bits a NaN has is not
/// defined.) An item with NaN in its vector, scale or bias is never selected, since its score is NaN; nor is one with
/// an infinity where that makes the score NaN or -inf.
///
/// The order is total: a higher score first; equal scores (0.0 = -0.0) by lower row; NaN, -inf, items not `allowed` and
/// the query's `excluded` items are never selected; a query with m < k candidates ends in k - m slots of (-inf,
/// kNoItemRow). So the first k of a longer list are the shorter list.
///
/// Distances and cosines are found by the same search: kernels/metric.h.
///
/// Cost on a CPU: items are read once for 240 queries, then each pair costs dim float32 products; int8 products with
/// AVX-512 VNNI, four times as many at once. 16-bit and int8 items are widened as they are read.
/// On CUDA: with items.cuda and a workspace items are read once for up to 256 queries, by tensor cores; else once a
/// query. All work is enqueued on the stream of `device`; nothing waits, nothing is allocated.
///
/// @param queries   [n_queries, dim]
/// @param k         1 .. n_items and beyond (empty slots)
/// @param scores    [n_queries, k];  @param rows [n_queries, k]
/// @throws std::invalid_argument  k < 1, shapes that disagree, item vectors that require_well_formed() refuses, an int8
/// copy of other items or of int8 items;  DeviceFailure  no such device in this build or machine, or a launch failed
void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows, const Device& device);

/// The second entry: selects from rows of scores that something else made, under the same order.
/// @param scores  [n_rows, n_cols]
void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns, const Device& device);

/// All defined scores, [n_queries, n_items]: what evaluation ranks from. No filter is applied. On a CPU: about the fp32
/// arithmetic floor by register blocking over packed panels of items.
void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores,
               const Device& device);

/// The defined score of one pair (host), of a float32 item and of row `row` of any items, whose n_cols is the length of
/// the query. Cost: one product at a time; for int8 items the query is quantised at every call.
float defined_score(const float* query, const float* item, std::int64_t dim, float bias);
float defined_score(const float* query, const ItemVectors& items, std::int64_t row, float bias);

}  // namespace segue::kernels
