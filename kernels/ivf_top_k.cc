#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "kernels/implementations.h"
#include "kernels/ivf_items.h"
#include "kernels/metric.h"

namespace segue::kernels {

float query_norm(const float* query, std::int64_t dim) {
  return static_cast<float>(std::sqrt(squared_norm(query, dim)));
}

std::int64_t longest_list(const IvfItems& ivf) {
  std::int64_t longest = 0;
  for (std::int64_t list = 0; list < ivf.n_lists; ++list)
    longest =
        std::max(longest, ivf.lists.firsts[ivf.first_blocks[list + 1]] - ivf.lists.firsts[ivf.first_blocks[list]]);
  return longest;
}

void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows,
               const Device& device) {
  constexpr const char* kEntry = "ivf_top_k";
  require_search(queries, items, excluded, k, scores, rows, device, kEntry);
  if (n_probes < 1)
    throw std::invalid_argument(std::string(kEntry) + ": n_probes is " + std::to_string(n_probes) +
                                ", and must be 1 or more");
  if (ivf.lists.n_items != items.vectors.n_rows || ivf.lists.dim != items.vectors.n_cols ||
      (ivf.lists.bias == nullptr) != (items.bias == nullptr))
    throw std::invalid_argument(std::string(kEntry) + ": the lists are of other items, or differ in having a bias");
  if (items.vectors.dtype == DType::kInt8)
    throw std::invalid_argument(std::string(kEntry) + ": int8 items have no lists");
  if (n_probes >= ivf.n_lists) return top_k(queries, items, excluded, k, scores, rows, device);
  if (queries.n_rows == 0) return;
  switch (device.kind) {
    case Device::Kind::kReference:
      return reference::ivf_top_k(queries, items, ivf, excluded, k, n_probes, scores, rows);
    case Device::Kind::kCpu:
      return cpu::ivf_top_k(queries, items, ivf, excluded, k, n_probes, scores, rows, device.n_threads);
    case Device::Kind::kCuda: return cuda::ivf_top_k(queries, items, ivf, excluded, k, n_probes, scores, rows, device);
  }
}

}  // namespace segue::kernels
