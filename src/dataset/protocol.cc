#include "dataset/protocol.h"

#include "dataset/prepared_format.h"
#include "support/storage.h"

namespace segue::dataset {
namespace {

const char* name_of(SplitKind kind) {
  switch (kind) {
    case SplitKind::kTime: return "time";
    case SplitKind::kLastItem: return "last_item";
    case SplitKind::kLastSequences: return "last_sequences";
    case SplitKind::kFiles: return "files";
  }
  return "";
}

}  // namespace

Json protocol_of(const DataOptions& options) {
  Json split = {{"kind", name_of(options.split)}};
  if (options.split != SplitKind::kLastItem) {
    if (options.validation_from.empty()) split["validation_fraction"] = options.validation_fraction;
    if (options.split != SplitKind::kFiles && options.test_from.empty()) split["test_fraction"] = options.test_fraction;
    if (!options.validation_from.empty()) split["validation_from"] = options.validation_from;
    if (!options.test_from.empty()) split["test_from"] = options.test_from;
  }
  Json features = Json::array();
  for (const auto& feature : options.features) features.push_back(feature.name);
  return {{"split", std::move(split)},
          {"min_sequence_length", options.min_sequence_length},
          {"max_sequence_length", options.max_sequence_length},
          {"min_item_count", options.min_item_count},
          {"features", std::move(features)}};
}

std::string source_of(const DataOptions& options, const std::vector<std::filesystem::path>& files) {
  const auto& source = options.source;
  Json features = Json::array();
  for (const auto& f : options.features) {
    features.push_back({f.name, static_cast<int>(f.kind), f.column, f.until, f.context, f.history, f.min_count,
                        f.n_buckets, f.max_value});
  }
  Json inputs = Json::array();
  for (const auto& file : files) {
    inputs.push_back({std::filesystem::absolute(file).lexically_normal().string(), std::filesystem::file_size(file),
                      std::filesystem::last_write_time(file).time_since_epoch().count()});
  }
  const Json all = {{"version", kVersion},
                    {"protocol", protocol_of(options)},
                    {"columns", {source.sequence_column, source.item_column, source.time_column}},
                    {"form",
                     {static_cast<int>(source.format), source.delimiter, source.header,
                      static_cast<int>(source.on_bad_row), static_cast<int>(source.time_format)}},
                    {"features", std::move(features)},
                    {"globs", {options.events.size(), options.validation_events, options.test_events}},
                    {"n_partitions", options.n_partitions},
                    {"inputs", std::move(inputs)}};
  return storage::checksum(all.dump());
}

}  // namespace segue::dataset
