#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "events/delimited_file.h"
#include "events/event_file.h"
#include "events/row_builder.h"

namespace segue::events {

/// A text file with one sequence a line: items separated by blanks, tabs or commas, in the order they happened. A
/// sequence's id is the number of its line, counted through all files of the source.
class SessionLinesFile : public EventFile {
 public:
  /// @param n_lines  lines of the files before this one; counted on
  SessionLinesFile(const std::filesystem::path& path, RowBuilder& builder, std::int64_t& n_lines);
  bool next(EventTable& table) override;
  [[nodiscard]] std::int64_t bytes_read() const override { return lines_.bytes_read(); }

 private:
  RowBuilder& builder_;
  std::int64_t& n_lines_;
  LineReader lines_;
};

}  // namespace segue::events
