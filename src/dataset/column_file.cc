#include "dataset/column_file.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <sys/mman.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "support/errors.h"
#include "support/storage.h"

namespace segue::dataset {
namespace {

std::shared_ptr<arrow::DataType> arrow_type(ValueType type) {
  switch (type) {
    case ValueType::kInt32: return arrow::int32();
    case ValueType::kInt64: return arrow::int64();
    case ValueType::kFloat: return arrow::float32();
    case ValueType::kText: return arrow::large_utf8();
    case ValueType::kInt32List: return arrow::large_list(arrow::field("item", arrow::int32(), false));
  }
  return nullptr;
}

/// A file whose pages leave memory as soon as they are copied from a map: gathered columns are larger than memory
/// should be.
class ForgetfulOutput : public arrow::io::OutputStream {
 public:
  explicit ForgetfulOutput(std::shared_ptr<arrow::io::FileOutputStream> file) : file_(std::move(file)) {}
  arrow::Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  arrow::Result<std::int64_t> Tell() const override { return file_->Tell(); }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, std::int64_t n) override {
    constexpr std::int64_t kPiece = std::int64_t{8} << 20;
    const auto* at = static_cast<const char*>(data);
    if (n <= kPiece) return file_->Write(at, n);
    for (std::int64_t done = 0; done < n; done += kPiece) {
      const auto piece = std::min(kPiece, n - done);
      ARROW_RETURN_NOT_OK(file_->Write(at + done, piece));
      // Large buffers are maps of gathered columns, which begin at a page; pieces are whole pages but the last.
      if (piece == kPiece) madvise(const_cast<char*>(at + done), static_cast<std::size_t>(piece), MADV_DONTNEED);
    }
    return arrow::Status::OK();
  }

 private:
  std::shared_ptr<arrow::io::FileOutputStream> file_;
};

void check(const arrow::Status& status, const std::filesystem::path& path) {
  if (!status.ok()) throw DataError(path.string() + ": cannot be written: " + status.message());
}

}  // namespace

ColumnWriter::ColumnWriter(const std::filesystem::path& scratch, std::string name, ValueType type)
    : name_(std::move(name)), type_(type) {
  std::filesystem::create_directories(scratch);
  // Names are the user's words and may hold anything: a number names the file.
  std::size_t number = 0;
  do {
    path_ = scratch / ("column" + std::to_string(number++));
  } while (std::filesystem::exists(path_));
  bytes_.open(path_, std::ios::binary);
  if (has_ends()) {
    ends_path_ = path_;
    ends_path_ += ".ends";
    ends_.open(ends_path_, std::ios::binary);
    write_end(0);
  }
  write(nullptr, 0);
}

void ColumnWriter::write(const void* data, std::size_t n_bytes) {
  if (n_bytes > 0) bytes_.write(static_cast<const char*>(data), static_cast<std::streamsize>(n_bytes));
  n_bytes_ += static_cast<std::int64_t>(n_bytes);
  if (!bytes_ || (has_ends() && !ends_)) {
    throw DataError(path_.string() + ": cannot be written; is there space left on the device?");
  }
}

void ColumnWriter::write_end(std::int64_t end) { ends_.write(reinterpret_cast<const char*>(&end), sizeof end); }

void ColumnWriter::append(std::span<const std::int32_t> values) {
  n_ += static_cast<std::int64_t>(values.size());
  write(values.data(), values.size_bytes());
}

void ColumnWriter::append(std::span<const std::int64_t> values) {
  n_ += static_cast<std::int64_t>(values.size());
  write(values.data(), values.size_bytes());
}

void ColumnWriter::append(std::span<const float> values) {
  n_ += static_cast<std::int64_t>(values.size());
  write(values.data(), values.size_bytes());
}

void ColumnWriter::append(std::string_view text) {
  ++n_;
  write_end(n_bytes_ + static_cast<std::int64_t>(text.size()));
  write(text.data(), text.size());
}

void ColumnWriter::append_list(std::span<const std::int32_t> numbers) {
  ++n_;
  write_end(n_bytes_ / static_cast<std::int64_t>(sizeof(std::int32_t)) + static_cast<std::int64_t>(numbers.size()));
  write(numbers.data(), numbers.size_bytes());
}

