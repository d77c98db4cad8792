// segue bench retrieval: exact and approximate search on this machine, checked against the definition before it is
// timed.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_vectors.h"
#include "cli/command.h"
#include "kernels/ivf_items.h"
#include "kernels/top_k.h"
#include "report/recall_chart.h"
#include "support/errors.h"
#include "support/progress.h"
#include "support/storage.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct RetrievalArguments {
  std::int64_t n = 100'000, dim = 64, k = 100, queries = 256;
  int threads = 0;
  double seconds = 1;
  std::string vectors, lists, html;
  bool ivf = false;
  std::int64_t n_lists = 0;
  std::vector<std::int64_t> probes = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
};

struct Lists {
  std::vector<float> scores;
  std::vector<std::int32_t> rows;
  bool operator==(const Lists&) const = default;
};

void write_lists(const Lists& lists, std::int64_t n_queries, std::int64_t k, const std::string& path) {
  const auto bytes = [](const auto& values) {
    return std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
  };
  model_file::write_safetensors(path,
                                {{"rows", {model_file::DType::kI32, {n_queries, k}, bytes(lists.rows)}},
                                 {"scores", {model_file::DType::kF32, {n_queries, k}, bytes(lists.scores)}}},
                                {});
}

/// Runs per second of `work`, the best of repeated runs within `seconds`; one at least.
template <class Work>
double best_rate(double seconds, const Work& work) {
  double best = 0;
  double total = 0;
  do {
    const auto start = Clock::now();
    work();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 1 / took);
    total += took;
  } while (total < seconds);
  return best;
}

/// The vectors of one measurement, and the ways to search among them.
class Bench {
 public:
  Bench(const RetrievalArguments& arguments)
      : arguments_(arguments),
        vectors_(arguments.vectors.empty() ? draw_bench_vectors(arguments.n, arguments.queries, arguments.dim)
                                           : read_bench_vectors(arguments.vectors, arguments.queries)),
        cpu_{kernels::Device::Kind::kCpu, arguments.threads == 0 ? available_threads() : arguments.threads, nullptr},
        plain_{vectors_.items, vectors_.bias, nullptr} {}

  Json exact();
  /// After exact(): the lists it found are what recall is measured by.
  Json approximate();

 private:
  [[nodiscard]] std::int64_t n_queries() const { return vectors_.queries.n_rows; }
  /// search(queries, scores, rows) of the queries [first, first + n).
  template <class Search>
  void run(std::int64_t first, std::int64_t n, Lists& into, const Search& search) const {
    const std::int64_t k = arguments_.k;
    into.scores.resize(static_cast<std::size_t>(n * k));
    into.rows.resize(into.scores.size());
    search(kernels::MatrixView<const float>{vectors_.queries.row(first), n, vectors_.queries.n_cols},
           kernels::MatrixView<float>{into.scores.data(), n, k},
           kernels::MatrixView<std::int32_t>{into.rows.data(), n, k});
  }
  template <class Search>
  Json latencies(const Search& search) const;

  const RetrievalArguments& arguments_;
  BenchVectors vectors_;
  kernels::Device cpu_;
  kernels::ItemMatrix plain_;
  Lists found_;
};

