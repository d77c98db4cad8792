#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "events/event_reader.h"
#include "features/feature_pipeline.h"
#include "features/vocabulary.h"
#include "support/ids.h"

namespace segue::recommend {

/// By what a model reads rows of histories: the vocabulary and the transforms of its bundle.
struct InputForm {
  const features::Vocabulary& items;
  const features::FeaturePipeline& pipeline;
};

/// What a model reads of rows of histories.
struct ModelInput {
  std::vector<ItemRow> items;  ///< [rows]; n_items for unknown ones and for the request row
  std::vector<features::FeatureColumn> features;
  std::int64_t n_unknown = 0;
};

/// Whole histories, ready for models: rows sorted by time within each, and what each of the models reads of them.
struct HistoryChunk {
  struct History {
    std::size_t begin = 0;     ///< first row
    std::size_t n_events = 0;  ///< rows with an item (at least one: an empty history gets the unknown item)
    bool has_request = false;  ///< one row more: the context of the event to predict
    bool was_empty = false;
    std::int64_t request_ms = events::kMissingTime;  ///< of the request row, else of the latest event
  };
  events::EventTable table;
  std::vector<History> histories;
  std::vector<ModelInput> inputs;  ///< one for each of the reader's forms: the model's, then that of the re-ranker
};

/// Cuts a stream of rows into chunks of whole histories.
class HistoryReader {
 public:
  /// @param forms  of the models; what they refer to must outlive the reader
  /// @throws ConfigError  features are read from the time of events, but `source` names no time column
  HistoryReader(std::vector<std::filesystem::path> files, const events::SourceOptions& source,
                std::vector<InputForm> forms, const std::vector<std::string>& carry);
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
  std::vector<InputForm> forms_;
  events::EventTable pending_;  ///< rows read and not yet handed out, from `position_`
  std::size_t position_ = 0;
  bool at_end_ = false;
};

}  // namespace segue::recommend
