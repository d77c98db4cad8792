#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "events/event_table.h"
#include "features/vocabulary.h"

namespace segue::dataset {

/// Rows spread over files on disk by the hash of their sequence, so that each file holds whole sequences and fits in
/// memory. Items and texts are numbered in the order met; what those numbers mean stays in memory.
class Partitions {
 public:
  /// @param requests  columns that every table brings, beside sequence, item and time
  /// @param id_per_part  sequences of different parts are different even when they share an id
  Partitions(std::filesystem::path folder, std::int64_t n, std::vector<events::ColumnRequest> requests, bool has_times,
             bool id_per_part);
  void append(const events::EventTable& table, Part part);
  void finish();  ///< no more rows follow

  /// The sequences of one partition in the order of their first row; their events in order of (time, input).
  struct Loaded {
    std::vector<std::int64_t> begins;               ///< [n_sequences + 1]
    events::StringColumn ids;                       ///< [n_sequences]
    std::vector<Part> parts;                        ///< [n_sequences], of the files they came from
    std::vector<std::int32_t> items;                ///< [n_events], numbers of items()
    std::vector<std::int64_t> inputs;               ///< [n_events], number of the row in the input
    std::vector<std::int64_t> times_ms;             ///< [n_events], or empty
    std::vector<std::vector<std::int64_t>> extras;  ///< a column: number of a text, bits of a double, or a time
    [[nodiscard]] std::size_t n_sequences() const { return parts.size(); }
  };
  /// @throws DataError  a sequence that stands in several parts
  [[nodiscard]] Loaded load(std::int64_t partition) const;
  /// The features' columns of the events, as a reader would have given them.
  [[nodiscard]] events::EventTable table(const Loaded& loaded) const;

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(files_.size()); }
  [[nodiscard]] std::int64_t n_rows() const { return n_rows_; }
  [[nodiscard]] const features::Vocabulary& items() const { return items_; }

 private:
  std::filesystem::path folder_;
  std::vector<events::ColumnRequest> requests_;
  bool has_times_, id_per_part_;
  std::vector<std::string> buffers_;
  std::vector<std::filesystem::path> files_;
  features::Vocabulary items_;
  std::vector<features::Vocabulary> texts_;  // one a column; empty for numbers and times
  std::int64_t n_rows_ = 0;
  void flush(std::size_t partition);
};

}  // namespace segue::dataset
