#include "dataset/input_files.h"

#include <algorithm>

#include "events/event_reader.h"
#include "support/errors.h"

namespace segue::dataset {

namespace fs = std::filesystem;

std::vector<fs::path> InputFiles::events() const {
  std::vector<fs::path> files;
  for (const auto& part : of_part) files.insert(files.end(), part.begin(), part.end());
  return files;
}

InputFiles find_files(const DataOptions& options) {
  InputFiles files;
  if (options.events.empty()) throw ConfigError("data.events: missing; name the files of events");
  files.of_part[0] = events::expand_globs(options.events);
  if (options.split == SplitKind::kFiles) {
    if (!options.validation_events.empty()) files.of_part[1] = events::expand_globs(options.validation_events);
    if (!options.test_events.empty()) files.of_part[2] = events::expand_globs(options.test_events);
  } else if (!options.validation_events.empty() || !options.test_events.empty()) {
    throw ConfigError(
        "data.validation_events and data.test_events belong to data.split.kind: files; set that, or remove them");
  }
  auto sorted = files.events();
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) throw ConfigError("data: " + twice->string() + " is named for two parts");
  if (options.items.files.empty() != (options.items.features.empty() && !options.items.has_intervals()))
    throw ConfigError(
        "data.items needs files, and features or intervals (available_from, available_until); name both, or neither");
  if (!options.items.files.empty()) files.of_items = events::expand_globs(options.items.files);
  return files;
}

/// Rough size of the events as rows on disk, to choose the number of partitions.
std::int64_t choose_partitions(const DataOptions& options, const InputFiles& input) {
  if (options.n_partitions > 0) return options.n_partitions;
  std::int64_t bytes = 0;
  for (const auto& file : input.events()) {
    const auto size = static_cast<std::int64_t>(fs::file_size(file));
    const auto extension = file.extension();
    bytes +=
        extension == ".gz" || extension == ".zst" || extension == ".zstd" || extension == ".parquet" ? 6 * size : size;
  }
  constexpr std::int64_t kPartitionBytes = std::int64_t{12} << 20;
  return std::clamp<std::int64_t>(bytes / kPartitionBytes, 1, 1024);
}

std::vector<events::ColumnRequest> columns_of_events(const features::FeaturePipeline& pipeline,
                                                     const events::SourceOptions& source) {
  auto columns = pipeline.columns();
  if (!source.reward_column.empty()) columns.push_back({source.reward_column, events::ColumnType::kAmount});
  return columns;
}

}  // namespace segue::dataset
