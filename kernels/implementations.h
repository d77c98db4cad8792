#pragma once

// The implementations behind the public headers; top_k.cc chooses among them. Arguments are checked already, and no
// extent is zero.

#include <cstdint>

#include "kernels/ivf_items.h"
#include "kernels/top_k.h"

namespace segue::kernels {

/// What every search asks of its arguments; std::invalid_argument in the name of `entry`.
void require_search(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
                    MatrixView<float> scores, MatrixView<std::int32_t> rows, const Device& device, const char* entry);

/// |query|, summed in double: what a list's spread is multiplied with. A query whose norm is not finite finds nothing.
float query_norm(const float* query, std::int64_t dim);

namespace reference {
void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows);
void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows);
void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns);
void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores);
}  // namespace reference

namespace cpu {
void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows, int n_threads);
/// The same by gathering the allowed items; false, and nothing done, where they are not few.
bool sparse_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
                  MatrixView<float> scores, MatrixView<std::int32_t> rows, int n_threads);
/// The same by the int8 copy of the items; false, and nothing done, where a query is not finite.
bool int8_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
                MatrixView<float> scores, MatrixView<std::int32_t> rows, int n_threads);
void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows,
               int n_threads);
void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns, int n_threads);
void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores, int n_threads);
}  // namespace cpu

namespace cuda {
void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows, const Device& device);
/// The expected recall; 0, and nothing done, where the form does not serve.
double bucketed_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded,
                      std::int64_t k, double recall, MatrixView<float> scores, MatrixView<std::int32_t> rows,
                      const Device& device);
void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows,
               const Device& device);
/// cpu::nearest_means() by the int8 copy of the means; both and `nearest`, [n_points], are of the host.
void nearest_means(MatrixView<const float> points, const Int8Items& means, std::int32_t* nearest, const Device& device);
void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns, const Device& device);
void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores,
               const Device& device);
}  // namespace cuda

}  // namespace segue::kernels
