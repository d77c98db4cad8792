#include "events/parquet_file.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "events/text_values.h"
#include "support/errors.h"

namespace segue::events {
namespace {

using Type = arrow::Type;

/// A value of an array as a cell; `scratch` holds the text of a number.
using CellReader = std::function<Cell(const arrow::Array&, std::int64_t, std::string& scratch)>;

Cell text_cell(std::string_view text) {
  Cell cell;
  cell.text = text;
  return cell;
}

template <class Array>
Cell read_text(const arrow::Array& array, std::int64_t i, std::string&) {
  return text_cell(static_cast<const Array&>(array).GetView(i));
}

template <class Array>
Cell read_number(const arrow::Array& array, std::int64_t i, std::string&) {
  Cell cell;
  cell.kind = Cell::Kind::kNumber;
  cell.number = static_cast<double>(static_cast<const Array&>(array).Value(i));
  return cell;
}

template <class Array>
Cell read_number_as_text(const arrow::Array& array, std::int64_t i, std::string& scratch) {
  std::array<char, 64> digits{};
  const auto value = static_cast<const Array&>(array).Value(i);
  std::to_chars_result end{};
  if constexpr (std::is_same_v<Array, arrow::BooleanArray>) {
    end = std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<int>(value));
  } else {
    end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  }
  scratch.assign(digits.data(), end.ptr);
  return text_cell(scratch);
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

Cell time_cell(std::int64_t ms) {
  Cell cell;
  cell.kind = Cell::Kind::kTime;
  cell.time_ms = ms;
  return cell;
}

Cell read_timestamp(const arrow::Array& array, std::int64_t i, std::string&) {
  const auto value = static_cast<const arrow::TimestampArray&>(array).Value(i);
  switch (static_cast<const arrow::TimestampType&>(*array.type()).unit()) {
    case arrow::TimeUnit::SECOND: return time_cell(value * 1000);
    case arrow::TimeUnit::MILLI: return time_cell(value);
    case arrow::TimeUnit::MICRO: return time_cell(floor_divide(value, 1000));
    case arrow::TimeUnit::NANO: return time_cell(floor_divide(value, 1'000'000));
  }
  return {};
}

Cell read_date32(const arrow::Array& array, std::int64_t i, std::string&) {
  return time_cell(static_cast<const arrow::Date32Array&>(array).Value(i) * std::int64_t{86'400'000});
}

Cell read_date64(const arrow::Array& array, std::int64_t i, std::string&) {
  return time_cell(static_cast<const arrow::Date64Array&>(array).Value(i));
}

bool is_number(ColumnType wanted) { return wanted == ColumnType::kNumber || wanted == ColumnType::kAmount; }

template <class Array>
CellReader number_reader(ColumnType wanted) {
  if (wanted == ColumnType::kText) return read_number_as_text<Array>;
  return read_number<Array>;
}

CellReader make_reader(const arrow::DataType& type, ColumnType wanted, TimeFormat format) {
  switch (type.id()) {
    case Type::STRING: return read_text<arrow::StringArray>;
    case Type::LARGE_STRING: return read_text<arrow::LargeStringArray>;
    case Type::STRING_VIEW: return read_text<arrow::StringViewArray>;
    case Type::BOOL: return wanted == ColumnType::kTime ? CellReader() : number_reader<arrow::BooleanArray>(wanted);
    case Type::INT8: return number_reader<arrow::Int8Array>(wanted);
    case Type::INT16: return number_reader<arrow::Int16Array>(wanted);
    case Type::INT32: return number_reader<arrow::Int32Array>(wanted);
    case Type::UINT8: return number_reader<arrow::UInt8Array>(wanted);
    case Type::UINT16: return number_reader<arrow::UInt16Array>(wanted);
    case Type::UINT32: return number_reader<arrow::UInt32Array>(wanted);
    case Type::UINT64: return number_reader<arrow::UInt64Array>(wanted);
    case Type::INT64:
      if (wanted != ColumnType::kTime) return number_reader<arrow::Int64Array>(wanted);
      // Not through a double: milliseconds and finer have more digits than one holds.
      return [format](const arrow::Array& array, std::int64_t i, std::string& scratch) {
        const auto time = time_from_integer(static_cast<const arrow::Int64Array&>(array).Value(i), format);
        return time ? time_cell(*time) : read_number_as_text<arrow::Int64Array>(array, i, scratch);
      };
    case Type::FLOAT: return number_reader<arrow::FloatArray>(wanted);
    case Type::DOUBLE: return number_reader<arrow::DoubleArray>(wanted);
    case Type::TIMESTAMP: return is_number(wanted) ? CellReader() : CellReader(read_timestamp);
    case Type::DATE32: return is_number(wanted) ? CellReader() : CellReader(read_date32);
    case Type::DATE64: return is_number(wanted) ? CellReader() : CellReader(read_date64);
    case Type::DICTIONARY: {
      auto inner = make_reader(*static_cast<const arrow::DictionaryType&>(type).value_type(), wanted, format);
      if (!inner) return {};
      return [inner](const arrow::Array& array, std::int64_t i, std::string& scratch) {
        const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
        const auto index = dictionary.GetValueIndex(i);
        if (dictionary.dictionary()->IsNull(index)) return Cell();
        return inner(*dictionary.dictionary(), index, scratch);
      };
    }
    default: return {};
  }
}

/// Dates and timestamps asked for as text (a category) are printed.
CellReader as_text(CellReader reader) {
  return [reader = std::move(reader)](const arrow::Array& array, std::int64_t i, std::string& scratch) {
    const auto cell = reader(array, i, scratch);
    if (cell.kind != Cell::Kind::kTime) return cell;
    scratch = format_time(cell.time_ms);
    return text_cell(scratch);
  };
}

const arrow::DataType& value_type(const arrow::DataType& type) {
  return type.id() == Type::DICTIONARY ? *static_cast<const arrow::DictionaryType&>(type).value_type() : type;
}

bool is_string_type(const arrow::DataType& type) {
  const auto id = value_type(type).id();
  return id == Type::STRING || id == Type::LARGE_STRING || id == Type::STRING_VIEW;
}

}  // namespace

struct ParquetFile::State {
  std::string path;
  RowBuilder* builder = nullptr;
  std::unique_ptr<parquet::arrow::FileReader> reader;
  std::unique_ptr<arrow::RecordBatchReader> batches;
  std::vector<int> column_of_cell;  // in a batch
  std::vector<CellReader> readers;
  std::vector<bool> check_utf8;
  std::int64_t n_rows = 0, row = 0, file_bytes = 0;

