#include "kernels/ivf_items.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>

#include "kernels/cpu/k_means.h"
#include "kernels/cpu/workers.h"
#include "kernels/metric.h"

namespace segue::kernels {
namespace {

constexpr std::int64_t kSampleItems = 64;  ///< that k-means sees for each list
constexpr std::int64_t kLongList = 4;      ///< times as many items as an average list: it is split

/// Calls body(i, rows) for i in 0 .. n-1, shared among threads, each with its own reader of rows.
template <class Body>
void share(std::int64_t n, int n_threads, const ItemVectors& vectors, const Body& body) {
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(n, 1, n_threads));
  cpu::run_workers(n_workers, [&](int worker) {
    FloatRows rows(vectors);
    const std::int64_t end = cpu::part_begin(n, 1, worker + 1, n_workers);
    for (std::int64_t i = cpu::part_begin(n, 1, worker, n_workers); i < end; ++i) body(i, rows);
  });
}

/// The points that k-means sees, [n, dim + 1]: items, with a last dimension that makes them equally long (after
/// Bachrach et al. 2014, "Speeding up the Xbox recommender system using a Euclidean transformation for inner-product
/// spaces"), or with 0. Length is that of all but one item in a thousand: a single giant would drown the differences
/// between all others. Items that are not finite become zeros.
std::vector<float> make_points(const ItemVectors& vectors, const std::vector<double>& norms, bool by_distance,
                               int n_threads) {
  std::vector<double> sorted = norms;
  for (double& norm : sorted) norm = std::isfinite(norm) ? norm : 0.0;
  const auto place = sorted.end() - 1 - std::ssize(sorted) / 1000;
  std::nth_element(sorted.begin(), place, sorted.end());
  const double length = by_distance ? 0.0 : *place;
  const std::int64_t width = vectors.n_cols + 1;
  std::vector<float> points(norms.size() * static_cast<std::size_t>(width));
  share(vectors.n_rows, n_threads, vectors, [&](std::int64_t row, FloatRows& rows) {
    const double norm = norms[static_cast<std::size_t>(row)];
    if (!std::isfinite(norm)) return;
    float* point = points.data() + row * width;
    std::copy_n(rows.row(row), vectors.n_cols, point);
    if (norm < length) point[vectors.n_cols] = static_cast<float>(std::sqrt(length * length - norm * norm));
  });
  return points;
}

std::vector<float> gather(MatrixView<const float> points, const std::vector<std::int32_t>& rows) {
  std::vector<float> gathered;
  gathered.reserve(rows.size() * static_cast<std::size_t>(points.n_cols));
  for (const std::int32_t row : rows) gathered.insert(gathered.end(), points.row(row), points.row(row) + points.n_cols);
  return gathered;
}

/// Moves points so that their mean is 0: float32 then tells apart what lies close together far from the origin.
void centre(std::vector<float>& points, std::size_t dim) {
  std::vector<double> mean(dim);
  for (std::size_t i = 0; i < points.size(); ++i) mean[i % dim] += points[i];
  const std::size_t n_points = points.size() / dim;
  for (double& value : mean) value /= static_cast<double>(n_points);
  for (std::size_t i = 0; i < points.size(); ++i) points[i] = static_cast<float>(points[i] - mean[i % dim]);
}

/// A sample without replacement, rising.
std::vector<std::int32_t> sample(std::int64_t n, std::int64_t n_sampled, std::uint64_t seed) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  if (n_sampled >= n) return all;
  std::vector<std::int32_t> some;
  std::mt19937_64 random(seed);
  std::sample(all.begin(), all.end(), std::back_inserter(some), n_sampled, random);
  return some;
}

/// The list of each point: k-means on a sample, then lists that came out long are cut by k-means of their own, as often
/// as it takes.
std::vector<std::int32_t> assign_lists(MatrixView<const float> points, std::int64_t& n_lists, const IvfOptions& options,
                                       int n_threads) {
  Device device = options.device;
  device.n_threads = n_threads;
  const auto cluster = [&](MatrixView<const float> of, std::int64_t n_means, std::uint64_t seed) {
    const std::vector<float> seen = gather(of, sample(of.n_rows, kSampleItems * n_means, seed));
    const MatrixView<const float> seen_points{seen.data(), std::ssize(seen) / of.n_cols, of.n_cols};
    const std::vector<float> means = cpu::k_means(seen_points, n_means, options.n_iterations, seed, device);
    return cpu::nearest_means(of, {means.data(), n_means, of.n_cols}, device);
  };
  std::vector<std::int32_t> list_of = cluster(points, n_lists, options.seed);
  const std::int64_t average = std::max<std::int64_t>(points.n_rows / n_lists, 1);
  std::vector<std::vector<std::int32_t>> members(static_cast<std::size_t>(n_lists));
  for (std::size_t row = 0; row < list_of.size(); ++row)
    members[static_cast<std::size_t>(list_of[row])].push_back(static_cast<std::int32_t>(row));
  for (std::size_t list = 0; list < members.size(); ++list) {  // parts join the end, and may be long themselves
    const std::vector<std::int32_t> whole = std::move(members[list]);
    const auto n = std::ssize(whole);
    if (n <= kLongList * average) continue;
    const std::int64_t n_parts = (n + average - 1) / average;
    std::vector<float> own = gather(points, whole);
    centre(own, static_cast<std::size_t>(points.n_cols));
    const std::vector<std::int32_t> part_of = cluster({own.data(), n, points.n_cols}, n_parts, options.seed);
    if (std::count(part_of.begin(), part_of.end(), part_of[0]) == n) continue;  // equal items
    const std::size_t first = members.size();
    members.resize(first + static_cast<std::size_t>(n_parts));
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const std::size_t part = first + static_cast<std::size_t>(part_of[i]);
      list_of[static_cast<std::size_t>(whole[i])] = static_cast<std::int32_t>(part);
      members[part].push_back(whole[i]);
    }
  }
  n_lists = std::ssize(members);
  return list_of;
}

