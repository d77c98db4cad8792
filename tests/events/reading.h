#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "events/event_reader.h"

namespace segue::events {

inline SourceOptions three_columns() {
  SourceOptions options;
  options.sequence_column = "user";
  options.item_column = "item";
  options.time_column = "time";
  return options;
}

/// All rows of a reader as "sequence/item/time|column|column", empty marks for missing ones.
inline std::vector<std::string> rows_of(EventReader& reader) {
  std::vector<std::string> rows;
  EventTable table;
  while (reader.next(table)) {
    for (std::size_t i = 0; i < table.n_rows; ++i) {
      std::string row = std::string(table.sequence[i]) + "/" + std::string(table.item[i]);
      if (!table.times_ms.empty()) row += "/" + std::to_string(table.times_ms[i]);
      for (const auto& column : table.columns) {
        row += "|";
        if (column.type == ColumnType::kText) row += column.text[i];
        if (column.type == ColumnType::kNumber && column.numbers[i] == column.numbers[i])
          row += std::to_string(column.numbers[i]);
        if (column.type == ColumnType::kTime && column.times_ms[i] != kMissingTime)
          row += std::to_string(column.times_ms[i]);
      }
      rows.push_back(row);
    }
  }
  return rows;
}

inline std::vector<std::string> rows_of(const std::vector<std::filesystem::path>& files, const SourceOptions& options,
                                        const std::vector<ColumnRequest>& columns = {}) {
  EventReader reader(files, options, columns);
  return rows_of(reader);
}

/// What an action throws, as text; empty when nothing.
template <class E, class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  }
  return {};
}

}  // namespace segue::events
