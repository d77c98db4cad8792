#include "dataset/prepare.h"

#include <algorithm>

namespace segue {

void ItemFileOptions::read(config::Section& section) {
  section.read("files", files,
               {.meaning = "files of items, by name or glob, in the form of the events' files; a row an item"});
  section.read("column", column, {.meaning = "column of the item; empty: as data.columns.item"});
  features.clear();
  for (auto& entry :
       section.list("features", "what is read of an item; a model sees it of past events, never of the target")) {
    features.emplace_back().read_of_item(entry);
    const auto same = [&](const auto& other) { return other.name == features.back().name; };
    if (std::any_of(features.begin(), features.end() - 1, same))
      entry.fail("name", "another feature of items is called '" + features.back().name + "'; give each its own name");
  }
  section.read("available_from", available_from,
               {.meaning = "column of the first time at which the item can be recommended; an empty cell: from ever"});
  section.read(
      "available_until", available_until,
      {.meaning = "column of the time from which on the item no longer can be recommended; an empty cell: never."
                  " Only items that are available at the time of an event are candidates for it"});
  section.read("untrained", untrained,
               {.meaning = "items of the files that no training event has are in the catalogue too, known by their "
                           "features alone"});
  if (files.empty() && untrained) section.fail("untrained", "needs data.items.files, which list the items");
  if (files.empty() && !features.empty() && section.has("features"))
    section.fail("files", "missing; name the files that hold data.items.features, or remove those");
  if (files.empty() && has_intervals())
    section.fail("files", "missing; name the files that hold data.items.available_from and available_until");
  if (!files.empty() && features.empty() && !has_intervals() && !untrained)
    section.fail("features", "missing; name what to read of the files, or remove data.items");
}

void DataOptions::read(config::Section& data) {
  data.read("prepared", prepared, {.meaning = "directory of the prepared dataset", .required = true});
  data.read("events", events,
            {.meaning = "files of events, by name or glob; with split.kind files: those to train on"});
  data.read(
      "validation_events", validation_events,
      {.meaning =
           "split.kind files: files to validate on; none: the last validation_fraction of the training sequences"});
  data.read("test_events", test_events, {.meaning = "split.kind files: files to test on"});
  source.read(data);
  features.clear();
  for (auto& entry : data.list("features", "what is read of an event beside its item"))
    features.emplace_back().read(entry);
  auto described = data.section("items", "what is known of items, beside the events");
  items.read(described);
  if (items.column.empty()) items.column = source.item_column;
  if (!items.files.empty() && items.column.empty()) described.fail("column", "missing; name the column of the item");
  if (source.time_column.empty()) {
    const auto is_age = [](const auto& feature) { return feature.kind == features::FeatureKind::kAge; };
    if (std::any_of(items.features.begin(), items.features.end(), is_age))
      described.fail("features", "an age is measured at the last training event, and so needs data.columns.time");
    if (items.has_intervals())
      described.fail(items.available_from.empty() ? "available_until" : "available_from",
                     "which items are available depends on when events happen, and so needs data.columns.time");
  }
  auto filters = data.section("filters", "which sequences and items are kept");
  filters.read(
      "min_sequence_length", min_sequence_length,
      {.meaning = "shorter sequences are left out; events of unknown items count", .unit = "events", .low = 1});
  filters.read("max_sequence_length", max_sequence_length,
               {.meaning = "longer sequences keep their latest events; 0: no limit", .unit = "events", .low = 0});
  filters.read(
      "min_item_count", min_item_count,
      {.meaning = "items rarer than this in the training part become the unknown item", .unit = "events", .low = 1});
  if (items.untrained && min_item_count > 1)
    filters.fail("min_item_count",
                 "data.items.untrained keeps every item that its files list: leave min_item_count at 1");
  auto parts = data.section("split", "which events train, validate and test");
  parts.read_choice(
      "kind", split,
      {{"time", SplitKind::kTime},
       {"last_item", SplitKind::kLastItem},
       {"last_sequences", SplitKind::kLastSequences},
       {"users", SplitKind::kUsers},
       {"files", SplitKind::kFiles}},
      {.meaning =
           "time: the latest events test, those before validate; last_item: the last event of each sequence tests,"
           " the one before validates (leaks the future); last_sequences: whole sequences, by their last event;"
           " users: whole sequences at random, by a hash of their id (leaks the future);"
           " files: validation_events and test_events"});
  parts.read("validation_fraction", validation_fraction,
             {.meaning = "of the events (time) or sequences (last_sequences, users, files)",
              .unit = "share",
              .low = 0,
              .high = 0.9});
  parts.read(
      "test_fraction", test_fraction,
      {.meaning = "of the events (time) or sequences (last_sequences, users)", .unit = "share", .low = 0, .high = 0.9});
  parts.read("seed", split_seed,
             {.meaning = "users: which ones are held out; the same id goes to the same part, whatever else is there"});
  parts.read("validation_from", validation_from, {.meaning = "time: validation begins here, in place of the fraction"});
  parts.read("test_from", test_from, {.meaning = "time: the test begins here, in place of the fraction"});
  data.read("n_partitions", n_partitions,
            {.meaning = "files on disk among which sequences are spread while preparing; 0: from the size of the input",
             .low = 0,
             .high = 4096});
  if (data.has("events") && split == SplitKind::kTime && source.time_column.empty()) {
    parts.fail(
        "kind",
        "a split by time needs data.columns.time; without times choose last_sequences, users, last_item or files");
  }
  if (data.has("events") && validation_fraction + test_fraction >= 1 && split != SplitKind::kFiles) {
    parts.fail("test_fraction",
               "validation_fraction and test_fraction leave nothing to train on; their sum must be below 1");
  }
}

}  // namespace segue