/// Renumbers lists so that none is empty. @returns their members.
std::vector<std::vector<std::int32_t>> drop_empty(std::vector<std::int32_t>& list_of, std::int64_t n_lists) {
  std::vector<std::int32_t> number(static_cast<std::size_t>(n_lists), -1);
  for (const std::int32_t list : list_of) number[static_cast<std::size_t>(list)] = 0;
  std::int32_t n_used = 0;
  for (auto& of_list : number)
    if (of_list == 0) of_list = n_used++;
  std::vector<std::vector<std::int32_t>> members(static_cast<std::size_t>(n_used));
  for (std::size_t row = 0; row < list_of.size(); ++row) {
    list_of[row] = number[static_cast<std::size_t>(list_of[row])];
    members[static_cast<std::size_t>(list_of[row])].push_back(static_cast<std::int32_t>(row));
  }
  return members;
}

/// Fills one row of centroids: the mean of the finite members, and twice the spread.
void describe_list(FloatRows& rows, std::size_t dim, const std::vector<double>& norms,
                   const std::vector<std::int32_t>& members, float* centroid) {
  std::vector<double> mean(dim);
  double n = 0;
  for (const std::int32_t row : members) {
    if (!std::isfinite(norms[static_cast<std::size_t>(row)])) continue;
    const float* x = rows.row(row);
    for (std::size_t i = 0; i < dim; ++i) mean[i] += x[i];
    ++n;
  }
  n = std::max(n, 1.0);
  for (std::size_t i = 0; i < dim; ++i) centroid[i] = static_cast<float>(mean[i] /= n);
  double squares = 0;
  for (const std::int32_t row : members) {
    if (!std::isfinite(norms[static_cast<std::size_t>(row)])) continue;
    const float* x = rows.row(row);
    for (std::size_t i = 0; i < dim; ++i) {
      const double left = x[i] - mean[i];
      squares += left * left;
    }
  }
  centroid[dim] = dim == 0 ? 0.0F : static_cast<float>(2 * std::sqrt(squares / n / static_cast<double>(dim)));
}

}  // namespace

IvfItemArrays make_ivf_items(const ItemVectors& vectors, const float* bias, const IvfOptions& options, int n_threads) {
  if (options.n_lists < 0 || options.n_iterations < 1) {
    throw std::invalid_argument("make_ivf_items: n_lists is " + std::to_string(options.n_lists) + " and n_iterations " +
                                std::to_string(options.n_iterations) + "; they must be 0 or more, and 1 or more");
  }
  require_well_formed(vectors, "make_ivf_items");
  if (vectors.dtype == DType::kInt8)
    throw std::invalid_argument(
        "make_ivf_items: lists hold an int8 copy, and are made of float32, bfloat16 or float16");
  const std::int64_t n = vectors.n_rows;
  const auto by_default = static_cast<std::int64_t>(4 * std::sqrt(static_cast<double>(n)));
  std::int64_t n_lists =
      std::clamp<std::int64_t>(options.n_lists == 0 ? by_default : options.n_lists, 1, std::max<std::int64_t>(n, 1));
  std::vector<double> norms(static_cast<std::size_t>(n));
  share(n, n_threads, vectors, [&](std::int64_t row, FloatRows& rows) {
    norms[static_cast<std::size_t>(row)] = std::sqrt(squared_norm(rows.row(row), vectors.n_cols));
  });
  std::vector<std::int32_t> list_of;
  if (n > 0) {
    std::vector<float> points = make_points(vectors, norms, options.by_distance, n_threads);
    centre(points, static_cast<std::size_t>(vectors.n_cols + 1));
    list_of = assign_lists({points.data(), n, vectors.n_cols + 1}, n_lists, options, n_threads);
  }
  const auto members = drop_empty(list_of, n_lists);
  n_lists = std::ssize(members);

  IvfItemArrays made;
  made.lists = make_grouped_int8_items(vectors, bias, list_of.data(), n_lists, n_threads, made.first_blocks);
  const std::int64_t width = vectors.n_cols + 1;
  std::vector<float> centroids(static_cast<std::size_t>(n_lists * width));
  share(n_lists, n_threads, vectors, [&](std::int64_t list, FloatRows& rows) {
    describe_list(rows, static_cast<std::size_t>(vectors.n_cols), norms, members[static_cast<std::size_t>(list)],
                  centroids.data() + list * width);
  });
  std::vector<float> biases;
  for (std::size_t list = 0; bias != nullptr && list < members.size(); ++list) {
    double sum = 0;
    for (const std::int32_t row : members[list]) sum += std::isfinite(bias[row]) ? bias[row] : 0.0F;
    biases.push_back(static_cast<float>(sum / static_cast<double>(members[list].size())));
  }
  made.promises = make_int8_items(ItemVectors{centroids.data(), n_lists, width},
                                  bias == nullptr ? nullptr : biases.data(), n_threads);
  return made;
}

}  // namespace segue::kernels
