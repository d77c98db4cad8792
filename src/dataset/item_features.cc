#include "dataset/item_features.h"

#include <span>
#include <utility>

#include "dataset/column_file.h"
#include "dataset/prepared_format.h"
#include "support/errors.h"
#include "support/ids.h"
#include "support/json.h"
#include "support/progress.h"

namespace segue::dataset {
namespace {

events::SourceOptions form_of_items(const DataOptions& options) {
  auto source = options.source;
  source.item_column = options.items.column;
  // Lines of sessions hold no features: the names of the item files tell their form.
  if (source.format == events::Format::kSessionLines) source.format = events::Format::kAuto;
  return source;
}

void report(const ItemFeatures& read, std::int32_t n_items) {
  if (read.skipped.n > 0) {
    log_warning(
        with_thousands(read.skipped.n) +
        " bad rows of items were left out (data.on_bad_row: skip); the first: " + read.skipped.examples.front());
  }
  if (read.n_not_listed > 0) {
    log_warning("data.items lists " + with_thousands(n_items - read.n_not_listed) + " of " + with_thousands(n_items) +
                " items of the training part; the features of the other " + with_thousands(read.n_not_listed) +
                " are missing (0)");
  }
}

}  // namespace

ItemFeatures read_item_features(const DataOptions& options, std::vector<std::filesystem::path> files,
                                const features::Vocabulary& items) {
  ItemFeatures read;
  read.pipeline = features::FeaturePipeline(options.items.features, "");
  const auto where = files.front().string();
  events::EventReader reader(std::move(files), form_of_items(options), read.pipeline.columns(), events::RowKind::kItem);
  struct Block {
    events::EventTable table;
    std::vector<ItemRow> items;  // kNoItem: not of the vocabulary
  };
  std::vector<Block> blocks;
  std::int64_t n_listed = 0;
  for (Block block; reader.next(block.table); block = {}) {
    const auto n = block.table.n_rows;
    std::vector<std::uint8_t> is_known(n);
    for (std::size_t row = 0; row < n; ++row) {
      block.items.push_back(items.find(block.table.item[row]));
      is_known[row] = block.items.back() != kNoItem;
      n_listed += is_known[row];
    }
    read.pipeline.fit(block.table, is_known);
    read.n_rows += static_cast<std::int64_t>(n);
    blocks.push_back(std::move(block));
  }
  read.pipeline.finish_fit();
  read.skipped = reader.skipped();
  read.n_not_listed = items.size() - n_listed;
  if (n_listed == 0) {
    throw DataError(where + ": none of its " + with_thousands(read.n_rows) +
                    " items is one of the training part; is '" + options.items.column +
                    "' the column of the item (data.items.column)?");
  }
  for (const auto& spec : read.pipeline.specs()) {
    auto& column = read.columns.emplace_back();
    const auto n = static_cast<std::size_t>(items.size()) + 1;
    if (spec.categorical)
      column.codes.assign(n, 0);
    else
      column.values.assign(n, 0.0F);
  }
  for (const auto& block : blocks) {
    const auto made = read.pipeline.apply(block.table, std::vector<std::uint8_t>(block.table.n_rows, 1));
    for (std::size_t f = 0; f < made.size(); ++f) {
      for (std::size_t row = 0; row < block.items.size(); ++row) {
        if (block.items[row] == kNoItem) continue;
        const auto item = static_cast<std::size_t>(block.items[row]);
        if (made[f].values.empty())
          read.columns[f].codes[item] = made[f].codes[row];
        else
          read.columns[f].values[item] = made[f].values[row];
      }
    }
  }
  report(read, items.size());
  return read;
}

void write_item_features(const ItemFeatures& features, const std::filesystem::path& directory,
                         const std::filesystem::path& scratch) {
  const auto specs = features.pipeline.specs();
  std::vector<ColumnWriter> columns;
  for (std::size_t f = 0; f < specs.size(); ++f) {
    const auto name = "feature:" + specs[f].name;
    if (specs[f].categorical)
      columns.emplace_back(scratch, name, ValueType::kInt32)
          .append(std::span<const std::int32_t>(features.columns[f].codes));
    else
      columns.emplace_back(scratch, name, ValueType::kFloat).append(std::span<const float>(features.columns[f].values));
  }
  write_arrow_file(directory / kItemFeaturesFile, std::move(columns));
  write_json(directory / kItemTransformsFile, features.pipeline.to_json());
}

}  // namespace segue::dataset
