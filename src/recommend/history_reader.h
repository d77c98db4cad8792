#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "events/event_reader.h"
#include "features/feature_pipeline.h"
#include "features/vocabulary.h"
#include "support/ids.h"

namespace segue::recommend {

/// Whole histories, ready for the model: rows sorted by time within each, features computed by the bundle's pipeline.
struct HistoryChunk {
  struct History {
    std::size_t begin = 0;     ///< first row
    std::size_t n_events = 0;  ///< rows with an item (at least one: an empty history gets the unknown item)
    bool has_request = false;  ///< one row more: the context of the event to predict
    bool was_empty = false;
    std::int64_t request_ms = events::kMissingTime;  ///< of the request row, else of the latest event
  };
  events::EventTable table;
  std::vector<ItemRow> items;  ///< [rows]; n_items for unknown ones and for the request row
  std::vector<features::FeatureColumn> features;
  std::vector<History> histories;
  std::int64_t n_unknown = 0;
};

/// Cuts a stream of rows into chunks of whole histories.
class HistoryReader {
 public:
  HistoryReader(std::vector<std::filesystem::path> files, events::SourceOptions source,
                const features::FeaturePipeline& pipeline, const features::Vocabulary& items,
                const std::vector<std::string>& carry);
  /// The next chunk of up to `max_histories` histories; false at the end.
  bool next(HistoryChunk& chunk, std::int64_t max_histories);
  [[nodiscard]] const events::EventReader& reader() const { return reader_; }
  /// Columns read beside sequence, item and time.
  [[nodiscard]] const std::vector<events::ColumnRequest>& requests() const { return requests_; }
  /// Where column `carry[i]` stands in the table's columns.
  [[nodiscard]] const std::vector<std::size_t>& carried_columns() const { return carried_; }

 private:
  bool refill();
  void take_history(std::size_t begin, std::size_t end, HistoryChunk& chunk);
  std::vector<events::ColumnRequest> requests_;
  std::vector<std::size_t> carried_;
  events::EventReader reader_;
  const features::FeaturePipeline& pipeline_;
  const features::Vocabulary& vocabulary_;
  events::EventTable pending_;  ///< rows read and not yet handed out, from `position_`
  std::size_t position_ = 0;
  bool at_end_ = false;
};

}  // namespace segue::recommend
