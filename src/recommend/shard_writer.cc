#include "recommend/shard_writer.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>

#include "recommend/parquet_output.h"
#include "support/errors.h"
#include "support/ids.h"
#include "support/json.h"

namespace segue::recommend {
namespace {

class ParquetShard : public ShardWriter {
 public:
  ParquetShard(const std::filesystem::path& file, const ShardSchema& schema, const features::Vocabulary& items)
      : schema_(schema),
        vocabulary_(items),
        sequences_(schema.sequence_is_integer),
        items_(items.is_integer),
        carried_(schema.carry.size()),
        output_(file, fields()) {}

  void add(std::string_view sequence, const ListView& list, const std::vector<std::string_view>& carried) override {
    for (std::int64_t i = 0; i < list.k && list.items[i] != kNoItem; ++i) {
      sequences_.append(sequence, output_);
      output_.check(ranks_.Append(static_cast<std::int32_t>(i + 1)));
      items_.append(vocabulary_.id(list.items[i]), output_);
      output_.check(std::isnan(list.scores[i]) ? scores_.AppendNull() : scores_.Append(list.scores[i]));
      if (!schema_.source.empty()) {
        output_.check(sources_.Append(schema_.source));
        output_.check(source_scores_.Append(list.source_scores[i]));
      }
      for (std::size_t c = 0; c < carried.size(); ++c) {
        output_.check(carried[c].empty() ? carried_[c].AppendNull() : carried_[c].Append(carried[c]));
      }
    }
  }

  void end_block() override {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (arrow::ArrayBuilder* builder : {&sequences_.builder(), static_cast<arrow::ArrayBuilder*>(&ranks_),
                                         &items_.builder(), static_cast<arrow::ArrayBuilder*>(&scores_)})
      arrays.push_back(output_.take(*builder));
    if (!schema_.source.empty()) {
      arrays.push_back(output_.take(sources_));
      arrays.push_back(output_.take(source_scores_));
    }
    for (auto& builder : carried_) arrays.push_back(output_.take(builder));
    output_.write(arrays);
  }

  void close() override {
    end_block();
    output_.close();
  }

 private:
  [[nodiscard]] std::vector<std::shared_ptr<arrow::Field>> fields() const {
    const bool reranked = !schema_.source.empty();
    std::vector<std::shared_ptr<arrow::Field>> fields = {
        sequences_.field("sequence"), arrow::field("rank", arrow::int32(), false), items_.field("item"),
        arrow::field("score", arrow::float32(), reranked)};
    if (reranked) {
      fields.push_back(arrow::field("source", arrow::utf8(), false));
      fields.push_back(arrow::field("source_score", arrow::float32(), false));
    }
    for (const auto& name : schema_.carry) fields.push_back(arrow::field(name, arrow::utf8()));
    return fields;
  }

  ShardSchema schema_;
  const features::Vocabulary& vocabulary_;
  IdColumn sequences_, items_;
  arrow::Int32Builder ranks_;
  arrow::FloatBuilder scores_, source_scores_;
  arrow::StringBuilder sources_;
  std::vector<arrow::StringBuilder> carried_;
  ParquetOutput output_;
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
    if (!schema.source.empty()) text_ += ",source,source_score";
    for (const auto& name : schema.carry) {
      text_ += ',';
      append_csv(name, text_);
    }
    text_ += '\n';
  }

  void add(std::string_view sequence, const ListView& list, const std::vector<std::string_view>& carried) override {
    for (std::int64_t i = 0; i < list.k && list.items[i] != kNoItem; ++i) {
      if (schema_.format == OutputFormat::kCsv)
        add_csv(sequence, list, i, carried);
      else
        add_json(sequence, list, i, carried);
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
  void add_csv(std::string_view sequence, const ListView& list, std::int64_t i,
               const std::vector<std::string_view>& carried) {
    append_csv(sequence, text_);
    text_ += ',' + std::to_string(i + 1) + ',';
    append_csv(vocabulary_.id(list.items[i]), text_);
    text_ += ',';
    if (!std::isnan(list.scores[i])) append_float(list.scores[i], text_);
    if (!schema_.source.empty()) {
      text_ += ',' + schema_.source + ',';
      append_float(list.source_scores[i], text_);
    }
    for (const auto value : carried) {
      text_ += ',';
      append_csv(value, text_);
    }
  }

  void add_json(std::string_view sequence, const ListView& list, std::int64_t i,
                const std::vector<std::string_view>& carried) {
    text_ += "{\"sequence\":" + quoted(sequence, schema_.sequence_is_integer) + ",\"rank\":" + std::to_string(i + 1) +
             ",\"item\":" + quoted(vocabulary_.id(list.items[i]), vocabulary_.is_integer) + ",\"score\":";
    if (std::isnan(list.scores[i]))
      text_ += "null";
    else
      append_float(list.scores[i], text_);
    if (!schema_.source.empty()) {
      text_ += ",\"source\":" + quoted(schema_.source, false) + ",\"source_score\":";
      append_float(list.source_scores[i], text_);
    }
    for (std::size_t c = 0; c < carried.size(); ++c) {
      text_ += ',' + quoted(schema_.carry[c], false) + ':';
      text_ += carried[c].empty() ? "null" : quoted(carried[c], false);
    }
    text_ += '}';
  }

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
