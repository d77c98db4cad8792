// segue index: builds, changes and searches an index of item vectors.

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/device_choice.h"
#include "cli/index_source.h"
#include "cli/kernel_device.h"
#include "cli/output_folder.h"
#include "item_index/index_writer.h"
#include "item_index/item_index.h"
#include "item_index/npy_file.h"
#include "kernels/device.h"
#include "support/errors.h"
#include "support/progress.h"
#include "support/storage.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

namespace fs = std::filesystem;
using item_index::NpyVectors;

struct IndexArguments {
  std::string source, out, index, vectors, ids, queries, device = "cpu";
  std::vector<std::string> overrides;
  std::int64_t k = 10;
  std::optional<std::int64_t> probes;
  std::optional<double> recall;
  int threads = 0;
  bool overwrite = false;
  [[nodiscard]] int n_threads() const { return threads > 0 ? threads : available_threads(); }
};

Json result_of(const std::string& index, Json facts, const Json& more = Json::object()) {
  Json result = {{"index", index}};
  for (const auto& [key, value] : more.items()) result[key] = value;
  for (const auto& [key, value] : facts.items()) result[key] = value;
  return result;
}

Json build(const IndexArguments& arguments) {
  const auto source = open_index_source(arguments.source, arguments.ids);
  const fs::path out = arguments.out.empty() ? source.out : fs::path(arguments.out);
  if (out.empty()) throw UsageError("name the folder for the index by --out");
  const auto options = source.options(arguments.overrides);
  const kernels::Device device = kernel_device(arguments.device, arguments.n_threads());
  claim_folder(out, item_index::is_index(out), "an index", arguments.overwrite);
  std::optional<NpyVectors> queries;
  if (!arguments.queries.empty()) queries.emplace(arguments.queries);
  const auto manifest = item_index::build_index(out, source.items, options, arguments.n_threads(),
                                                queries ? queries->view() : kernels::MatrixView<const float>{}, device);
  if (manifest.calibration.is_object() && manifest.calibration.at("queries") == "items")
    log_info("probes were chosen by items for want of queries: --queries FILE.npy names some that users ask");
  return result_of(out.string(), index_facts(manifest));
}

Json add(const IndexArguments& arguments) {
  const NpyVectors vectors(arguments.vectors);
  item_index::NewItems items;
  items.vectors = vectors.view();
  items.origin = arguments.vectors;
  if (!arguments.ids.empty()) items.ids = item_index::read_npy_ids(arguments.ids);
  const auto change = item_index::add_items(arguments.index, items, arguments.n_threads());
  return result_of(arguments.index, index_facts(change.manifest),
                   {{"added", change.n_added}, {"replaced", change.n_replaced}});
}

Json remove(const IndexArguments& arguments) {
  const auto change = item_index::remove_items(arguments.index, item_index::read_npy_ids(arguments.ids));
  return result_of(arguments.index, index_facts(change.manifest), {{"removed", change.n_removed}});
}

Json compact(const IndexArguments& arguments) {
  const auto change = item_index::compact_index(arguments.index, arguments.n_threads(),
                                                kernel_device(arguments.device, arguments.n_threads()));
  return result_of(arguments.index, index_facts(change.manifest));
}

constexpr const char* kIdsFile = "ids.npy";
constexpr const char* kScoresFile = "scores.npy";

