#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace segue::events {

/// A column of strings without one allocation a value.
class StringColumn {
 public:
  void push_back(std::string_view value) {
    bytes_.append(value);
    ends_.push_back(static_cast<std::int64_t>(bytes_.size()));
  }
  [[nodiscard]] std::string_view operator[](std::size_t row) const {
    const auto begin = row == 0 ? 0 : ends_[row - 1];
    return std::string_view(bytes_).substr(static_cast<std::size_t>(begin),
                                           static_cast<std::size_t>(ends_[row] - begin));
  }
  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }

 private:
  std::string bytes_;
  std::vector<std::int64_t> ends_;
};

/// What a column holds once read.
enum class ColumnType {
  kText,
  kNumber,
  kTime,
  kAmount  ///< a finite number >= 0, also as a float, that is never missing: another value makes a bad row
};

/// A column that the reader was asked for, beside sequence, item and time.
struct Column {
  std::string name;
  ColumnType type = ColumnType::kText;
  StringColumn text;                   ///< kText: [n_rows]; empty means missing
  std::vector<double> numbers;         ///< kNumber, kAmount: [n_rows]; NaN means missing
  std::vector<std::int64_t> times_ms;  ///< kTime: [n_rows], ms since 1970 UTC; kMissingTime means missing
};
inline constexpr std::int64_t kMissingTime = INT64_MIN;

/// A block of events as read, columns side by side, in input order. Ids are kept as text; `*_is_integer` of the source
/// says whether they were integers, so that they go back out as they came in. A block of items (RowKind::kItem) has no
/// sequences and no times.
struct EventTable {
  std::size_t n_rows = 0;
  StringColumn sequence;  ///< [n_rows]
  StringColumn item;      ///< [n_rows]; empty only when the source allows it (the request row of a history)
  std::vector<std::int64_t> times_ms;  ///< [n_rows], or empty without a time column: input order is then the order
  std::vector<Column> columns;         ///< in the order asked for
  std::vector<std::int64_t> rows;      ///< [n_rows], row in its file, from 1, the header not counted
  int file = 0;                        ///< which file of the source the block came from
};

}  // namespace segue::events
