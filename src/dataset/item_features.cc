#include "dataset/item_features.h"

#include <algorithm>
#include <limits>
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

/// Rows of the files, and which items they are of.
struct Block {
  events::EventTable table;
  std::vector<ItemRow> items;  // kNoItem: not of the vocabulary
};

/// Columns for features and intervals, each once.
std::vector<events::ColumnRequest> requests_for(const features::FeaturePipeline& pipeline,
                                                const ItemFileOptions& options) {
  auto requests = pipeline.columns();
  for (const auto& name : {options.available_from, options.available_until}) {
    const auto is_it = [&](const auto& request) {
      return request.name == name && request.type == events::ColumnType::kTime;
    };
    if (!name.empty() && std::none_of(requests.begin(), requests.end(), is_it))
      requests.push_back({name, events::ColumnType::kTime});
  }
  return requests;
}

/// One end of the intervals, [n_items + 1]: the times of the column called `name`, `open` where there is none.
std::vector<std::int64_t> read_ends(const std::vector<Block>& blocks, const std::string& name, std::int64_t open,
                                    std::size_t n) {
  std::vector<std::int64_t> ends(n, open);
  if (name.empty()) return ends;
  for (const auto& block : blocks) {
    const auto column = std::find_if(block.table.columns.begin(), block.table.columns.end(), [&](const auto& known) {
      return known.name == name && known.type == events::ColumnType::kTime;
    });
    for (std::size_t row = 0; row < block.items.size(); ++row) {
      if (block.items[row] != kNoItem && column->times_ms[row] != events::kMissingTime)
        ends[static_cast<std::size_t>(block.items[row])] = column->times_ms[row];
    }
  }
  return ends;
}

/// One code or value a row of the files -> one an item.
void place_by_item(const std::vector<ItemRow>& items, const features::FeatureColumn& made,
                   features::FeatureColumn& column) {
  for (std::size_t row = 0; row < items.size(); ++row) {
    if (items[row] == kNoItem) continue;
    const auto item = static_cast<std::size_t>(items[row]);
    if (made.values.empty())
      column.codes[item] = made.codes[row];
    else
      column.values[item] = made.values[row];
  }
}

/// Codes of each item, in the order of the items.
features::FeatureColumn joined(const std::vector<std::vector<std::int32_t>>& codes_of_item) {
  features::FeatureColumn column;
  column.offsets.push_back(0);
  for (const auto& codes : codes_of_item) {
    column.codes.insert(column.codes.end(), codes.begin(), codes.end());
    column.offsets.push_back(static_cast<std::int64_t>(column.codes.size()));
  }
  return column;
}

}  // namespace

std::vector<std::string> listed_items(const DataOptions& options, std::vector<std::filesystem::path> files) {
  events::EventReader reader(std::move(files), form_of_items(options), {}, events::RowKind::kItem);
  std::vector<std::string> ids;
  for (events::EventTable table; reader.next(table); table = {}) {
    for (std::size_t row = 0; row < table.n_rows; ++row) ids.emplace_back(table.item[row]);
  }
  return ids;
}

