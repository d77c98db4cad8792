#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "dataset/prepare.h"

namespace segue::dataset {

/// The files of events by the part they belong to (all are training files unless the split is by files), and those of
/// items.
struct InputFiles {
  std::array<std::vector<std::filesystem::path>, 3> of_part;  ///< by Part
  std::vector<std::filesystem::path> of_items;
  [[nodiscard]] std::vector<std::filesystem::path> events() const;  ///< of all parts
};

/// @throws ConfigError  a file named for two parts, parts that the split does not know, item files without features or
/// features without files; DataError  no file matches a glob
InputFiles find_files(const DataOptions& options);

/// Among how many files on disk to spread the sequences: data.n_partitions, or from the rough size of the events as
/// rows.
std::int64_t choose_partitions(const DataOptions& options, const InputFiles& files);

/// What is read of an event beside sequence, item and time: the columns of its features, then the reward's.
std::vector<events::ColumnRequest> columns_of_events(const features::FeaturePipeline& pipeline,
                                                     const events::SourceOptions& source);

}  // namespace segue::dataset
