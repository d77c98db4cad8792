#include "kernels/cpu/k_means.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/cpu/int8_search.h"
#include "kernels/cpu/workers.h"
#include "kernels/implementations.h"

namespace segue::kernels::cpu {
namespace {

constexpr std::int64_t kTogether = 256;  ///< points that pass over the means at a time

/// Points by the mean they belong to: those of mean m are points[begins[m] .. begins[m + 1]), rising.
struct Groups {
  Groups(const std::vector<std::int32_t>& mean_of, std::int64_t n_means)
      : begins(static_cast<std::size_t>(n_means + 1)), points(mean_of.size()) {
    for (const std::int32_t mean : mean_of) ++begins[static_cast<std::size_t>(mean) + 1];
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    std::vector<std::size_t> next(begins.begin(), begins.end() - 1);
    for (std::size_t point = 0; point < mean_of.size(); ++point)
      points[next[static_cast<std::size_t>(mean_of[point])]++] = static_cast<std::int32_t>(point);
  }
  [[nodiscard]] std::size_t size(std::size_t mean) const { return begins[mean + 1] - begins[mean]; }

  std::vector<std::size_t> begins;
  std::vector<std::int32_t> points;
};

/// Sums in double, in the order of the points: no thread count can show.
void average(MatrixView<const float> points, const Groups& groups, MatrixView<float> means, int n_threads) {
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(means.n_rows, 1, n_threads));
  run_workers(n_workers, [&](int worker) {
    std::vector<double> sum(static_cast<std::size_t>(points.n_cols));
    const std::int64_t end = part_begin(means.n_rows, 1, worker + 1, n_workers);
    for (std::int64_t m = part_begin(means.n_rows, 1, worker, n_workers); m < end; ++m) {
      const auto mean = static_cast<std::size_t>(m);
      if (groups.size(mean) == 0) continue;
      std::fill(sum.begin(), sum.end(), 0.0);
      for (std::size_t i = groups.begins[mean]; i < groups.begins[mean + 1]; ++i) {
        const float* point = points.row(groups.points[i]);
        for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += point[j];
      }
      const double scale = 1.0 / static_cast<double>(groups.size(mean));
      for (std::size_t j = 0; j < sum.size(); ++j) means.row(m)[j] = static_cast<float>(sum[j] * scale);
    }
  });
}

/// Gives each empty mean half of the largest group: both move a little from its mean, to opposite sides.
void split_for_empty(const Groups& groups, MatrixView<float> means) {
  constexpr float kStep = 1.0F / 1024;
  std::vector<double> sizes(static_cast<std::size_t>(means.n_rows));
  for (std::size_t m = 0; m < sizes.size(); ++m) sizes[m] = static_cast<double>(groups.size(m));
  for (std::size_t empty = 0; empty < sizes.size(); ++empty) {
    if (groups.size(empty) > 0) continue;
    const auto largest = std::max_element(sizes.begin(), sizes.end()) - sizes.begin();
    float* from = means.row(largest);
    float* to = means.row(static_cast<std::int64_t>(empty));
    for (std::int64_t j = 0; j < means.n_cols; ++j) {
      const float step = (j % 2 == 0 ? kStep : -kStep) * from[j];
      to[j] = from[j] + step;
      from[j] -= step;
    }
    sizes[empty] = sizes[static_cast<std::size_t>(largest)] /= 2;
  }
}

}  // namespace

std::vector<std::int32_t> nearest_means(MatrixView<const float> points, MatrixView<const float> means,
                                        const Device& device) {
  // |p - m|^2 = |p|^2 - 2 (<p, m> - |m|^2 / 2): the nearest mean has the largest inner product with that bias.
  std::vector<float> bias;
  for (std::int64_t m = 0; m < means.n_rows; ++m) {
    double norm = 0;
    for (std::int64_t j = 0; j < means.n_cols; ++j) norm += static_cast<double>(means.row(m)[j]) * means.row(m)[j];
    bias.push_back(static_cast<float>(-norm / 2));
  }
  const Int8ItemArrays copy = make_int8_items(ItemVectors(means), bias.data(), device.n_threads);
  const Int8Items int8 = copy.view();
  std::vector<std::int32_t> nearest(static_cast<std::size_t>(points.n_rows));
  if (device.kind == Device::Kind::kCuda) {
    if (points.n_rows > 0) cuda::nearest_means(points, int8, nearest.data(), device);
    return nearest;
  }
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(points.n_rows / kTogether, 1, device.n_threads));
  run_workers(n_workers, [&](int worker) {
    float scores[kTogether];
    const std::int64_t end = part_begin(points.n_rows, kTogether, worker + 1, n_workers);
    for (std::int64_t first = part_begin(points.n_rows, kTogether, worker, n_workers); first < end;
         first += kTogether) {
      const std::int64_t n = std::min(kTogether, end - first);
      search_int8({points.row(first), n, points.n_cols}, int8, nullptr, nullptr, 1, 1, {scores, n, 1},
                  {nearest.data() + first, n, 1});
    }
  });
  for (auto& mean : nearest) mean = std::max(mean, 0);  // distances beyond float32: any mean will do
  return nearest;
}

std::vector<float> k_means(MatrixView<const float> points, std::int64_t n_means, int n_iterations, std::uint64_t seed,
                           const Device& device) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(points.n_rows));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n_means); ++i)
    std::swap(order[i], order[i + random() % (order.size() - i)]);
  std::vector<float> values;
  for (std::size_t m = 0; m < static_cast<std::size_t>(n_means); ++m)
    values.insert(values.end(), points.row(order[m]), points.row(order[m]) + points.n_cols);
  const MatrixView<float> means{values.data(), n_means, points.n_cols};
  for (int iteration = 0; iteration < n_iterations; ++iteration) {
    const Groups groups(nearest_means(points, {values.data(), n_means, points.n_cols}, device), n_means);
    average(points, groups, means, device.n_threads);
    split_for_empty(groups, means);
  }
  return values;
}

}  // namespace segue::kernels::cpu