ItemFeatures read_item_features(const DataOptions& options, std::vector<std::filesystem::path> files,
                                const features::Vocabulary& items, std::int32_t n_trained,
                                std::int64_t training_end_ms) {
  ItemFeatures read;
  read.pipeline = features::FeaturePipeline(options.items.features, "", training_end_ms);
  const auto where = files.front().string();
  events::EventReader reader(std::move(files), form_of_items(options), requests_for(read.pipeline, options.items),
                             events::RowKind::kItem);
  std::vector<Block> blocks;
  std::int64_t n_listed = 0;
  for (Block block; reader.next(block.table); block = {}) {
    const auto n = block.table.n_rows;
    std::vector<std::uint8_t> is_known(n);
    for (std::size_t row = 0; row < n; ++row) {
      block.items.push_back(items.find(block.table.item[row]));
      is_known[row] = block.items.back() != kNoItem && block.items.back() < n_trained;
      n_listed += is_known[row];
    }
    read.pipeline.fit(block.table, is_known);
    read.n_rows += static_cast<std::int64_t>(n);
    blocks.push_back(std::move(block));
  }
  read.pipeline.finish_fit();
  read.skipped = reader.skipped();
  read.n_not_listed = n_trained - n_listed;
  if (n_listed == 0) {
    throw DataError(where + ": none of its " + with_thousands(read.n_rows) +
                    " items is one of the training part; is '" + options.items.column +
                    "' the column of the item (data.items.column)?");
  }
  const auto specs = read.pipeline.specs();
  const auto n = static_cast<std::size_t>(items.size()) + 1;
  read.columns.resize(specs.size());
  std::vector<std::vector<std::vector<std::int32_t>>> codes_of_item(specs.size());  // of several codes an item
  for (std::size_t f = 0; f < specs.size(); ++f) {
    if (specs[f].multiple)
      codes_of_item[f].resize(n);
    else if (specs[f].categorical)
      read.columns[f].codes.assign(n, 0);
    else
      read.columns[f].values.assign(n, 0.0F);
  }
  for (const auto& block : blocks) {
    const auto made = read.pipeline.apply(block.table, std::vector<std::uint8_t>(block.table.n_rows, 1));
    for (std::size_t f = 0; f < made.size(); ++f) {
      if (!specs[f].multiple) {
        place_by_item(block.items, made[f], read.columns[f]);
        continue;
      }
      for (std::size_t row = 0; row < block.items.size(); ++row) {
        const auto begin = made[f].codes.begin();
        if (block.items[row] != kNoItem)
          codes_of_item[f][static_cast<std::size_t>(block.items[row])].assign(begin + made[f].offsets[row],
                                                                              begin + made[f].offsets[row + 1]);
      }
    }
  }
  for (std::size_t f = 0; f < specs.size(); ++f)
    if (specs[f].multiple) read.columns[f] = joined(codes_of_item[f]);
  if (options.items.has_intervals()) {
    using Limits = std::numeric_limits<std::int64_t>;
    read.available_from_ms = read_ends(blocks, options.items.available_from, Limits::min(), n);
    read.available_until_ms = read_ends(blocks, options.items.available_until, Limits::max(), n);
  }
  report(read, n_trained);
  return read;
}

void write_item_features(const ItemFeatures& features, const std::filesystem::path& directory,
                         const std::filesystem::path& scratch) {
  const auto specs = features.pipeline.specs();
  std::vector<ColumnWriter> columns;
  for (std::size_t f = 0; f < specs.size(); ++f) {
    const auto name = "feature:" + specs[f].name;
    const auto& column = features.columns[f];
    if (specs[f].multiple) {
      auto& lists = columns.emplace_back(scratch, name, ValueType::kInt32List);
      for (std::size_t item = 0; item + 1 < column.offsets.size(); ++item) {
        const auto begin = static_cast<std::size_t>(column.offsets[item]);
        lists.append_list(
            std::span(column.codes).subspan(begin, static_cast<std::size_t>(column.offsets[item + 1]) - begin));
      }
    } else if (specs[f].categorical) {
      columns.emplace_back(scratch, name, ValueType::kInt32).append(std::span<const std::int32_t>(column.codes));
    } else {
      columns.emplace_back(scratch, name, ValueType::kFloat).append(std::span<const float>(column.values));
    }
  }
  if (!features.available_from_ms.empty()) {
    columns.emplace_back(scratch, "available_from_ms", ValueType::kInt64)
        .append(std::span<const std::int64_t>(features.available_from_ms));
    columns.emplace_back(scratch, "available_until_ms", ValueType::kInt64)
        .append(std::span<const std::int64_t>(features.available_until_ms));
  }
  write_arrow_file(directory / kItemFeaturesFile, std::move(columns));
  write_json(directory / kItemTransformsFile, features.pipeline.to_json());
}

}  // namespace segue::dataset