Json Bench::exact() {
  const std::int64_t n = vectors_.items.n_rows, dim = vectors_.items.n_cols, k = arguments_.k;
  kernels::Int8ItemArrays arrays;
  const double builds =
      best_rate(0, [&] { arrays = kernels::make_int8_items(vectors_.items, vectors_.bias, cpu_.n_threads); });
  const kernels::Int8Items int8 = arrays.view();
  kernels::ItemMatrix scanned = plain_;
  scanned.int8 = &int8;
  const auto by = [&](const kernels::ItemMatrix& items, const kernels::Device& device) {
    return [&items, &device, k](auto queries, auto scores, auto rows) {
      kernels::top_k(queries, items, {}, k, scores, rows, device);
    };
  };
  const kernels::Device reference{kernels::Device::Kind::kReference, 1, nullptr};
  const auto n_checked = std::min<std::int64_t>(n_queries(), 4);
  Lists other;
  run(0, n_checked, found_, by(scanned, cpu_));
  run(0, n_checked, other, by(plain_, reference));
  bool equal = found_ == other;
  run(0, n_queries(), found_, by(scanned, cpu_));
  run(0, n_queries(), other, by(plain_, cpu_));
  equal = equal && found_ == other;
  if (!equal) {
    throw NumericError(
        "top_k differs from its definition on this machine: report this with the output of segue doctor");
  }
  if (!arguments_.lists.empty()) write_lists(found_, n_queries(), k, arguments_.lists);

  const auto rate_of = [&](const kernels::ItemMatrix& items) {
    return static_cast<double>(n_queries()) *
           best_rate(arguments_.seconds, [&] { run(0, n_queries(), other, by(items, cpu_)); });
  };
  const double int8_rate = rate_of(scanned);
  const double plain_rate = rate_of(plain_);
  // As ranking does: blocks whose scores fit in some tens of megabytes.
  const std::int64_t block = std::clamp<std::int64_t>((std::int64_t{1} << 24) / n, 1, n_queries());
  std::vector<float> all(static_cast<std::size_t>(block * n));
  const double score_rate =
      static_cast<double>(block) * best_rate(arguments_.seconds, [&] {
        kernels::score_all({vectors_.queries.data, block, dim}, plain_, {all.data(), block, n}, cpu_);
      });
  const double per_query = 2 * static_cast<double>(n) * static_cast<double>(dim) * 1e-9;
  Json result = {{"n", n},
                 {"dim", dim},
                 {"k", k},
                 {"queries", n_queries()},
                 {"threads", cpu_.n_threads},
                 {"equal to the definition", true},
                 {"int8 copy s", 1 / builds},
                 {"top_k over int8 queries/s", int8_rate},
                 {"top_k queries/s", plain_rate},
                 {"top_k GFLOP/s", plain_rate * per_query},
                 {"score_all queries/s", score_rate},
                 {"score_all GFLOP/s", score_rate * per_query}};
  if (arguments_.ivf) result["exact one by one"] = latencies(by(scanned, cpu_));
  return result;
}

/// One query a call: the rate, and how long a call takes.
template <class Search>
Json Bench::latencies(const Search& search) const {
  std::vector<double> times;
  Lists one;
  double total = 0;
  while (total < arguments_.seconds || times.size() < 100) {
    const auto query = static_cast<std::int64_t>(times.size()) % n_queries();
    const auto start = Clock::now();
    run(query, 1, one, search);
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return 1e3 * times[static_cast<std::size_t>(share * static_cast<double>(times.size()))];
  };
  return {{"queries/s", static_cast<double>(times.size()) / total},
          {"p50 ms", at(.5)},
          {"p95 ms", at(.95)},
          {"p99 ms", at(.99)}};
}

Json Bench::approximate() {
  const std::int64_t k = arguments_.k;
  kernels::IvfItemArrays arrays;
  kernels::IvfOptions options;
  options.n_lists = arguments_.n_lists;
  const double builds =
      best_rate(0, [&] { arrays = kernels::make_ivf_items(vectors_.items, vectors_.bias, options, cpu_.n_threads); });
  const kernels::IvfItems ivf = arrays.view();
  Json points = Json::array();
  for (const std::int64_t n_probes : arguments_.probes) {
    if (n_probes >= ivf.n_lists) break;
    const auto search = [&](auto queries, auto scores, auto rows) {
      kernels::ivf_top_k(queries, plain_, ivf, {}, k, n_probes, scores, rows, cpu_);
    };
    Lists lists;
    run(0, n_queries(), lists, search);
    // An item that ties with the last of the exact list is as good as that one.
    std::int64_t n_hits = 0;
    for (std::int64_t q = 0; q < n_queries(); ++q) {
      const float last = found_.scores[static_cast<std::size_t>((q + 1) * k - 1)];
      const auto of_query = lists.scores.begin() + q * k;
      n_hits += std::count_if(of_query, of_query + k, [last](float score) { return score >= last; });
    }
    const double rate =
        static_cast<double>(n_queries()) * best_rate(arguments_.seconds, [&] { run(0, n_queries(), lists, search); });
    points.push_back({{"probes", n_probes},
                      {"recall", static_cast<double>(n_hits) / static_cast<double>(n_queries() * k)},
                      {"queries/s", rate},
                      {"one by one", latencies(search)}});
  }
  return {{"lists", ivf.n_lists},
          {"build s", 1 / builds},
          {"MB", static_cast<double>(arrays.lists.panels.size() + arrays.promises.panels.size() +
                                     arrays.lists.rows.size() * sizeof arrays.lists.rows[0]) *
                     1e-6},
          {"points", points}};
}