void write_arrow_file(const std::filesystem::path& path, std::vector<ColumnWriter> columns) {
  std::vector<storage::MappedFile> maps;
  const auto mapped = [&](const std::filesystem::path& file, std::int64_t n_bytes) {
    if (n_bytes == 0) return std::make_shared<arrow::Buffer>(nullptr, 0);
    maps.emplace_back(file);
    const auto bytes = maps.back().bytes();
    return std::make_shared<arrow::Buffer>(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                           static_cast<std::int64_t>(bytes.size()));
  };
  std::vector<std::shared_ptr<arrow::Field>> fields;
  std::vector<std::shared_ptr<arrow::ArrayData>> arrays;
  std::int64_t n_rows = columns.empty() ? 0 : columns.front().n_;
  for (auto& column : columns) {
    column.bytes_.close();
    if (column.has_ends()) column.ends_.close();
    if (!column.bytes_ || (column.has_ends() && !column.ends_)) {
      throw DataError(column.path_.string() + ": cannot be written; is there space left on the device?");
    }
    if (column.n_ != n_rows) throw std::logic_error("write_arrow_file: columns of different lengths");
    fields.push_back(arrow::field(column.name_, arrow_type(column.type_), false));
    std::vector<std::shared_ptr<arrow::Buffer>> buffers = {nullptr};
    if (column.has_ends()) buffers.push_back(mapped(column.ends_path_, (n_rows + 1) * 8));
    const auto values = mapped(column.path_, column.n_bytes_);
    if (column.type_ == ValueType::kInt32List) {
      const auto n_numbers = column.n_bytes_ / static_cast<std::int64_t>(sizeof(std::int32_t));
      const auto numbers = arrow::ArrayData::Make(arrow::int32(), n_numbers, {nullptr, values}, 0);
      arrays.push_back(arrow::ArrayData::Make(arrow_type(column.type_), n_rows, std::move(buffers), {numbers}, 0));
      continue;
    }
    buffers.push_back(values);
    arrays.push_back(arrow::ArrayData::Make(arrow_type(column.type_), n_rows, std::move(buffers), 0));
  }
  const auto schema = arrow::schema(fields);
  const auto batch = arrow::RecordBatch::Make(schema, n_rows, arrays);
  auto file = arrow::io::FileOutputStream::Open(path.string());
  check(file.status(), path);
  auto output = std::make_shared<ForgetfulOutput>(*file);
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.alignment = 64;
  auto writer = arrow::ipc::MakeFileWriter(output, schema, options);
  check(writer.status(), path);
  check((*writer)->WriteRecordBatch(*batch), path);
  check((*writer)->Close(), path);
  check(output->Close(), path);
  for (const auto& column : columns) {
    std::filesystem::remove(column.path_);
    if (!column.ends_path_.empty()) std::filesystem::remove(column.ends_path_);
  }
}

struct MappedColumns::State {
  std::string path;
  std::shared_ptr<arrow::io::MemoryMappedFile> file;
  std::shared_ptr<arrow::RecordBatch> batch;

  [[nodiscard]] std::shared_ptr<arrow::ArrayData> find(const std::string& name,
                                                       const std::shared_ptr<arrow::DataType>& type) const {
    const auto column = batch->GetColumnByName(name);
    if (column == nullptr) throw DataError(path + ": column '" + name + "' is missing; prepare the data again");
    if (!column->type()->Equals(type) || column->null_count() != 0) {
      throw DataError(path + ": column '" + name + "' is " + column->type()->ToString() + ", not " + type->ToString() +
                      "; prepare the data again");
    }
    return column->data();
  }

  template <class T>
  [[nodiscard]] std::span<const T> values(const std::string& name, const std::shared_ptr<arrow::DataType>& type) const {
    const auto data = find(name, type);
    return {data->GetValues<T>(1), static_cast<std::size_t>(data->length)};
  }
};

MappedColumns::MappedColumns(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  auto& s = *state_;
  s.path = path.string();
  const auto damaged = [&](const arrow::Status& status) {
    if (!status.ok())
      throw DataError(s.path + ": damaged or truncated (" + status.message() + "); prepare the data again");
  };
  auto file = arrow::io::MemoryMappedFile::Open(s.path, arrow::io::FileMode::READ);
  damaged(file.status());
  s.file = *file;
  auto reader = arrow::ipc::RecordBatchFileReader::Open(s.file);
  damaged(reader.status());
  if ((*reader)->num_record_batches() != 1)
    throw DataError(s.path + ": not written by this program; prepare the data again");
  auto batch = (*reader)->ReadRecordBatch(0);
  damaged(batch.status());
  s.batch = *batch;
  damaged(s.batch->Validate());
}

MappedColumns::~MappedColumns() = default;
MappedColumns::MappedColumns(MappedColumns&&) noexcept = default;
MappedColumns& MappedColumns::operator=(MappedColumns&&) noexcept = default;

std::int64_t MappedColumns::n_rows() const { return state_->batch->num_rows(); }
bool MappedColumns::has(const std::string& name) const { return state_->batch->GetColumnByName(name) != nullptr; }
std::span<const std::int32_t> MappedColumns::int32(const std::string& name) const {
  return state_->values<std::int32_t>(name, arrow::int32());
}
std::span<const std::int64_t> MappedColumns::int64(const std::string& name) const {
  return state_->values<std::int64_t>(name, arrow::int64());
}
std::span<const float> MappedColumns::float32(const std::string& name) const {
  return state_->values<float>(name, arrow::float32());
}
MappedColumns::Text MappedColumns::text(const std::string& name) const {
  const auto data = state_->find(name, arrow::large_utf8());
  const auto& bytes = data->buffers[2];
  return {{data->GetValues<std::int64_t>(1), static_cast<std::size_t>(data->length) + 1},
          bytes == nullptr ? std::string_view()
                           : std::string_view(reinterpret_cast<const char*>(bytes->data()),
                                              static_cast<std::size_t>(bytes->size()))};
}

MappedColumns::Lists MappedColumns::int32_lists(const std::string& name) const {
  const auto data = state_->find(name, arrow_type(ValueType::kInt32List));
  const auto& numbers = *data->child_data[0];
  const std::span<const std::int64_t> ends{data->GetValues<std::int64_t>(1),
                                           static_cast<std::size_t>(data->length) + 1};
  if (numbers.length == 0) return {ends, {}};
  return {ends, {numbers.GetValues<std::int32_t>(1), static_cast<std::size_t>(numbers.length)}};
}

}  // namespace segue::dataset
