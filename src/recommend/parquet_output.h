#pragma once

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace segue::recommend {

/// A Parquet file that is written a row group at a time. Failures are DataErrors naming the file.
class ParquetOutput {
 public:
  /// @param file  aside (storage::write_file_with, write_directory_with)
  ParquetOutput(const std::filesystem::path& file, std::vector<std::shared_ptr<arrow::Field>> fields);
  /// What a builder or a writer of Arrow's says.
  void check(const arrow::Status& status) const;
  /// What a builder holds, which is then empty.
  [[nodiscard]] std::shared_ptr<arrow::Array> take(arrow::ArrayBuilder& builder) const;
  /// Writes a row group; nothing where the columns are empty.
  void write(const std::vector<std::shared_ptr<arrow::Array>>& columns);
  void close();

 private:
  std::filesystem::path file_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::io::FileOutputStream> stream_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

/// A column of ids: int64 where they came as integers, else text.
class IdColumn {
 public:
  explicit IdColumn(bool is_integer) : is_integer_(is_integer) {}
  [[nodiscard]] std::shared_ptr<arrow::Field> field(const char* name) const;
  /// @throws DataError  an id that is no integer, though all others were
  void append(std::string_view id, const ParquetOutput& output);
  [[nodiscard]] arrow::ArrayBuilder& builder();

 private:
  bool is_integer_;
  arrow::Int64Builder numbers_;
  arrow::StringBuilder texts_;
};

}  // namespace segue::recommend