void print_points(const Json& result) {
  const Json& ivf = result["ivf"];
  std::printf("\n%s lists, %.3g MB, built in %.3g s\n", with_thousands(ivf["lists"].get<std::int64_t>()).c_str(),
              ivf["MB"].get<double>(), ivf["build s"].get<double>());
  std::printf("%8s %10s %14s %14s %8s %8s %8s\n", "probes",
              ("recall@" + std::to_string(result["k"].get<std::int64_t>())).c_str(), "batch q/s", "one by one q/s",
              "p50 ms", "p95 ms", "p99 ms");
  const auto print = [](const std::string& probes, double recall, double rate, const Json& one) {
    std::printf("%8s %10.4f %14s %14s %8.3f %8.3f %8.3f\n", probes.c_str(), recall,
                with_thousands(std::llround(rate)).c_str(),
                with_thousands(std::llround(one["queries/s"].get<double>())).c_str(), one["p50 ms"].get<double>(),
                one["p95 ms"].get<double>(), one["p99 ms"].get<double>());
  };
  for (const Json& point : ivf["points"])
    print(std::to_string(point["probes"].get<std::int64_t>()), point["recall"].get<double>(),
          point["queries/s"].get<double>(), point["one by one"]);
  print("exact", 1, result["top_k over int8 queries/s"].get<double>(), result["exact one by one"]);
}

void run_retrieval(const RetrievalArguments& arguments, const GlobalOptions& global) {
  Bench bench(arguments);
  Json result = bench.exact();
  if (!arguments.ivf) return print_result(global, result);
  result["ivf"] = bench.approximate();
  if (!arguments.html.empty()) storage::write_file(arguments.html, report::recall_page(result));
  if (global.json) return print_result(global, result);
  Json head = result;
  head.erase("ivf");
  head.erase("exact one by one");
  print_result(global, head);
  print_points(result);
}

}  // namespace

void add_bench(CLI::App& app, GlobalOptions& global) {
  auto* bench = app.add_subcommand("bench", "Measure the program on this machine");
  bench->require_subcommand(1);
  auto* retrieval = bench->add_subcommand("retrieval", "Exact and approximate top-k by inner product, on the CPU");
  const auto arguments = std::make_shared<RetrievalArguments>();
  const auto add = [&](const std::string& name, auto& value, const std::string& meaning) {
    return retrieval->add_option(name, value, meaning)->capture_default_str();
  };
  auto* vectors = add("--vectors", arguments->vectors,
                      "Safetensors file of items [n, dim], queries [m, dim] and perhaps bias [n]; else they are drawn")
                      ->check(CLI::ExistingFile);
  add("--lists", arguments->lists, "Write what was found to this safetensors file: rows and scores [queries, k]");
  add("--n", arguments->n, "Items")->excludes(vectors)->check(CLI::Range(1, 100'000'000));
  add("--dim", arguments->dim, "Dimensions")
      ->excludes(vectors)
      ->check(CLI::Range(std::int64_t{1}, kernels::kInt8MaxDim));
  add("--k", arguments->k, "Items to find for every query")->check(CLI::Range(1, 100'000'000));
  add("--queries", arguments->queries, "Queries searched together")->check(CLI::Range(1, 1'000'000));
  add("--threads", arguments->threads, "Threads; 0: all available")->check(CLI::NonNegativeNumber);
  add("--seconds", arguments->seconds, "Time spent on each measurement at least")->check(CLI::PositiveNumber);
  auto* ivf = retrieval->add_flag("--ivf", arguments->ivf, "Also inverted lists: rate against recall");
  add("--n-lists", arguments->n_lists, "About how many lists; 0: by the number of items")
      ->needs(ivf)
      ->check(CLI::NonNegativeNumber);
  add("--probes", arguments->probes, "Numbers of lists to look into")->needs(ivf)->check(CLI::PositiveNumber);
  add("--html", arguments->html, "Draw rate against recall into this file")->needs(ivf);
  retrieval->callback([arguments, &global] { run_retrieval(*arguments, global); });
}

}  // namespace segue::cli
