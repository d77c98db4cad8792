#include "trip_world/prediction_file.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <parquet/arrow/writer.h>

#include "support/errors.h"
#include "support/json.h"
#include "support/storage.h"

namespace segue::trip_world {
namespace {

void require(const arrow::Status& status, const std::filesystem::path& path) {
  if (!status.ok()) throw DataError(path.string() + ": " + status.message());
}

template <class T>
T require(arrow::Result<T> result, const std::filesystem::path& path) {
  require(result.status(), path);
  return std::move(result).ValueUnsafe();
}

}  // namespace

void write_predictions(const std::filesystem::path& path, const PredictionTable& table, const World& world) {
  Json ids = Json::array();
  for (const City& city : world.cities()) ids.push_back(city.id);

  arrow::StringBuilder trips;
  arrow::Int32Builder legs;
  require(trips.AppendValues(table.trip_ids), path);
  require(legs.AppendValues(table.legs), path);
  const auto values = std::make_shared<arrow::FloatArray>(static_cast<std::int64_t>(table.probabilities.size()),
                                                          arrow::Buffer::Wrap(table.probabilities));
  const auto lists = require(arrow::FixedSizeListArray::FromArrays(values, world.n_cities()), path);
  const auto schema =
      arrow::schema({arrow::field("utrip_id", arrow::utf8(), false), arrow::field("leg", arrow::int32(), false),
                     arrow::field("probabilities", lists->type(), false)},
                    arrow::key_value_metadata({"cities"}, {ids.dump()}));
  const auto rows = arrow::Table::Make(schema, {require(trips.Finish(), path), require(legs.Finish(), path), lists});

  storage::write_file_with(path, [&](const std::filesystem::path& aside) {
    const auto file = require(arrow::io::FileOutputStream::Open(aside.string()), path);
    // Probabilities hardly repeat: a dictionary and compression would cost time and save nothing.
    const auto plain = parquet::WriterProperties::Builder().disable_dictionary()->build();
    const auto keep_schema = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    require(parquet::arrow::WriteTable(*rows, arrow::default_memory_pool(), file, 1 << 16, plain, keep_schema), path);
    require(file->Close(), path);
  });
}

}  // namespace segue::trip_world
