#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace segue::dataset {

enum class ValueType { kInt32, kInt64, kFloat, kText, kInt32List };

/// A column on its way to an Arrow file: its bytes are gathered in a plain file, so that memory does not grow with its
/// length.
class ColumnWriter {
 public:
  /// @param scratch  where the bytes lie until write_arrow_file(); the name of the column names the file
  ColumnWriter(const std::filesystem::path& scratch, std::string name, ValueType type);
  void append(std::span<const std::int32_t> values);
  void append(std::span<const std::int64_t> values);
  void append(std::span<const float> values);
  void append(std::string_view text);                       ///< one value of a text column
  void append_list(std::span<const std::int32_t> numbers);  ///< one value of a column of lists

 private:
  friend void write_arrow_file(const std::filesystem::path&, std::vector<ColumnWriter>);
  std::string name_;
  ValueType type_;
  std::filesystem::path path_, ends_path_;
  std::ofstream bytes_, ends_;
  std::int64_t n_ = 0, n_bytes_ = 0;
  [[nodiscard]] bool has_ends() const { return type_ == ValueType::kText || type_ == ValueType::kInt32List; }
  void write_end(std::int64_t end);
  void write(const void* data, std::size_t n_bytes);
};

/// Writes the columns, all of one length, as an Arrow IPC file with a single record batch, so that each is one piece of
/// memory when mapped; then deletes what they gathered.
void write_arrow_file(const std::filesystem::path& path, std::vector<ColumnWriter> columns);

/// An Arrow IPC file with a single record batch, memory-mapped; nothing is copied.
class MappedColumns {
 public:
  /// @throws DataError  not such a file, or truncated
  explicit MappedColumns(const std::filesystem::path& path);
  ~MappedColumns();
  MappedColumns(MappedColumns&&) noexcept;
  MappedColumns& operator=(MappedColumns&&) noexcept;
  [[nodiscard]] std::int64_t n_rows() const;
  [[nodiscard]] bool has(const std::string& name) const;
  // DataError when the column is missing or of another type.
  [[nodiscard]] std::span<const std::int32_t> int32(const std::string& name) const;
  [[nodiscard]] std::span<const std::int64_t> int64(const std::string& name) const;
  [[nodiscard]] std::span<const float> float32(const std::string& name) const;
  /// Value `row` of the text column is bytes [ends[row], ends[row + 1]).
  struct Text {
    std::span<const std::int64_t> ends;
    std::string_view bytes;
  };
  [[nodiscard]] Text text(const std::string& name) const;
  /// Value `row` of the column of lists is numbers [ends[row], ends[row + 1]).
  struct Lists {
    std::span<const std::int64_t> ends;
    std::span<const std::int32_t> numbers;
  };
  [[nodiscard]] Lists int32_lists(const std::string& name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::dataset
