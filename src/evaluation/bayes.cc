#include "evaluation/bayes.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <parquet/arrow/reader.h>

#include <algorithm>

#include "support/errors.h"
#include "support/json.h"

namespace segue::evaluation {
namespace {

std::shared_ptr<arrow::Table> read_table(const std::filesystem::path& path) {
  const auto fail = [&](const std::string& cause) -> DataError {
    return DataError(path.string() + ": " + cause +
                     "; write it with `segue generate trips`, or clear evaluation.bayes");
  };
  auto file = arrow::io::ReadableFile::Open(path.string());
  if (!file.ok()) throw fail(file.status().message());
  auto reader = parquet::arrow::OpenFile(*file, arrow::default_memory_pool());
  if (!reader.ok()) throw fail(reader.status().message());
  auto read = (*reader)->ReadTable();
  if (!read.ok()) throw fail(read.status().message());
  auto table = (*read)->CombineChunks();
  if (!table.ok()) throw fail(table.status().message());
  return *table;
}

}  // namespace

BayesPredictions::BayesPredictions(const std::filesystem::path& path, const Dataset& dataset)
    : dataset_(dataset), path_(path) {
  const auto table = read_table(path);
  const auto sequences = table->GetColumnByName("utrip_id");
  const auto lists = table->GetColumnByName("probabilities");
  const auto metadata = table->schema()->metadata();
  if (!sequences || !lists || !metadata || !metadata->Contains("cities"))
    throw DataError(path.string() +
                    ": no columns utrip_id and probabilities with the cities in the metadata; it is not a file "
                    "of best-possible predictions");
  const auto cities = Json::parse(*metadata->Get("cities"));
  std::vector<ItemRow> rows;
  for (const auto& city : cities)
    rows.push_back(
        dataset.items().find(city.is_string() ? city.get<std::string>() : std::to_string(city.get<std::int64_t>())));
  if (std::all_of(rows.begin(), rows.end(), [](ItemRow row) { return row == kNoItem; }))
    throw DataError(path.string() + ": none of its cities is an item of the dataset; it belongs to another world");

  if (table->num_rows() == 0) return;
  std::shared_ptr<arrow::Array> array = lists->chunk(0);
  std::shared_ptr<arrow::Array> values;
  if (array->type_id() == arrow::Type::FIXED_SIZE_LIST)
    values = std::static_pointer_cast<arrow::FixedSizeListArray>(array)->values();
  else if (array->type_id() == arrow::Type::LIST)
    values = std::static_pointer_cast<arrow::ListArray>(array)->values();
  if (!values || values->type_id() != arrow::Type::FLOAT ||
      values->length() != table->num_rows() * static_cast<std::int64_t>(rows.size()))
    throw DataError(path.string() + ": probabilities must be one list of " + std::to_string(rows.size()) +
                    " floats a trip");
  const auto& floats = static_cast<const arrow::FloatArray&>(*values);
  const auto& ids = static_cast<const arrow::StringArray&>(*sequences->chunk(0));

  const auto n_items = static_cast<std::size_t>(dataset.n_items());
  probabilities_.assign(static_cast<std::size_t>(table->num_rows()) * n_items, 0.0F);
  for (std::int64_t line = 0; line < table->num_rows(); ++line) {
    row_of_sequence_[ids.GetString(line)] = static_cast<std::size_t>(line);
    float* out = probabilities_.data() + static_cast<std::size_t>(line) * n_items;
    const float* in = floats.raw_values() + line * static_cast<std::int64_t>(rows.size());
    for (std::size_t city = 0; city < rows.size(); ++city)
      if (rows[city] != kNoItem) out[static_cast<std::size_t>(rows[city])] = in[city];
  }
}

std::span<const float> BayesPredictions::probabilities(std::int64_t sequence) const {
  const auto id = std::string(dataset_.sequence_id(sequence));
  const auto found = row_of_sequence_.find(id);
  if (found == row_of_sequence_.end())
    throw DataError(path_.string() + ": no prediction for sequence '" + id +
                    "'; the file belongs to another test set (evaluation.bayes)");
  const auto n_items = static_cast<std::size_t>(dataset_.n_items());
  return {probabilities_.data() + found->second * n_items, n_items};
}

void BayesScorer::score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) {
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto row = predictions_.probabilities(queries[i].sequence);
    std::copy(row.begin(), row.end(), scores.row(static_cast<std::int64_t>(i)));
  }
}

}  // namespace segue::evaluation
