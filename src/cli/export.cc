#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <memory>
#include <span>

#include "cli/command.h"
#include "cli/index_source.h"
#include "cli/run_directory.h"
#include "model_file/bundle.h"
#include "support/errors.h"
#include "support/storage.h"
#include "support/threads.h"
#include "torchscript/author.h"

namespace segue::cli {
namespace {

struct ExportArguments {
  std::string run, out;
  std::vector<std::string> overrides;
  bool overwrite = false;
};

template <class E>
std::string word_of(E value, std::initializer_list<std::pair<E, const char*>> words) {
  for (const auto& [candidate, word] : words) {
    if (candidate == value) return word;
  }
  throw std::invalid_argument("no word for this choice");
}

/// Section `data`, as far as it says how rows of events look: histories come in the same form.
Json form_of_events(const events::SourceOptions& source) {
  using events::Format, events::OnBadRow, events::TimeFormat;
  return {
      {"format", word_of(source.format, {{Format::kAuto, "auto"},
                                         {Format::kCsv, "csv"},
                                         {Format::kTsv, "tsv"},
                                         {Format::kParquet, "parquet"},
                                         {Format::kSessionLines, "session_lines"}})},
      {"delimiter", source.delimiter},
      {"header", source.header},
      {"on_bad_row", word_of(source.on_bad_row, {{OnBadRow::kError, "error"}, {OnBadRow::kSkip, "skip"}})},
      {"time_format", word_of(source.time_format, {{TimeFormat::kAuto, "auto"},
                                                   {TimeFormat::kSeconds, "seconds"},
                                                   {TimeFormat::kMilliseconds, "milliseconds"},
                                                   {TimeFormat::kMinutes, "minutes"},
                                                   {TimeFormat::kDays, "days"},
                                                   {TimeFormat::kIso8601, "iso8601"}})},
      {"columns", {{"sequence", source.sequence_column}, {"item", source.item_column}, {"time", source.time_column}}}};
}

/// A history is never longer than those of training.
Json recommend_defaults(const recommend::RecommendOptions& options, std::int64_t training_length) {
  using recommend::OutputFormat;
  Json json = {{"k", options.k},
               {"hide_seen", options.hide_seen},
               {"carry", options.carry},
               {"allow_list", options.allow_list},
               {"deny_list", options.deny_list},
               {"format", word_of(options.format, {{OutputFormat::kParquet, "parquet"},
                                                   {OutputFormat::kCsv, "csv"},
                                                   {OutputFormat::kJsonLines, "jsonl"}})},
               {"shard_histories", options.shard_histories},
               {"max_length", std::min(options.max_length, training_length)}};
  for (const auto& [feature, values, exclude] : options.where)
    json["where"].push_back({{"feature", feature}, {"values", values}, {"exclude", exclude}});
  if (!options.rerank.bundle.empty())
    json["rerank"] = {{"bundle", options.rerank.bundle}, {"candidates", options.rerank.candidates}};
  return json;
}

/// Section `evaluation` without the file of best-possible predictions, which stays behind.
Json evaluation_defaults(const evaluation::EvaluationOptions& options) {
  Json json = options.to_json();
  json.erase("bayes");
  return json;
}

Json bundle_manifest(const RunDirectory& run) {
  const auto& configuration = run.configuration;
  Json manifest;
  manifest["model"] = {{"kind", configuration.model.kind()}, {"options", configuration.model.to_json()}};
  manifest["features"] = Json::array();
  if (const auto& model = run.model.by_gradient) {  // a filter asks for no features of a history
    for (const auto& spec : model->features()) {
      manifest["features"].push_back({{"name", spec.name},
                                      {"categorical", spec.categorical},
                                      {"n_codes", spec.n_codes},
                                      {"history", spec.history},
                                      {"context", spec.context}});
    }
    for (const auto& spec : model->item_features().specs) {
      manifest["item_features"].push_back({{"name", spec.name},
                                           {"categorical", spec.categorical},
                                           {"n_codes", spec.n_codes},
                                           {"multiple", spec.multiple}});
    }
  }
  manifest["max_length"] = configuration.training.max_length;
  manifest["data"] = form_of_events(configuration.data.source);
  manifest["recommend"] = recommend_defaults(configuration.recommend, configuration.training.max_length);
  if (configuration.index) manifest["index"] = configuration.index->to_json();
  manifest["evaluation"] = evaluation_defaults(configuration.evaluation);
  manifest["trained"] = {{"data_fingerprint", run.dataset.fingerprint()},
                         {"seed", configuration.seed},
                         {"epoch", run.training_state.value("epoch", 0)}};
  if (run.manifest.contains("versions")) manifest["versions"] = run.manifest.at("versions");
  return manifest;
}

template <class T>
model_file::TensorBytes tensor_of(model_file::DType dtype, std::span<const T> numbers) {
  return {dtype,
          {static_cast<std::int64_t>(numbers.size())},
          {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()}};
}

/// What the prepared dataset says of items, as it maps it; of their features only what a model reads.
model_file::ItemTables item_tables(const Dataset& dataset) {
  using model_file::DType;
  model_file::ItemTables items{dataset.item_pipeline(), {}, dataset.available_from_ms(), dataset.available_until_ms()};
  for (const auto& [spec, codes, values, offsets] : dataset.item_features()) {
    items.tables[spec.name] = spec.categorical ? tensor_of(DType::kI32, codes) : tensor_of(DType::kF32, values);
    if (spec.multiple) items.tables[spec.name + ".offsets"] = tensor_of(DType::kI64, offsets);
  }
  return items;
}

/// The vectors that lists are made of, in the order of items.txt.
void put_index(const std::filesystem::path& directory, const Configuration& configuration) {
  const int threads = configuration.threads;
  const IndexSource source = open_index_source(directory, "");
  add_index_to_bundle(directory, source.items, *configuration.index, threads > 0 ? threads : available_threads());
}

struct Weights {
  std::map<std::string, at::Tensor> kept;
  std::map<std::string, model_file::TensorBytes> bytes;
  std::int64_t n_numbers = 0;
};

Weights weights_of(const model_kinds::AnyModel& model) {
  Weights weights;
  if (model.filter) {
    weights.bytes = model.filter->weights();
  } else {
    for (const auto& [name, parameter] : model.by_gradient->parameters()) {
      const auto& tensor = weights.kept[name] = parameter.detach().contiguous();
      weights.bytes[name] = {model_file::DType::kF32,
                             tensor.sizes().vec(),
                             {reinterpret_cast<const char*>(tensor.const_data_ptr<float>()), tensor.nbytes()}};
    }
  }
  for (const auto& [name, tensor] : weights.bytes)
    weights.n_numbers += static_cast<std::int64_t>(tensor.bytes.size() / model_file::size_of(tensor.dtype));
  return weights;
}

void claim(const std::filesystem::path& out, bool overwrite) {
  if (!std::filesystem::exists(out)) return;
  if (!std::filesystem::is_directory(out)) throw UsageError(out.string() + " is a file: name a folder by --out");
  if (std::filesystem::is_empty(out)) return;
  const bool is_bundle =
      std::filesystem::exists(out / "weights.safetensors") && std::filesystem::exists(out / "manifest.json");
  if (!is_bundle) throw UsageError(out.string() + " is not empty and is no bundle: name another folder by --out");
  if (!overwrite) throw UsageError(out.string() + " already holds a bundle: --overwrite replaces it");
}

void run_export(const ExportArguments& arguments, const GlobalOptions& global) {
  claim(arguments.out, arguments.overwrite);
  auto run = open_run(arguments.run, arguments.overrides);
  if (run.configuration.index) {
    const bool has_vectors = run.model.by_gradient || !run.model.filter->item_vectors().empty();
    require_vectors(run.configuration.model.kind(), has_vectors, arguments.run);
  }
  const Weights weights = weights_of(run.model);
  const auto& items = run.dataset.items();
  storage::write_directory_with(arguments.out, [&](const std::filesystem::path& directory) {
    if (run.model.filter) {
      model_file::write_bundle_files(directory, bundle_manifest(run), items, {}, weights.bytes,
                                     item_tables(run.dataset));
    } else {
      torchscript::write_model(*run.model.by_gradient, directory / "model.pt", items.to_text());
      model_file::write_bundle_files(directory, bundle_manifest(run), items, run.dataset.pipeline(), weights.bytes,
                                     item_tables(run.dataset));
    }
    if (run.configuration.index) put_index(directory, run.configuration);
  });
  print_result(global, {{"bundle", arguments.out},
                        {"items", items.size()},
                        {"parameters", weights.n_numbers},
                        {"checkpoint", run.checkpoint.string()}});
}

}  // namespace

void add_export(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<ExportArguments>();
  auto* command = app.add_subcommand("export", "Write the bundle that recommend needs, and model.pt for Python");
  command->add_option("run", arguments->run, "Run directory")->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: any configuration key, for example recommend.k=20");
  command->add_option("--out", arguments->out, "Folder for the bundle")->required();
  command->add_flag("--overwrite", arguments->overwrite, "Replace a bundle that is there");
  command->callback([arguments, &global] { run_export(*arguments, global); });
}

}  // namespace segue::cli
