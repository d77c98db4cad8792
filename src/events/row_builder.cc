#include "events/row_builder.h"

#include <cmath>
#include <limits>
#include <utility>

#include "events/text_values.h"
#include "support/errors.h"

namespace segue::events {
namespace {

constexpr std::size_t kExamples = 10;

std::string expected_time(TimeFormat format) {
  switch (format) {
    case TimeFormat::kAuto: return "an ISO date, an ISO date and time, or seconds since 1970";
    case TimeFormat::kIso8601: return "an ISO date such as 2016-08-13 or 2016-08-13T10:05:30Z";
    case TimeFormat::kSeconds: return "a number of seconds since 1970";
    case TimeFormat::kMilliseconds: return "a number of milliseconds since 1970";
    case TimeFormat::kMinutes: return "a number of minutes since 1970";
    case TimeFormat::kDays: return "a number of days since 1970";
  }
  return {};
}

}  // namespace

RowBuilder::RowBuilder(SourceOptions options, std::vector<ColumnRequest> columns, RowKind kind)
    : options_(std::move(options)), columns_(std::move(columns)), kind_(kind), item_(kind == RowKind::kItem ? 0 : 1) {
  if (kind != RowKind::kItem) names_ = {options_.sequence_column};
  names_.push_back(options_.item_column);
  types_.assign(names_.size(), ColumnType::kText);
  if (!options_.time_column.empty()) {
    names_.push_back(options_.time_column);
    types_.push_back(ColumnType::kTime);
  }
  first_extra_ = names_.size();
  for (const auto& column : columns_) {
    names_.push_back(column.name);
    types_.push_back(column.type);
  }
  numbers_.resize(names_.size());
  times_.resize(names_.size());
}

void RowBuilder::start_file(const std::filesystem::path& file) { file_ = file.string(); }

void RowBuilder::start_block(EventTable& table, int file_index) const {
  table.n_rows = 0;
  table.sequence.clear();
  table.item.clear();
  table.times_ms.clear();
  table.rows.clear();
  table.file = file_index;
  table.columns.resize(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto& column = table.columns[i];
    column.name = columns_[i].name;
    column.type = columns_[i].type;
    column.text.clear();
    column.numbers.clear();
    column.times_ms.clear();
  }
}

void RowBuilder::reject(Place place, const std::string& column, const std::string& problem) {
  std::string message = file_ + ", row " + std::to_string(place.row);
  if (place.line > 0) message += " (line " + std::to_string(place.line) + ")";
  if (!column.empty()) message += ", column '" + column + "'";
  message += ": " + problem;
  if (options_.on_bad_row == OnBadRow::kError) {
    throw DataError(message + ". Correct the row, or leave such rows out with data.on_bad_row: skip");
  }
  ++skipped_.n;
  if (skipped_.examples.size() < kExamples) skipped_.examples.push_back(std::move(message));
}

bool RowBuilder::convert(Place place, std::size_t cell, const Cell& value) {
  if (types_[cell] == ColumnType::kText) {
    if (!value.text.empty() || !is_id(cell) || (cell == item_ && kind_ == RowKind::kHistory)) return true;
    reject(place, names_[cell],
           std::string("empty id; every ") + (kind_ == RowKind::kItem ? "item" : "event") + " needs one");
    return false;
  }
  if (types_[cell] == ColumnType::kTime) {
    if (value.kind == Cell::Kind::kTime) {
      times_[cell] = value.time_ms;
    } else if (value.kind == Cell::Kind::kText && value.text.empty()) {
      times_[cell] = kMissingTime;
    } else {
      const auto time = value.kind == Cell::Kind::kText ? parse_time(value.text, options_.time_format)
                                                        : time_from_number(value.number, options_.time_format);
      if (!time) {
        const auto shown = value.kind == Cell::Kind::kText ? quoted(value.text) : std::to_string(value.number);
        reject(place, names_[cell],
               shown + " is not a time; expected " + expected_time(options_.time_format) + " (data.time_format)");
        return false;
      }
      times_[cell] = *time;
    }
    if (times_[cell] == kMissingTime && cell < first_extra_) {
      reject(place, names_[cell], "empty time; every event needs one");
      return false;
    }
    return true;
  }
  if (value.kind == Cell::Kind::kNumber) {
    numbers_[cell] = value.number;
  } else if (value.text.empty()) {
    numbers_[cell] = std::numeric_limits<double>::quiet_NaN();
  } else if (const auto number = parse_number(value.text)) {
    numbers_[cell] = *number;
  } else {
    reject(place, names_[cell], quoted(value.text) + " is not a number");
    return false;
  }
  return types_[cell] != ColumnType::kAmount || check_amount(place, cell, value);
}

bool RowBuilder::check_amount(Place place, std::size_t cell, const Cell& value) {
  const double amount = numbers_[cell];
  if (amount >= 0 && std::isfinite(static_cast<float>(amount))) return true;
  const bool is_missing = value.kind == Cell::Kind::kText && value.text.empty();
  const auto shown = value.kind == Cell::Kind::kText ? quoted(value.text) : std::to_string(amount);
  reject(place, names_[cell], (is_missing ? "empty" : shown) + "; expected a finite number >= 0");
  return false;
}

void RowBuilder::append(Place place, std::span<const Cell> cells, EventTable& table) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!convert(place, i, cells[i])) return;
  }
  const auto item = cells[item_].text;
  if (kind_ == RowKind::kItem) {
    if (!listed_.emplace(item).second) {
      reject(place, names_[item_], "item " + quoted(item) + " was listed before; the files need one row an item");
      return;
    }
  } else {
    const auto sequence = cells[0].text;
    if (sequence_is_integer_) sequence_is_integer_ = is_canonical_integer(sequence);
    table.sequence.push_back(sequence);
  }
  if (item_is_integer_ && !item.empty()) item_is_integer_ = is_canonical_integer(item);
  table.item.push_back(item);
  if (first_extra_ > item_ + 1) table.times_ms.push_back(times_[item_ + 1]);
  for (std::size_t i = first_extra_; i < cells.size(); ++i) {
    auto& column = table.columns[i - first_extra_];
    switch (types_[i]) {
      case ColumnType::kText: column.text.push_back(cells[i].text); break;
      case ColumnType::kNumber:
      case ColumnType::kAmount: column.numbers.push_back(numbers_[i]); break;
      case ColumnType::kTime: column.times_ms.push_back(times_[i]); break;
    }
  }
  table.rows.push_back(place.row);
  ++table.n_rows;
}

void RowBuilder::mark_string_ids(std::size_t cell) {
  if (cell < item_) sequence_is_integer_ = false;
  if (cell == item_) {
    item_is_integer_ = false;
    item_column_is_string_ = true;
  }
}

}  // namespace segue::events
