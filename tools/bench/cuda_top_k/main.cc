// Top-k on the CUDA device: lists are compared with the CPU's first, then searches are timed by events. A line of JSON
// for each result, so that what was measured stays when a later search fails or hangs. tools/check/gpu runs it.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "kernels/device.h"
#include "tools/bench/cuda_top_k/case.h"
#include "tools/bench/cuda_top_k/floors.h"
#include "tools/bench/cuda_top_k/vectors.h"

namespace segue::bench {
namespace {

using kernels::DType;

struct Options {
  std::int64_t n_items = 1'000'000;
  std::vector<std::int64_t> dims = {128, 64, 256};
  std::vector<std::int64_t> queries = {1, 64, 1024, 8192};
  std::vector<std::int64_t> ks = {10, 100, 1000};
  std::vector<std::string> forms = {"bfloat16:bfloat16", "float32:float32", "float32:int8",  "float16:float16",
                                    "float32:bfloat16",  "int8:int8",       "float32:plain", "bfloat16:plain"};
  std::int64_t n_checked = 3;
  double seconds_in_all = 1e9;
  TimeLimits limits;
  bool no_floors = false;
  std::int64_t floor_bytes = std::int64_t{1} << 30;
  int floor_steps = 4096;
};

void print(const nlohmann::json& line) { std::cout << line.dump() << std::endl; }

void print_floors(const Options& options) {
  const DeviceNumbers numbers = device_numbers();
  print({{"kind", "device"},
         {"compute_capability", numbers.compute_capability},
         {"processors", numbers.n_processors},
         {"clock_khz", numbers.clock_khz},
         {"shared_bytes", numbers.shared_bytes},
         {"l2_bytes", numbers.l2_bytes}});
  print({{"kind", "floor"}, {"what", "copy"}, {"gb_s", copy_gb_s(options.floor_bytes, 20)}});
  for (const DType dtype : {DType::kBFloat16, DType::kFloat16, DType::kFloat32, DType::kInt8})
    print({{"kind", "floor"},
           {"what", "mma.sync"},
           {"dtype", kernels::name_of(dtype)},
           {"tflop_s", mma_sync_tflop_s(dtype, options.floor_steps, 10)}});
}

/// All searches of one form in one dimension. Whether every list was right.
bool run_form(const Options& options, const Form& form, const std::vector<float>& rows,
              const std::vector<float>& queries, std::int64_t dim, const std::function<double()>& seconds_left) {
  nlohmann::json line = {{"kind", "top_k"}, {"form", form.name()}, {"n", options.n_items}, {"dim", dim}};
  Case made(form, rows, dim, queries);
  line["device_bytes"] = made.device_bytes();
  bool all_right = true;
  double ms_a_query = 0;  // of the largest number of queries so far
  for (const std::int64_t n_queries : options.queries) {
    for (const std::int64_t k : options.ks) {
      if (k > options.n_items) continue;
      line["queries"] = n_queries;
      line["k"] = k;
      nlohmann::json result = line;
      const double expected_s = ms_a_query * static_cast<double>(n_queries) * 1e-3;
      if (expected_s > options.limits.most_seconds_of_one || expected_s > seconds_left()) {
        result["skipped"] = "would take " + std::to_string(expected_s) + " s";
      } else {
        const Outcome outcome = made.run(queries, n_queries, k, options.n_checked, options.limits);
        if (n_queries > 1) ms_a_query = outcome.ms / static_cast<double>(n_queries);
        result["ms"] = outcome.ms;
        result["ms_least"] = outcome.ms_least;
        result["ms_in_a_row"] = outcome.ms_in_a_row;
        result["repeats"] = outcome.n_repeats;
        result["equal"] = outcome.differs.empty();
        if (!outcome.differs.empty()) result["differs"] = outcome.differs;
        all_right = all_right && outcome.differs.empty();
      }
      print(result);
    }
  }
  return all_right;
}

int run(const Options& options) {
  if (kernels::cuda_device_count() == 0) {
    print({{"kind", "skipped"}, {"reason", "no CUDA device"}});
    return 0;
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds_left = [&] {
    return options.seconds_in_all - std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  if (!options.no_floors) print_floors(options);
  std::vector<Form> forms;
  for (const std::string& text : options.forms) forms.push_back(parse_form(text));
  bool all_right = true;
  for (const std::int64_t dim : options.dims) {
    const std::vector<float> rows = gaussian(options.n_items, dim, 1);
    const std::vector<float> queries =
        gaussian(*std::max_element(options.queries.begin(), options.queries.end()), dim, 2);
    for (const Form& form : forms) {
      if (seconds_left() <= 0) {
        print({{"kind", "skipped"}, {"form", form.name()}, {"dim", dim}, {"reason", "no time left"}});
        continue;
      }
      try {
        all_right = run_form(options, form, rows, queries, dim, seconds_left) && all_right;
      } catch (const std::exception& error) {
        print({{"kind", "error"}, {"form", form.name()}, {"dim", dim}, {"what", error.what()}});
        all_right = false;
      }
    }
  }
  return all_right ? 0 : 1;
}

}  // namespace
}  // namespace segue::bench

int main(int argc, char** argv) {
  segue::bench::Options options;
  CLI::App app("Top-k on the CUDA device: checked against the CPU, then timed; a line of JSON a result");
  app.add_option("--n", options.n_items, "items");
  app.add_option("--dims", options.dims);
  app.add_option("--queries", options.queries);
  app.add_option("--k", options.ks);
  app.add_option("--forms", options.forms, "ITEMS:NOMINATORS or ITEMS:plain, dtypes");
  app.add_option("--check-queries", options.n_checked, "queries of each search that are compared with the CPU");
  app.add_option("--seconds", options.limits.seconds, "of repeats of each search");
  app.add_option("--repeats", options.limits.n_least, "of each search at least");
  app.add_option("--most-seconds", options.limits.most_seconds_of_one,
                 "longer searches are not repeated, or not begun");
  app.add_option("--seconds-in-all", options.seconds_in_all, "after which nothing more is begun");
  app.add_option("--floor-bytes", options.floor_bytes, "of the copy");
  app.add_option("--floor-steps", options.floor_steps, "of products of mma.sync");
  app.add_flag("--no-floors", options.no_floors, "leave out the rates of copies and of mma.sync");
  CLI11_PARSE(app, argc, argv);
  try {
    return segue::bench::run(options);
  } catch (const std::exception& error) {
    std::cerr << "cuda_top_k: " << error.what() << '\n';
    return 1;
  }
}
