#pragma once

#include <cstdint>
#include <vector>

#include "kernels/item_vectors.h"
#include "kernels/matrix_view.h"

namespace segue::kernels {

/// What "near" means. top_k() searches by inner product; the others are a bias of the items, or lengths of 1, so that
/// the same search serves them:
///
///     prepare_rows(metric, items);  prepare_rows(metric, queries);        // float32, before items get another dtype
///     bias = metric_bias(metric, items);                                  // empty: ItemMatrix::bias stays nullptr
///     top_k(queries, items with bias, ...);
///     finish_scores(metric, queries, scores);
enum class Metric {
  kInnerProduct,
  kL2,      ///< nearest first: q.x - |x|^2 / 2 falls as the distance grows
  kCosine,  ///< inner product of rows of length 1
};

/// The sum of squares over rising i, in double: squares of float32 are exact there, and can neither overflow nor
/// vanish.
double squared_norm(const float* values, std::int64_t n);

/// For kCosine each row becomes row / |row|: |row| = sqrt(squared_norm) in double, and each quotient in double is
/// rounded once to float32. Rows of zeros stay; a row that is not finite comes to hold NaN, so that its scores are NaN.
/// Other metrics leave rows as they are. Cost: a pass over the rows.
void prepare_rows(Metric metric, MatrixView<float> rows);

/// [n_items] for kL2: -squared_norm / 2 of each row as float32 (FloatRows), rounded once; empty for other metrics. An
/// item with NaN in it gets NaN, one beyond float32's range -inf, and neither is ever selected. Cost: a pass over the
/// items. The bits do not depend on `n_threads`.
/// @throws std::invalid_argument  as require_well_formed()
std::vector<float> metric_bias(Metric metric, const ItemVectors& items, int n_threads);

/// |q - x|^2 = |q|^2 - 2 * score, in double, at least 0, rounded once; +inf for the -inf of an empty slot.
///
/// It carries what float32 rounds off the score, of the size of |q|^2 + |x|^2 times 2^-24: for points that lie together
/// far from the origin that may be more than their distance. Int8 items: the distance is to the query as it was before
/// quantisation, to within what that leaves off the inner product.
float squared_distance(double squared_norm_of_query, float score);

/// For kL2 turns scores of top_k() or score_all() into squared distances, in place; leaves those of other metrics.
/// @param scores  [n_queries, n]
/// @throws std::invalid_argument  numbers of queries that disagree
void finish_scores(Metric metric, MatrixView<const float> queries, MatrixView<float> scores);

}  // namespace segue::kernels
