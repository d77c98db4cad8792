#include "kernels/bucketed_top_k.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "kernels/implementations.h"

namespace segue::kernels {

double bucketed_recall(std::int64_t n_items, std::int64_t k, std::int64_t n_buckets) {
  k = std::min(k, n_items);
  if (k <= 1 || n_buckets >= n_items) return 1;
  const double of_bucket = static_cast<double>(n_items) / static_cast<double>(n_buckets);
  double log_none = 0;  // that no one of the best k is in a given bucket
  for (std::int64_t i = 0; i < k; ++i) {
    const double left = static_cast<double>(n_items - i);
    if (left <= of_bucket) return static_cast<double>(n_buckets) / static_cast<double>(k);
    log_none += std::log1p(-of_bucket / left);
  }
  return -static_cast<double>(n_buckets) / static_cast<double>(k) * std::expm1(log_none);
}

std::int64_t buckets_for(std::int64_t n_items, std::int64_t k, double recall) {
  std::int64_t low = 0;  // too few
  std::int64_t high = n_items;
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (bucketed_recall(n_items, k, middle) >= recall ? high : low) = middle;
  }
  return high;
}

double bucketed_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded,
                      std::int64_t k, double recall, MatrixView<float> scores, MatrixView<std::int32_t> rows,
                      const Device& device) {
  if (!(recall > 0 && recall <= 1))
    throw std::invalid_argument("bucketed_top_k: recall is " + std::to_string(recall) +
                                ", and must be above 0 and at most 1");
  require_search(queries, items, excluded, k, scores, rows, device, "bucketed_top_k");
  if (queries.n_rows == 0) return 1;
  if (device.kind == Device::Kind::kCuda && items.cuda != nullptr && device.workspace != nullptr && recall < 1) {
    if (const double expected = cuda::bucketed_top_k(queries, items, excluded, k, recall, scores, rows, device);
        expected > 0)
      return expected;
  }
  top_k(queries, items, excluded, k, scores, rows, device);
  return 1;
}

}  // namespace segue::kernels
