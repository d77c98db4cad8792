#include "recommend/similar_items.h"

#include <algorithm>
#include <numeric>

#include "collaborative/neighbour_rows.h"
#include "kernels/metric.h"

namespace segue::recommend {

SimilarItems::SimilarItems(const BundleModel& model, std::int64_t k, int n_threads)
    : model_(model), k_(k), n_threads_(n_threads), unit_(model.item_vectors) {
  if (!model.has_vectors()) return;
  const kernels::MatrixView<float> rows{unit_.data(), model.bundle.items.size(), model.dim()};
  kernels::prepare_rows(kernels::Metric::kCosine, rows);
  if (rows.n_rows >= kernels::kLeastInt8Items && rows.n_cols <= kernels::kInt8MaxDim)
    int8_ = kernels::make_int8_items({rows.data, rows.n_rows, rows.n_cols}, nullptr, n_threads);
}

Lists SimilarItems::of(std::int32_t first, std::int32_t n) const {
  return unit_.empty() ? by_weights(first, n) : by_vectors(first, n);
}

Lists SimilarItems::by_vectors(std::int32_t first, std::int32_t n) const {
  Lists lists(static_cast<std::size_t>(n), k_);
  const auto dim = model_.dim();
  kernels::ItemMatrix items;
  items.vectors = {unit_.data(), model_.bundle.items.size(), dim};
  const kernels::Int8Items int8 = int8_.view();
  if (int8.n_items > 0) items.int8 = &int8;
  // An item is not similar to itself.
  std::vector<std::int32_t> own(static_cast<std::size_t>(n));
  std::iota(own.begin(), own.end(), first);
  std::vector<std::int64_t> offsets(own.size() + 1);
  std::iota(offsets.begin(), offsets.end(), 0);
  kernels::top_k({unit_.data() + first * dim, n, dim}, items, {offsets.data(), own.data()}, k_,
                 {lists.scores.data(), n, k_}, {lists.items.data(), n, k_},
                 {kernels::Device::Kind::kCpu, n_threads_, nullptr});
  return lists;
}

Lists SimilarItems::by_weights(std::int32_t first, std::int32_t n) const {
  Lists lists(static_cast<std::size_t>(n), k_);
  const auto& weights = *model_.model.filter->neighbours();
  const auto k = static_cast<std::size_t>(k_);
  for (std::int32_t i = 0; i < n; ++i) {
    auto row = weights.row(first + i);
    std::erase_if(row, [](const auto& neighbour) { return !(neighbour.weight > 0); });
    // Rows are in rising item, so that equal weights stay so.
    std::stable_sort(row.begin(), row.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
    for (std::size_t place = 0; place < std::min(k, row.size()); ++place) {
      const auto slot = static_cast<std::size_t>(i) * k + place;
      lists.items[slot] = row[place].item;
      lists.scores[slot] = row[place].weight;
    }
  }
  return lists;
}

}  // namespace segue::recommend
