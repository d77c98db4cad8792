// segue bench retrieval: exact search on this machine, checked against the definition before it is timed.

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "kernels/top_k.h"
#include "model_file/safetensors.h"
#include "support/errors.h"
#include "support/random.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

struct RetrievalArguments {
  std::int64_t n = 100'000, dim = 64, k = 100, queries = 256;
  int threads = 0;
  double seconds = 1;
  std::string vectors, lists;
};

/// Items and queries to search among, in memory or mapped from a file.
struct Vectors {
  kernels::MatrixView<const float> items, queries;
  const float* bias = nullptr;
  std::vector<float> made;
  std::unique_ptr<model_file::SafetensorsFile> file;
};

Vectors synthetic_vectors(const RetrievalArguments& arguments) {
  Vectors vectors;
  Random random(42, 0);
  vectors.made.resize(static_cast<std::size_t>((arguments.n + arguments.queries) * arguments.dim));
  std::generate(vectors.made.begin(), vectors.made.end(), [&] { return static_cast<float>(random.normal()); });
  vectors.items = {vectors.made.data(), arguments.n, arguments.dim};
  vectors.queries = {vectors.made.data() + arguments.n * arguments.dim, arguments.queries, arguments.dim};
  return vectors;
}

Vectors read_vectors(const RetrievalArguments& arguments) {
  Vectors vectors;
  vectors.file = std::make_unique<model_file::SafetensorsFile>(arguments.vectors);
  const auto matrix = [&](const std::string& name, std::int64_t dim) -> kernels::MatrixView<const float> {
    const auto& tensor = vectors.file->expect(name, model_file::DType::kF32, {-1, dim});
    return {reinterpret_cast<const float*>(tensor.bytes.data()), tensor.shape[0], tensor.shape[1]};
  };
  vectors.items = matrix("items", -1);
  vectors.queries = matrix("queries", vectors.items.n_cols);
  vectors.queries.n_rows = std::min(vectors.queries.n_rows, arguments.queries);
  if (vectors.items.n_rows == 0 || vectors.queries.n_rows == 0)
    throw DataError(arguments.vectors + ": no items, or no queries");
  if (vectors.items.n_cols > kernels::kInt8MaxDim)
    throw DataError(arguments.vectors + ": vectors have more than 16,384 dimensions, the most that an int8 copy takes");
  if (vectors.file->tensors().contains("bias"))
    vectors.bias = reinterpret_cast<const float*>(
        vectors.file->expect("bias", model_file::DType::kF32, {vectors.items.n_rows}).bytes.data());
  return vectors;
}

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
  using Clock = std::chrono::steady_clock;
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

Json measure(const RetrievalArguments& arguments) {
  const kernels::Device cpu{kernels::Device::Kind::kCpu,
                            arguments.threads == 0 ? available_threads() : arguments.threads, nullptr};
  const kernels::Device reference{kernels::Device::Kind::kReference, 1, nullptr};
  const Vectors vectors = arguments.vectors.empty() ? synthetic_vectors(arguments) : read_vectors(arguments);
  const std::int64_t n = vectors.items.n_rows, dim = vectors.items.n_cols, k = arguments.k;
  const std::int64_t n_queries = vectors.queries.n_rows;
  const kernels::ItemMatrix plain{vectors.items, vectors.bias, nullptr};
  kernels::ItemMatrix scanned = plain;
  kernels::Int8ItemArrays arrays;
  const double builds =
      best_rate(0, [&] { arrays = kernels::make_int8_items(vectors.items, vectors.bias, cpu.n_threads); });
  const kernels::Int8Items int8 = arrays.view();
  scanned.int8 = &int8;

  Lists lists;
  const auto search = [&](const kernels::ItemMatrix& items, std::int64_t n_searched, const kernels::Device& device) {
    lists.scores.resize(static_cast<std::size_t>(n_searched * k));
    lists.rows.resize(lists.scores.size());
    kernels::top_k({vectors.queries.data, n_searched, dim}, items, {}, k, {lists.scores.data(), n_searched, k},
                   {lists.rows.data(), n_searched, k}, device);
    return lists;
  };
  const auto n_checked = std::min<std::int64_t>(n_queries, 4);
  if (search(scanned, n_checked, cpu) != search(plain, n_checked, reference) ||
      search(scanned, n_queries, cpu) != search(plain, n_queries, cpu)) {
    throw NumericError(
        "top_k differs from its definition on this machine: report this with the output of segue doctor");
  }
  if (!arguments.lists.empty()) write_lists(lists, n_queries, k, arguments.lists);

  const double seconds = arguments.seconds;
  const double per_query = 2 * static_cast<double>(n) * static_cast<double>(dim) * 1e-9;
  const auto rate_of = [&](const kernels::ItemMatrix& items) {
    return best_rate(seconds,
                     [&] {
                       kernels::top_k(vectors.queries, items, {}, k, {lists.scores.data(), n_queries, k},
                                      {lists.rows.data(), n_queries, k}, cpu);
                     }) *
           static_cast<double>(n_queries);
  };
  const double int8_rate = rate_of(scanned);
  const double plain_rate = rate_of(plain);
  // As ranking does: blocks whose scores fit in some tens of megabytes.
  const std::int64_t block = std::clamp<std::int64_t>((std::int64_t{1} << 24) / n, 1, n_queries);
  std::vector<float> all(static_cast<std::size_t>(block * n));
  const double score_rate =
      static_cast<double>(block) * best_rate(seconds, [&] {
        kernels::score_all({vectors.queries.data, block, dim}, plain, {all.data(), block, n}, cpu);
      });
  return {{"n", n},
          {"dim", dim},
          {"k", k},
          {"queries", n_queries},
          {"threads", cpu.n_threads},
          {"equal to the definition", true},
          {"int8 copy s", 1 / builds},
          {"top_k over int8 queries/s", int8_rate},
          {"top_k queries/s", plain_rate},
          {"top_k GFLOP/s", plain_rate * per_query},
          {"score_all queries/s", score_rate},
          {"score_all GFLOP/s", score_rate * per_query}};
}

}  // namespace

void add_bench(CLI::App& app, GlobalOptions& global) {
  auto* bench = app.add_subcommand("bench", "Measure the program on this machine");
  bench->require_subcommand(1);
  auto* retrieval = bench->add_subcommand("retrieval", "Exact top-k by inner product, on the CPU");
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
  retrieval->callback([arguments, &global] { print_result(global, measure(*arguments)); });
}

}  // namespace segue::cli