  [[noreturn]] void fail(const std::string& cause) const {
    throw DataError(path + ": not a whole Parquet file (" + cause + "); fetch or write it again");
  }
};

ParquetFile::ParquetFile(const std::filesystem::path& path, RowBuilder& builder) : state_(std::make_unique<State>()) {
  auto& s = *state_;
  s.path = path.string();
  s.builder = &builder;
  auto file = arrow::io::ReadableFile::Open(path.string());
  if (!file.ok()) throw DataError(s.path + ": cannot be read: " + file.status().message());
  s.file_bytes = (*file)->GetSize().ValueOr(0);
  if (s.file_bytes == 0) throw DataError(s.path + ": the file is empty; give a file with rows, or leave it out");
  parquet::ReaderProperties properties = parquet::default_reader_properties();
  properties.enable_buffered_stream();  // a row group is decoded piece by piece
  parquet::ArrowReaderProperties arrow_properties;
  arrow_properties.set_batch_size(static_cast<std::int64_t>(kBlockRows));
  arrow_properties.set_pre_buffer(false);
  parquet::arrow::FileReaderBuilder opener;
  if (const auto status = opener.Open(*file, properties); !status.ok()) s.fail(status.message());
  if (const auto status = opener.properties(arrow_properties)->Build(&s.reader); !status.ok()) s.fail(status.message());
  std::shared_ptr<arrow::Schema> schema;
  if (const auto status = s.reader->GetSchema(&schema); !status.ok()) s.fail(status.message());

  std::vector<int> wanted;  // columns of the file, each once, rising
  std::vector<int> in_file;
  for (std::size_t cell = 0; cell < builder.names().size(); ++cell) {
    const auto& name = builder.names()[cell];
    const int index = schema->GetFieldIndex(name);
    if (index < 0) {
      const auto near = config::nearest_word(name, schema->field_names());
      std::string all;
      for (const auto& known : schema->field_names()) all += (all.empty() ? "'" : ", '") + known + "'";
      throw DataError(s.path + ": no column '" + name + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?") +
                      " Columns of the file: " + all + ". Name one of them in " + builder.keys());
    }
    const auto& type = *schema->field(index)->type();
    auto reader = make_reader(type, builder.type(cell), builder.options().time_format);
    const bool fraction_as_id =
        builder.is_id(cell) && (value_type(type).id() == Type::FLOAT || value_type(type).id() == Type::DOUBLE);
    if (!reader || fraction_as_id) {
      throw DataError(s.path + ": column '" + name + "' of type " + type.ToString() + " cannot serve as " +
                      (builder.is_id(cell)                         ? "an id; use strings or integers"
                       : builder.type(cell) == ColumnType::kTime   ? "a time"
                       : builder.type(cell) == ColumnType::kAmount ? "a reward"
                                                                   : "a feature of that kind"));
    }
    if (builder.type(cell) == ColumnType::kText && !is_string_type(type)) reader = as_text(std::move(reader));
    s.readers.push_back(std::move(reader));
    s.check_utf8.push_back(is_string_type(type));
    if (builder.is_id(cell) && is_string_type(type)) builder.mark_string_ids(cell);
    in_file.push_back(index);
    if (std::find(wanted.begin(), wanted.end(), index) == wanted.end()) wanted.push_back(index);
  }
  std::sort(wanted.begin(), wanted.end());
  for (const int index : in_file) {
    s.column_of_cell.push_back(static_cast<int>(std::find(wanted.begin(), wanted.end(), index) - wanted.begin()));
  }
  s.n_rows = s.reader->parquet_reader()->metadata()->num_rows();
  std::vector<int> groups(static_cast<std::size_t>(s.reader->num_row_groups()));
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
  // Leaves are numbered apart from fields when the file has nested columns.
  std::vector<int> leaves;
  for (const int index : wanted) {
    for (int leaf = 0; leaf < s.reader->parquet_reader()->metadata()->num_columns(); ++leaf) {
      if (s.reader->parquet_reader()->metadata()->schema()->Column(leaf)->path()->ToDotString() ==
          schema->field(index)->name()) {
        leaves.push_back(leaf);
      }
    }
  }
  auto batches = s.reader->GetRecordBatchReader(groups, leaves);
  if (!batches.ok()) s.fail(batches.status().message());
  s.batches = std::move(*batches);
}

ParquetFile::~ParquetFile() = default;

std::int64_t ParquetFile::bytes_read() const {
  return state_->n_rows == 0
             ? state_->file_bytes
             : static_cast<std::int64_t>(static_cast<double>(state_->file_bytes) * static_cast<double>(state_->row) /
                                         static_cast<double>(state_->n_rows));
}

bool ParquetFile::next(EventTable& table) {
  auto& s = *state_;
  const auto n_cells = s.readers.size();
  std::vector<Cell> cells(n_cells);
  std::vector<std::string> scratch(n_cells);
  while (table.n_rows == 0) {
    std::shared_ptr<arrow::RecordBatch> batch;
    try {
      if (const auto status = s.batches->ReadNext(&batch); !status.ok()) s.fail(status.message());
    } catch (const parquet::ParquetException& error) {
      s.fail(error.what());
    }
    if (batch == nullptr) return false;
    std::vector<const arrow::Array*> arrays;
    for (const int column : s.column_of_cell) arrays.push_back(batch->column(column).get());
    for (std::int64_t i = 0; i < batch->num_rows(); ++i) {
      const Place place{++s.row, 0};
      bool good = true;
      for (std::size_t cell = 0; cell < n_cells; ++cell) {
        cells[cell] = arrays[cell]->IsNull(i) ? Cell() : s.readers[cell](*arrays[cell], i, scratch[cell]);
        if (s.check_utf8[cell] && !is_utf8(cells[cell].text)) {
          s.builder->reject(place, s.builder->names()[cell], "not UTF-8: " + quoted(cells[cell].text));
          good = false;
          break;
        }
      }
      if (good) s.builder->append(place, cells, table);
    }
  }
  return true;
}

}  // namespace segue::events
