#include "item_index/calibration.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <unordered_set>

#include "item_index/scan_tensors.h"
#include "kernels/item_vectors.h"
#include "model_file/safetensors.h"
#include "support/random.h"

namespace segue::item_index {
namespace {

constexpr const char* kQueries = "queries";
constexpr std::uint64_t kSampleStream = 1;

/// `n_drawn` of the numbers 0 .. n-1, or all, in random order.
std::vector<std::int64_t> draw(std::int64_t n, std::int64_t n_drawn, std::uint64_t seed) {
  // Floyd's algorithm: what is drawn takes memory, not what it is drawn from.
  Random random(seed, kSampleStream);
  std::vector<std::int64_t> numbers;
  std::unordered_set<std::int64_t> drawn;
  for (std::int64_t last = std::max<std::int64_t>(n - n_drawn, 0); last < n; ++last) {
    const auto number = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(last) + 1));
    numbers.push_back(drawn.contains(number) ? last : number);
    drawn.insert(numbers.back());
  }
  random.shuffle(numbers);
  return numbers;
}

/// Scores of the lists of some queries, [n, k].
struct Scores {
  std::vector<float> values;
  double queries_per_s = 0;
};

/// Searches one half of the sample, and measures how fast.
class Half {
 public:
  Half(const ItemIndex& index, kernels::MatrixView<const float> queries, int n_threads)
      : index_(index),
        queries_(queries),
        k_(index.manifest().options.recall_k),
        cpu_{kernels::Device::Kind::kCpu, n_threads, nullptr},
        exact_(search(0)) {}
  [[nodiscard]] const Scores& exact() const { return exact_; }
  [[nodiscard]] Scores search(std::int64_t probes) const {
    using Clock = std::chrono::steady_clock;
    constexpr double kEnough = 0.5;  // seconds; a shorter search is timed again
    constexpr int kMostTimes = 5;
    Scores scores;
    scores.values.resize(static_cast<std::size_t>(queries_.n_rows * k_));
    std::vector<std::int64_t> ids(scores.values.size());
    double total = 0;
    for (int times = 0; times < kMostTimes && total < kEnough; ++times) {
      const auto start = Clock::now();
      index_.search(queries_, {.k = k_, .probes = probes, .device = cpu_}, {scores.values.data(), queries_.n_rows, k_},
                    {ids.data(), queries_.n_rows, k_});
      const double took = std::chrono::duration<double>(Clock::now() - start).count();
      scores.queries_per_s = std::max(scores.queries_per_s, static_cast<double>(queries_.n_rows) / took);
      total += took;
    }
    return scores;
  }
  /// Mean over queries; 1 for a query that finds nothing at all.
  [[nodiscard]] double recall(const Scores& found) const {
    double sum = 0;
    for (std::int64_t q = 0; q < queries_.n_rows; ++q) {
      const float* best = exact_.values.data() + q * k_;
      const float* mine = found.values.data() + q * k_;
      const auto n = std::find(best, best + k_, kernels::kMaskedScore) - best;
      if (n == 0) {
        sum += 1;
        continue;
      }
      const auto n_found = std::count_if(mine, mine + n, [&](float score) { return score >= best[n - 1]; });
      sum += static_cast<double>(n_found) / static_cast<double>(n);
    }
    return sum / static_cast<double>(queries_.n_rows);
  }

 private:
  const ItemIndex& index_;
  kernels::MatrixView<const float> queries_;
  std::int64_t k_;
  kernels::Device cpu_;
  Scores exact_;
};

/// The fewest probes that reach the target; n_lists where fewer do not.
std::int64_t fewest_probes(const Half& half, std::int64_t n_lists, double target) {
  const auto reaches = [&](std::int64_t probes) { return half.recall(half.search(probes)) >= target; };
  std::int64_t enough = 1;
  while (enough < n_lists && !reaches(enough)) enough = std::min(2 * enough, n_lists);
  std::int64_t too_few = enough / 2;
  while (too_few + 1 < enough) {
    const std::int64_t middle = (too_few + enough) / 2;
    (reaches(middle) ? enough : too_few) = middle;
  }
  return enough;
}

}  // namespace