Json search(const IndexArguments& arguments) {
  const auto started = std::chrono::steady_clock::now();
  const kernels::Device device = kernel_device(arguments.device, arguments.n_threads());
  const auto index = item_index::ItemIndex::open(arguments.index);
  const NpyVectors file(arguments.queries);
  const auto queries = file.view();
  if (queries.n_cols != index.dim())
    throw DataError(arguments.queries + ": its vectors have " + std::to_string(queries.n_cols) +
                    " dimensions, those of " + arguments.index + " have " + std::to_string(index.dim()));
  const fs::path out = arguments.out;
  claim_folder(out, fs::exists(out / kIdsFile) && fs::exists(out / kScoresFile), "lists", arguments.overwrite);

  constexpr std::int64_t kScoresPerBlock = 1 << 22;
  const std::int64_t k = arguments.k;
  double recall = 1;
  const std::int64_t per_block = std::clamp<std::int64_t>(kScoresPerBlock / k, 64, 4096);
  storage::write_directory_with(out, [&](const fs::path& aside) {
    item_index::NpyOutput all_ids(aside / kIdsFile, item_index::NpyType::kInt64, queries.n_rows, k);
    item_index::NpyOutput all_scores(aside / kScoresFile, item_index::NpyType::kFloat32, queries.n_rows, k);
    Progress progress("searching", queries.n_rows, "queries");
    std::vector<float> scores;
    std::vector<std::int64_t> ids;
    const item_index::SearchOptions options{
        .k = k, .probes = arguments.probes, .recall = arguments.recall, .device = device};
    for (std::int64_t first = 0; first < queries.n_rows; first += per_block) {
      const auto n = std::min(per_block, queries.n_rows - first);
      scores.resize(static_cast<std::size_t>(n * k));
      ids.resize(scores.size());
      recall = std::min(recall, index.search({queries.row(first), n, queries.n_cols}, options, {scores.data(), n, k},
                                             {ids.data(), n, k}));
      all_ids.append({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(ids[0])});
      all_scores.append({reinterpret_cast<const char*>(scores.data()), scores.size() * sizeof(scores[0])});
      progress.advance(n);
    }
    all_ids.close();
    all_scores.close();
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  Json result = {{"out", out.string()}, {"queries", queries.n_rows}, {"k", k}, {"seconds", seconds}};
  if (arguments.recall) result["expected_recall"] = recall;
  return result;
}

}  // namespace

void add_index(CLI::App& app, GlobalOptions& global) {
  auto* index = app.add_subcommand("index", "Build, change and search an index of item vectors");
  index->require_subcommand(1);
  const auto arguments = std::make_shared<IndexArguments>();
  const auto add_command = [&](const char* name, const char* description, Json (*run)(const IndexArguments&)) {
    auto* command = index->add_subcommand(name, description);
    command->callback([arguments, run, &global] { print_result(global, run(*arguments)); });
    return command;
  };
  const auto threads = [&](CLI::App* command) {
    command->add_option("--threads", arguments->threads, "Threads; 0: all available")->check(CLI::NonNegativeNumber);
  };
  const auto device = [&](CLI::App* command, const char* what) {
    command->add_option("--device", arguments->device, what)->check([](const std::string& name) {
      return is_device_name(name) ? std::string() : "'" + name + "' is none of cpu, auto, cuda, cuda:0, cuda:1, ...";
    });
  };
  constexpr const char* kWhereListsAreMade =
      "index.kind=ivf: where items find their lists: cpu, or a GPU, which makes the same: cuda, cuda:1, ..., or auto";
  const auto directory = [&](CLI::App* command) {
    command->add_option("index", arguments->index, "Folder of the index")->required();
  };

  auto* built = add_command("build", "Make an index of vectors in a .npy file, or of the items of a bundle", build);
  built
      ->add_option("source", arguments->source, ".npy file of floating-point vectors [n, dim], a row each, or a bundle")
      ->required();
  built->add_option("overrides", arguments->overrides, "key=value: index.*, for example index.dtype=float32");
  built->add_option("--out", arguments->out, "Folder for the index; of a bundle: its folder index, by default");
  built->add_option("--ids", arguments->ids, ".npy file of the vectors' ids [n]; else they are numbered from 0");
  built->add_option("--queries", arguments->queries,
                    "index.kind=ivf: .npy file of sample queries [m, dim] to choose probes by; else items are taken");
  built->add_flag("--overwrite", arguments->overwrite, "Replace an index that is there");
  device(built, kWhereListsAreMade);
  threads(built);

  auto* added = add_command("add", "Add vectors; one whose id is there already takes its place", add);
  directory(added);
  added->add_option("vectors", arguments->vectors, ".npy file of vectors [n, dim]")->required();
  added->add_option("--ids", arguments->ids, ".npy file of their ids [n]; else they are numbered on from the largest");
  threads(added);

  auto* removed = add_command("remove", "Remove items; all of them or, if one is unknown, none", remove);
  directory(removed);
  removed->add_option("--ids", arguments->ids, ".npy file of ids [n]")->required();

  auto* compacted = add_command("compact", "Rewrite an index that was changed as if it had just been built", compact);
  directory(compacted);
  device(compacted, kWhereListsAreMade);
  threads(compacted);

  auto* searched = add_command("search", "Find the best items of every query", search);
  directory(searched);
  searched->add_option("queries", arguments->queries, ".npy file of queries [n, dim]")->required();
  searched
      ->add_option(
          "--out", arguments->out,
          "Folder for ids.npy and scores.npy, [n, k] each: best first; id -1, score -inf where there is no more item")
      ->required();
  searched->add_option("--k", arguments->k, "Items for every query")->check(CLI::Range(1, 100'000'000));
  searched
      ->add_option("--probes", arguments->probes,
                   "Lists to look into; 0: the exact scan; else as the index was calibrated")
      ->check(CLI::NonNegativeNumber);
  searched
      ->add_option("--recall", arguments->recall,
                   "On a GPU: by one pass over all items that keeps this share of each list in expectation; what is "
                   "expected is printed. On a CPU lists are exact")
      ->check(CLI::Range(1e-3, 1.0))
      ->excludes("--probes");
  device(searched, "cpu, or a GPU, with the same results: cuda, cuda:1, ..., or auto: one where there is one");
  searched->add_flag("--overwrite", arguments->overwrite, "Replace lists that are there");
  threads(searched);
}

}  // namespace segue::cli
