#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/section.h"
#include "events/event_reader.h"
#include "features/feature_pipeline.h"
#include "support/json.h"

namespace segue {

enum class SplitKind { kTime, kLastItem, kLastSequences, kUsers, kFiles };

/// Section `data.items`: files that say something of items, a row an item, in the form of the files of events:
/// features, or when an item is available, or both.
struct ItemFileOptions {
  std::vector<std::string> files;  ///< globs; empty: items are known by their ids alone
  std::string column;              ///< the item's id
  std::vector<features::FeatureOptions> features;
  /// Columns of the first time at which the item can be recommended, and of that from which on it no longer can; empty:
  /// at any time.
  std::string available_from, available_until;
  bool untrained = false;  ///< items of the files without a training event are in the catalogue too
  [[nodiscard]] bool has_intervals() const { return !available_from.empty() || !available_until.empty(); }
  void read(config::Section& section);
};

/// Section `data`: where events are, which columns play which part, filters and split. The configuration is the
/// protocol.
struct DataOptions {
  std::string prepared;             ///< directory of the prepared dataset
  std::vector<std::string> events;  ///< globs; for split.kind files: the training files
  std::vector<std::string>
      validation_events;  ///< split.kind files; empty: the last validation_fraction of training sequences
  std::vector<std::string> test_events;  ///< split.kind files
  events::SourceOptions source;
  std::vector<features::FeatureOptions> features;
  ItemFileOptions items;
  std::int64_t min_sequence_length = 2;  ///< shorter sequences are left out (counted after the item filter)
  std::int64_t max_sequence_length = 0;  ///< longer ones keep their latest events; 0: no limit
  std::int64_t min_item_count = 1;       ///< rarer items (in the training part) become unknown
  SplitKind split = SplitKind::kTime;
  double validation_fraction = 0.1;  ///< time: of the span's events; last_sequences, users and files: of sequences
  double test_fraction = 0.1;
  std::uint64_t split_seed = 42;           ///< users: of the hash that holds sequences out
  std::string validation_from, test_from;  ///< split time as ISO date or number, in place of fractions
  std::int64_t n_partitions = 0;           ///< by sequence hash, on disk; 0: from the size of the input
  void read(config::Section& section);
};

/// Reads the events and writes the prepared dataset, atomically; returns its manifest. Does nothing (and says so) when
/// the directory already holds the same fingerprint of configuration and input files. Memory does not grow with the
/// events.
Json prepare(const DataOptions& options, int n_threads, bool force = false);

}  // namespace segue
