#include "events/event_reader.h"

#include <utility>

#include "events/byte_stream.h"
#include "events/delimited_file.h"
#include "events/parquet_file.h"
#include "events/row_builder.h"
#include "events/session_lines_file.h"
#include "support/errors.h"

namespace segue::events {
namespace {

Format format_by_name(const std::filesystem::path& path) {
  const auto extension = uncompressed_name(path).extension();
  if (extension == ".csv") return Format::kCsv;
  if (extension == ".tsv") return Format::kTsv;
  if (extension == ".parquet" && path.extension() == ".parquet") return Format::kParquet;
  throw DataError(path.string() +
                  ": the name does not tell the format (.csv, .tsv or .parquet, then .gz or .zst); set data.format");
}

}  // namespace

struct EventReader::State {
  std::vector<std::filesystem::path> files;
  RowBuilder builder;
  std::size_t at = 0;  // the file being read, or to be opened
  std::unique_ptr<EventFile> file;
  std::vector<std::int64_t> file_bytes;
  std::int64_t bytes_total = 0, bytes_done = 0, n_session_lines = 0;

  State(std::vector<std::filesystem::path> paths, SourceOptions options, std::vector<ColumnRequest> columns,
        RowKind kind)
      : files(std::move(paths)), builder(std::move(options), std::move(columns), kind) {
    for (const auto& path : files) {
      std::error_code missing;
      const auto bytes = std::filesystem::file_size(path, missing);
      if (missing) throw DataError(path.string() + ": cannot be read: " + missing.message());
      file_bytes.push_back(static_cast<std::int64_t>(bytes));
      bytes_total += file_bytes.back();
    }
  }

  void open() {
    const auto& path = files[at];
    const auto& options = builder.options();
    builder.start_file(path);
    const auto format = options.format == Format::kAuto ? format_by_name(path) : options.format;
    switch (format) {
      case Format::kParquet: file = std::make_unique<ParquetFile>(path, builder); break;
      case Format::kSessionLines: file = std::make_unique<SessionLinesFile>(path, builder, n_session_lines); break;
      default: {
        const char usual = format == Format::kTsv ? '\t' : ',';
        file = std::make_unique<DelimitedFile>(path, options.delimiter.empty() ? usual : options.delimiter[0], builder);
      }
    }
  }
};

EventReader::EventReader(std::vector<std::filesystem::path> files, SourceOptions options,
                         std::vector<ColumnRequest> columns, RowKind kind) {
  if (kind == RowKind::kItem) {
    if (options.format == Format::kSessionLines)
      throw ConfigError("data.format session_lines has no columns, which files of items need; use csv, tsv or parquet");
    if (options.item_column.empty()) throw ConfigError("data.items.column must name the column of the item");
    options.sequence_column.clear();
    options.time_column.clear();
  } else if (options.format == Format::kSessionLines) {
    if (!options.time_column.empty() || !columns.empty()) {
      throw ConfigError(
          "data.format session_lines has items only: remove data.columns.time, data.columns.reward and data.features, "
          "or"
          " use csv");
    }
  } else if (options.sequence_column.empty() || options.item_column.empty()) {
    throw ConfigError("data.columns.sequence and data.columns.item must name columns of the events");
  }
  if (options.delimiter.size() > 1)
    throw ConfigError("data.delimiter must be one character, got '" + options.delimiter + "'");
  state_ = std::make_unique<State>(std::move(files), std::move(options), std::move(columns), kind);
}

EventReader::~EventReader() = default;

bool EventReader::next(EventTable& table) {
  auto& s = *state_;
  while (s.at < s.files.size()) {
    s.builder.start_block(table, static_cast<int>(s.at));
    if (!s.file) s.open();
    if (s.file->next(table)) return true;
    s.file.reset();
    s.bytes_done += s.file_bytes[s.at++];
  }
  s.builder.start_block(table, static_cast<int>(s.files.empty() ? 0 : s.files.size() - 1));
  return false;
}

const SkippedRows& EventReader::skipped() const { return state_->builder.skipped(); }
bool EventReader::item_is_integer() const { return state_->builder.item_is_integer(); }
bool EventReader::sequence_is_integer() const { return state_->builder.sequence_is_integer(); }
bool EventReader::item_column_is_string() const { return state_->builder.item_column_is_string(); }
std::int64_t EventReader::bytes_total() const { return state_->bytes_total; }
std::int64_t EventReader::bytes_read() const {
  return state_->bytes_done + (state_->file ? state_->file->bytes_read() : 0);
}

}  // namespace segue::events
