#include "recommend/shard_writer.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "support/errors.h"
#include "support/ids.h"
#include "support/json.h"

namespace segue::recommend {
namespace {

void check(const arrow::Status& status, const std::filesystem::path& file) {
  if (!status.ok()) throw DataError("cannot write " + file.string() + ": " + status.message());
}

std::int64_t to_integer(std::string_view id) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), value);
  if (error != std::errc() || end != id.data() + id.size()) {
    throw DataError("the id '" + std::string(id) + "' is not an integer, though all others were");
  }
  return value;
}

class ParquetShard : public ShardWriter {
 public:
  ParquetShard(const std::filesystem::path& file, const ShardSchema& schema, const features::Vocabulary& items)
      : file_(file), schema_(schema), vocabulary_(items) {
    const auto id_type = [](bool integer) { return integer ? arrow::int64() : arrow::utf8(); };
    std::vector<std::shared_ptr<arrow::Field>> fields = {
        arrow::field("sequence", id_type(schema.sequence_is_integer), false),
        arrow::field("rank", arrow::int32(), false), arrow::field("item", id_type(items.is_integer), false),
        arrow::field("score", arrow::float32(), false)};
    for (const auto& name : schema.carry) fields.push_back(arrow::field(name, arrow::utf8()));
    arrow_schema_ = arrow::schema(fields);
    carried_.resize(schema.carry.size());
    auto stream = arrow::io::FileOutputStream::Open(file.string());
    check(stream.status(), file);
    stream_ = *stream;
    parquet::WriterProperties::Builder properties;
    properties.compression(parquet::Compression::SNAPPY);
    auto writer =
        parquet::arrow::FileWriter::Open(*arrow_schema_, arrow::default_memory_pool(), stream_, properties.build());
    check(writer.status(), file);
    writer_ = std::move(*writer);
  }

  void add(std::string_view sequence, const std::int32_t* items, const float* scores, std::int64_t k,
           const std::vector<std::string_view>& carried) override {
    const std::int64_t sequence_number = schema_.sequence_is_integer ? to_integer(sequence) : 0;
    for (std::int64_t i = 0; i < k && items[i] != kNoItem; ++i) {
      if (schema_.sequence_is_integer) {
        check(sequence_numbers_.Append(sequence_number), file_);
      } else {
        check(sequence_texts_.Append(sequence), file_);
      }
      check(ranks_.Append(static_cast<std::int32_t>(i + 1)), file_);
      const auto id = vocabulary_.id(items[i]);
      if (vocabulary_.is_integer) {
        check(item_numbers_.Append(to_integer(id)), file_);
      } else {
        check(item_texts_.Append(id), file_);
      }
      check(scores_.Append(scores[i]), file_);
      for (std::size_t c = 0; c < carried.size(); ++c) {
        check(carried[c].empty() ? carried_[c].AppendNull() : carried_[c].Append(carried[c]), file_);
      }
    }
  }

  void end_block() override {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    const auto take = [&](auto& builder) {
      std::shared_ptr<arrow::Array> array;
      check(builder.Finish(&array), file_);
      arrays.push_back(array);
    };
    schema_.sequence_is_integer ? take(sequence_numbers_) : take(sequence_texts_);
    take(ranks_);
    vocabulary_.is_integer ? take(item_numbers_) : take(item_texts_);
    take(scores_);
    for (auto& builder : carried_) take(builder);
    const auto n_rows = arrays.front()->length();
    if (n_rows == 0) return;
    check(writer_->WriteTable(*arrow::Table::Make(arrow_schema_, arrays, n_rows), n_rows), file_);
  }

  void close() override {
    end_block();
    check(writer_->Close(), file_);
    check(stream_->Close(), file_);
  }

 private:
  std::filesystem::path file_;
  ShardSchema schema_;
  const features::Vocabulary& vocabulary_;
  std::shared_ptr<arrow::Schema> arrow_schema_;
  std::shared_ptr<arrow::io::FileOutputStream> stream_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  arrow::Int64Builder sequence_numbers_, item_numbers_;
  arrow::StringBuilder sequence_texts_, item_texts_;
  arrow::Int32Builder ranks_;
  arrow::FloatBuilder scores_;
  std::vector<arrow::StringBuilder> carried_;
};

/// The shortest text that reads back as the same float.
void append_float(float value, std::string& text) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  text.append(digits, end);
}

void append_csv(std::string_view value, std::string& text) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) {
    text.append(value);
    return;
  }
  text += '"';
  for (const char c : value) {
    if (c == '"') text += '"';
    text += c;
  }
  text += '"';
}

class TextShard : public ShardWriter {
 public:
  TextShard(const std::filesystem::path& file, const ShardSchema& schema, const features::Vocabulary& items)
      : file_(file), schema_(schema), vocabulary_(items), out_(file, std::ios::binary) {
    if (schema.format != OutputFormat::kCsv) return;
    text_ = "sequence,rank,item,score";
    for (const auto& name : schema.carry) {
      text_ += ',';
      append_csv(name, text_);
    }
    text_ += '\n';
  }

  void add(std::string_view sequence, const std::int32_t* items, const float* scores, std::int64_t k,
           const std::vector<std::string_view>& carried) override {
    for (std::int64_t i = 0; i < k && items[i] != kNoItem; ++i) {
      const auto id = vocabulary_.id(items[i]);
      if (schema_.format == OutputFormat::kCsv) {
        append_csv(sequence, text_);
        text_ += ',' + std::to_string(i + 1) + ',';
        append_csv(id, text_);
        text_ += ',';
        append_float(scores[i], text_);
        for (const auto value : carried) {
          text_ += ',';
          append_csv(value, text_);
        }
      } else {
        text_ += "{\"sequence\":" + quoted(sequence, schema_.sequence_is_integer) +
                 ",\"rank\":" + std::to_string(i + 1) + ",\"item\":" + quoted(id, vocabulary_.is_integer) +
                 ",\"score\":";
        append_float(scores[i], text_);
        for (std::size_t c = 0; c < carried.size(); ++c) {
          text_ += ',' + quoted(schema_.carry[c], false) + ':';
          text_ += carried[c].empty() ? "null" : quoted(carried[c], false);
        }
        text_ += '}';
      }
      text_ += '\n';
    }
  }

  void end_block() override {
    out_.write(text_.data(), static_cast<std::streamsize>(text_.size()));
    text_.clear();
  }

  void close() override {
    end_block();
    out_.close();
    if (!out_) throw DataError("cannot write " + file_.string() + ": " + std::strerror(errno));
  }

 private:
  static std::string quoted(std::string_view text, bool is_integer) {
    return is_integer ? std::string(text) : Json(text).dump();
  }

  std::filesystem::path file_;
  ShardSchema schema_;
  const features::Vocabulary& vocabulary_;
  std::ofstream out_;
  std::string text_;
};

}  // namespace

std::string extension_of(OutputFormat format) {
  switch (format) {
    case OutputFormat::kParquet: return ".parquet";
    case OutputFormat::kCsv: return ".csv";
    case OutputFormat::kJsonLines: return ".jsonl";
  }
  throw std::invalid_argument("no such format");
}

std::unique_ptr<ShardWriter> ShardWriter::open(const std::filesystem::path& file, const ShardSchema& schema,
                                               const features::Vocabulary& items) {
  if (schema.format == OutputFormat::kParquet) return std::make_unique<ParquetShard>(file, schema, items);
  return std::make_unique<TextShard>(file, schema, items);
}

}  // namespace segue::recommend
