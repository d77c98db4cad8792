#include "dataset/protocol.h"

#include <filesystem>
#include <vector>

#include "dataset/prepared_format.h"
#include "support/storage.h"

namespace segue::dataset {
namespace {

const char* name_of(SplitKind kind) {
  switch (kind) {
    case SplitKind::kTime: return "time";
    case SplitKind::kLastItem: return "last_item";
    case SplitKind::kLastSequences: return "last_sequences";
    case SplitKind::kUsers: return "users";
    case SplitKind::kFiles: return "files";
  }
  return "";
}

/// Everything that a feature's transform depends on.
Json described(const std::vector<features::FeatureOptions>& features) {
  Json list = Json::array();
  for (const auto& f : features) {
    list.push_back({f.name, static_cast<int>(f.kind), f.column, f.until, f.context, f.history, f.min_count, f.n_buckets,
                    f.max_value});
    if (f.kind == features::FeatureKind::kCategories) list.back().push_back(f.separator);
  }
  return list;
}

Json described(const std::vector<std::filesystem::path>& files) {
  Json list = Json::array();
  for (const auto& file : files) {
    list.push_back({std::filesystem::absolute(file).lexically_normal().string(), std::filesystem::file_size(file),
                    std::filesystem::last_write_time(file).time_since_epoch().count()});
  }
  return list;
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
  if (options.split == SplitKind::kUsers) split["seed"] = options.split_seed;
  Json features = Json::array();
  for (const auto& feature : options.features) features.push_back(feature.name);
  Json protocol = {{"split", std::move(split)},
                   {"min_sequence_length", options.min_sequence_length},
                   {"max_sequence_length", options.max_sequence_length},
                   {"min_item_count", options.min_item_count},
                   {"features", std::move(features)}};
  for (const auto& feature : options.items.features) protocol["item_features"].push_back(feature.name);
  if (!options.source.reward_column.empty()) protocol["rewards"] = true;
  if (options.items.has_intervals()) protocol["available_items_only"] = true;
  if (options.items.untrained) protocol["untrained_items"] = true;
  return protocol;
}

int version_of(const DataOptions& options) {
  if (options.items.has_intervals()) return kVersion;
  return options.items.features.empty() ? kVersionWithoutItemFeatures : kVersionWithoutIntervals;
}

std::string source_of(const DataOptions& options, const InputFiles& files) {
  const auto& source = options.source;
  const bool has_items = !options.items.files.empty();
  Json all = {{"version", version_of(options)},
              {"protocol", protocol_of(options)},
              {"columns", {source.sequence_column, source.item_column, source.time_column}},
              {"form",
               {static_cast<int>(source.format), source.delimiter, source.header, static_cast<int>(source.on_bad_row),
                static_cast<int>(source.time_format)}},
              {"features", described(options.features)},
              {"globs", {options.events.size(), options.validation_events, options.test_events}},
              {"n_partitions", options.n_partitions},
              {"inputs", described(files.events())}};
  // Only where there is something to say: datasets prepared before item features existed stay up to date.
  if (has_items) {
    all["items"] = {{"column", options.items.column},
                    {"features", described(options.items.features)},
                    {"inputs", described(files.of_items)}};
  }
  if (options.items.untrained) all["untrained"] = true;
  if (options.items.has_intervals()) all["available"] = {options.items.available_from, options.items.available_until};
  if (!source.reward_column.empty()) all["reward"] = source.reward_column;
  return storage::checksum(all.dump());
}

}  // namespace segue::dataset
