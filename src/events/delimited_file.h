#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "events/byte_stream.h"
#include "events/event_file.h"
#include "events/row_builder.h"

namespace segue::events {

/// Text lines of a stream, found in a sliding buffer. A line stays valid until the next call.
class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path);
  /// The next line without its end; false at the end of the stream.
  bool next(std::string_view& line);
  /// Lengthens the line just returned by the next one (a quoted value may hold line ends); false at the end.
  bool extend(std::string_view& line);
  [[nodiscard]] std::int64_t line_number() const { return line_number_; }  ///< of the line returned, from 1
  [[nodiscard]] std::int64_t bytes_read() const { return stream_.file_position(); }

 private:
  std::string path_;
  ByteStream stream_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, next_ = 0, end_ = 0;  // the line at hand, what follows it, and the bytes there are
  std::int64_t line_number_ = 0;
  bool at_end_ = false;
  bool fill();
  bool find_end(std::size_t from, std::string_view& line);
};

/// CSV, TSV and other files of one row a line (RFC 4180 quotes; a blank as delimiter stands for any run of blanks and
/// has no quotes). It splits lines itself instead of using Arrow's CSV reader: each fault is named by row and column,
/// and bad rows are skipped one by one, without reading a block twice.
class DelimitedFile : public EventFile {
 public:
  DelimitedFile(const std::filesystem::path& path, char delimiter, RowBuilder& builder);
  bool next(EventTable& table) override;
  [[nodiscard]] std::int64_t bytes_read() const override { return lines_.bytes_read(); }

 private:
  std::string path_;
  char delimiter_;
  RowBuilder& builder_;
  LineReader lines_;
  std::vector<std::size_t> columns_;  // column in the file of each cell
  std::size_t n_columns_ = 0;
  std::int64_t row_ = 0;
  bool pending_ = false;  // the first line, read to count the columns, is a row
  std::string_view line_;
  std::vector<std::string_view> fields_;
  std::vector<Cell> cells_;
  std::string unquoted_;  // bytes of values that held doubled quotes
  void open();
  void find_columns(const std::vector<std::string>& names);
  bool next_line();
  bool split(std::string& problem);
  bool split_quoted(std::string& problem);
};

}  // namespace segue::events