SampleQueries sample_queries(kernels::MatrixView<const float> queries, const IndexOptions& options) {
  SampleQueries sample;
  for (const auto row : draw(queries.n_rows, options.calibration_queries, options.seed)) {
    sample.vectors.insert(sample.vectors.end(), queries.row(row), queries.row(row) + queries.n_cols);
    ++sample.n;
  }
  return sample;
}

SampleQueries sample_items(const ItemIndex& index) {
  const auto& options = index.manifest().options;
  SampleQueries sample;
  sample.are_items = true;
  for (const auto row : draw(index.n_rows(), options.calibration_queries, options.seed)) {
    std::size_t segment = 0;
    while (row >= index.first_row(segment + 1)) ++segment;
    kernels::FloatRows widened(index.segments()[segment]->items().vectors);
    const float* vector = widened.row(row - index.first_row(segment));
    sample.vectors.insert(sample.vectors.end(), vector, vector + index.dim());
    ++sample.n;
  }
  return sample;
}

void write_queries(const std::filesystem::path& path, const SampleQueries& queries, std::int64_t dim) {
  model_file::write_safetensors(path,
                                {{kQueries, {model_file::DType::kF32, {queries.n, dim}, bytes_of(queries.vectors)}}},
                                {{"format", "sample queries of a segue item index"}});
}

SampleQueries read_queries(const std::filesystem::path& directory, const IndexFile& file, std::int64_t dim) {
  const model_file::SafetensorsFile mapped(directory / file.name);
  const auto& bytes = mapped.expect(kQueries, model_file::DType::kF32, {file.n_rows, dim}, kIndexRemedy).bytes;
  SampleQueries queries;
  queries.n = file.n_rows;
  queries.vectors.resize(static_cast<std::size_t>(file.n_rows * dim));
  if (!bytes.empty()) std::memcpy(queries.vectors.data(), bytes.data(), bytes.size());
  return queries;
}

Calibration calibrate(const ItemIndex& index, const SampleQueries& queries, int n_threads) {
  const auto& options = index.manifest().options;
  const std::int64_t dim = index.dim(), n_lists = index.n_lists();
  const std::int64_t n_chosen_by = (queries.n + 1) / 2, n_measured = queries.n - n_chosen_by;
  Calibration calibration;
  auto& json = calibration.measured;
  json = {{"queries", queries.are_items ? "items" : "given"}, {"n_queries", queries.n}, {"lists", n_lists}};
  if (n_measured == 0 || n_lists < 2) {
    json["searches"] = "exact";
    json["because"] = n_lists < 2 ? "there is one list" : "there are too few queries to measure by";
    return calibration;
  }
  const Half chosen_by(index, {queries.vectors.data(), n_chosen_by, dim}, n_threads);
  const Half measured(index, {queries.vectors.data() + n_chosen_by * dim, n_measured, dim}, n_threads);
  const std::int64_t probes = fewest_probes(chosen_by, n_lists, options.target_recall);
  const auto found = measured.search(probes);
  const bool faster = probes < n_lists && found.queries_per_s > measured.exact().queries_per_s;
  calibration.probes = faster ? probes : 0;
  json["probes"] = probes;
  json["recall"] = measured.recall(found);
  json["recall_k"] = options.recall_k;
  json["target_recall"] = options.target_recall;
  json["threads"] = n_threads;
  json["queries_per_s"] = found.queries_per_s;
  json["exact_queries_per_s"] = measured.exact().queries_per_s;
  json["searches"] = faster ? "lists" : "exact";
  if (!faster) json["because"] = probes < n_lists ? "the exact scan is as fast" : "no fewer lists reach target_recall";
  return calibration;
}

}  // namespace segue::item_index
