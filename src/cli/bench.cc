// segue bench retrieval: exact search on this machine, checked against the definition before it is timed. Vectors are
// synthetic.

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "kernels/top_k.h"
#include "support/errors.h"
#include "support/random.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

struct RetrievalArguments {
  std::int64_t n = 100'000, dim = 64, k = 100, queries = 256;
  int threads = 0;
  double seconds = 1;
};

std::vector<float> normal_values(std::int64_t n, std::uint64_t stream) {
  Random random(42, stream);
  std::vector<float> values(static_cast<std::size_t>(n));
  std::generate(values.begin(), values.end(), [&] { return static_cast<float>(random.normal()); });
  return values;
}

/// Runs per second of `work`, the best of repeated runs within `seconds`.
template <class Work>
double best_rate(double seconds, const Work& work) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  double total = 0;
  while (total < seconds) {
    const auto start = Clock::now();
    work();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 1 / took);
    total += took;
  }
  return best;
}

Json measure(const RetrievalArguments& arguments) {
  const auto [n, dim, k, n_queries, asked_threads, seconds] = arguments;
  const kernels::Device cpu{kernels::Device::Kind::kCpu, asked_threads == 0 ? available_threads() : asked_threads,
                            nullptr};
  const kernels::Device reference{kernels::Device::Kind::kReference, 1, nullptr};
  const auto item_values = normal_values(n * dim, 0);
  const auto query_values = normal_values(n_queries * dim, 1);
  const kernels::ItemMatrix items{{item_values.data(), n, dim}, nullptr, nullptr};
  std::vector<float> scores(static_cast<std::size_t>(n_queries * k));
  std::vector<std::int32_t> rows(scores.size());
  const auto search = [&](std::int64_t n_searched, const kernels::Device& device) {
    kernels::top_k({query_values.data(), n_searched, dim}, items, {}, k, {scores.data(), n_searched, k},
                   {rows.data(), n_searched, k}, device);
  };

  const auto n_checked = std::min<std::int64_t>(n_queries, 4);
  const auto checked = static_cast<std::ptrdiff_t>(n_checked * k);
  search(n_checked, reference);
  const std::vector<float> true_scores(scores.begin(), scores.begin() + checked);
  const std::vector<std::int32_t> true_rows(rows.begin(), rows.begin() + checked);
  search(n_queries, cpu);
  const bool equal = std::equal(true_scores.begin(), true_scores.end(), scores.begin()) &&
                     std::equal(true_rows.begin(), true_rows.end(), rows.begin());
  if (!equal)
    throw NumericError(
        "top_k differs from its definition on this machine: report this with the output of segue doctor");

  const double per_query = 2 * static_cast<double>(n) * static_cast<double>(dim) * 1e-9;
  const double top_k_rate = best_rate(seconds, [&] { search(n_queries, cpu); }) * static_cast<double>(n_queries);
  // As ranking does: blocks whose scores fit in some tens of megabytes.
  const std::int64_t block = std::clamp<std::int64_t>((std::int64_t{1} << 24) / n, 1, n_queries);
  std::vector<float> all(static_cast<std::size_t>(block * n));
  const double score_rate = static_cast<double>(block) * best_rate(seconds, [&] {
                              kernels::score_all({query_values.data(), block, dim}, items, {all.data(), block, n}, cpu);
                            });
  return {{"n", n},
          {"dim", dim},
          {"k", k},
          {"queries", n_queries},
          {"threads", cpu.n_threads},
          {"equal to the definition", equal},
          {"top_k queries/s", top_k_rate},
          {"top_k GFLOP/s", top_k_rate * per_query},
          {"score_all queries/s", score_rate},
          {"score_all GFLOP/s", score_rate * per_query}};
}

}  // namespace

void add_bench(CLI::App& app, GlobalOptions& global) {
  auto* bench = app.add_subcommand("bench", "Measure the program on this machine");
  bench->require_subcommand(1);
  auto* retrieval =
      bench->add_subcommand("retrieval", "Exact top-k by inner product over synthetic vectors, on the CPU");
  const auto arguments = std::make_shared<RetrievalArguments>();
  const auto add = [&](const std::string& name, auto& value, const std::string& meaning) {
    return retrieval->add_option(name, value, meaning)->capture_default_str();
  };
  add("--n", arguments->n, "Items")->check(CLI::Range(1, 100'000'000));
  add("--dim", arguments->dim, "Dimensions")->check(CLI::Range(1, 65'536));
  add("--k", arguments->k, "Items to find for every query")->check(CLI::Range(1, 100'000'000));
  add("--queries", arguments->queries, "Queries searched together")->check(CLI::Range(1, 1'000'000));
  add("--threads", arguments->threads, "Threads; 0: all available")->check(CLI::NonNegativeNumber);
  add("--seconds", arguments->seconds, "Time spent on each measurement at least")->check(CLI::PositiveNumber);
  retrieval->callback([arguments, &global] { print_result(global, measure(*arguments)); });
}

}  // namespace segue::cli
