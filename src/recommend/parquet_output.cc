#include "recommend/parquet_output.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "support/errors.h"

namespace segue::recommend {
namespace {

std::int64_t to_integer(std::string_view id) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), value);
  if (error != std::errc() || end != id.data() + id.size()) {
    throw DataError("the id '" + std::string(id) + "' is not an integer, though all others were");
  }
  return value;
}

}  // namespace

ParquetOutput::ParquetOutput(const std::filesystem::path& file, std::vector<std::shared_ptr<arrow::Field>> fields)
    : file_(file), schema_(arrow::schema(std::move(fields))) {
  auto stream = arrow::io::FileOutputStream::Open(file.string());
  check(stream.status());
  stream_ = *stream;
  parquet::WriterProperties::Builder properties;
  properties.compression(parquet::Compression::SNAPPY);
  auto writer = parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), stream_, properties.build());
  check(writer.status());
  writer_ = std::move(*writer);
}

void ParquetOutput::check(const arrow::Status& status) const {
  if (!status.ok()) throw DataError("cannot write " + file_.string() + ": " + status.message());
}

std::shared_ptr<arrow::Array> ParquetOutput::take(arrow::ArrayBuilder& builder) const {
  std::shared_ptr<arrow::Array> array;
  check(builder.Finish(&array));
  return array;
}

void ParquetOutput::write(const std::vector<std::shared_ptr<arrow::Array>>& columns) {
  const auto n_rows = columns.front()->length();
  if (n_rows == 0) return;
  check(writer_->WriteTable(*arrow::Table::Make(schema_, columns, n_rows), n_rows));
}

void ParquetOutput::close() {
  check(writer_->Close());
  check(stream_->Close());
}

std::shared_ptr<arrow::Field> IdColumn::field(const char* name) const {
  return arrow::field(name, is_integer_ ? arrow::int64() : arrow::utf8(), false);
}

void IdColumn::append(std::string_view id, const ParquetOutput& output) {
  output.check(is_integer_ ? numbers_.Append(to_integer(id)) : texts_.Append(id));
}

arrow::ArrayBuilder& IdColumn::builder() {
  if (is_integer_) return numbers_;
  return texts_;
}

}  // namespace segue::recommend
