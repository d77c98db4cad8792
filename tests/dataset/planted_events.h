#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/prepare.h"
#include "support/storage.h"
#include "tests/events/scratch_folder.h"

namespace segue {

/// Ten events of four sequences, in no order of time: (user, item, time in s, price, country).
inline const char* const kPlantedEvents =
    "user,item,time,price,country\n"
    "b,7,20,2,it\n"
    "a,5,10,1,de\n"
    "b,5,15,4,it\n"
    "a,7,30,3,de\n"
    "c,9,40,5,fr\n"
    "a,5,30,6,de\n"
    "d,7,1,9,xx\n"
    "b,9,50,8,it\n"
    "c,11,60,7,fr\n"
    "c,5,70,2,it\n";

inline DataOptions planted_options(const ScratchFolder& folder, const std::string& text = kPlantedEvents) {
  DataOptions options;
  options.prepared = (folder / "prepared").string();
  options.events = {folder.write("events.csv", text).string()};
  options.source.sequence_column = "user";
  options.source.item_column = "item";
  options.source.time_column = "time";
  options.source.time_format = events::TimeFormat::kSeconds;
  features::FeatureOptions price, country;
  price.name = "price";
  price.kind = features::FeatureKind::kNumber;
  country.name = "country";
  options.features = {price, country};
  options.validation_fraction = 0.2;
  options.test_fraction = 0.2;
  return options;
}

/// A sequence as "id: items of training | validation | test", items by their ids, "?" for the unknown one.
inline std::vector<std::string> sequences_of(const Dataset& dataset) {
  std::vector<std::string> lines;
  for (std::int64_t s = 0; s < dataset.n_sequences(); ++s) {
    const auto bounds = dataset.bounds(s);
    std::string line = std::string(dataset.sequence_id(s)) + ":";
    for (auto e = bounds.begin; e < bounds.end; ++e) {
      if (e == bounds.train_end) line += " |";
      if (e == bounds.valid_end) line += " |";
      const auto row = dataset.item_rows()[static_cast<std::size_t>(e)];
      line += " " + (row == dataset.n_items() ? "?" : std::string(dataset.items().id(row)));
    }
    if (bounds.end == bounds.train_end) line += " |";
    if (bounds.end == bounds.valid_end) line += " |";
    lines.push_back(line);
  }
  return lines;
}

inline std::string content_of(const std::filesystem::path& directory) {
  std::string sums;
  for (const auto* name : {"events.arrow", "sequences.arrow", "items.arrow", "items.txt", "features.json",
                           "item_features.arrow", "item_features.json"}) {
    if (std::filesystem::exists(directory / name)) sums += storage::file_checksum(directory / name) + " ";
  }
  return sums;
}

}  // namespace segue
