#include "recommend/item_files.h"

#include <algorithm>

#include "item_index/npy_file.h"
#include "recommend/parquet_output.h"
#include "recommend/similar_items.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "support/progress.h"

namespace segue::recommend {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNumbersPerGroup = 1 << 22;  // of a row group of vectors
constexpr std::int64_t kScoresPerBlock = 1 << 20;   // of similar items found together, which make a row group

void stop_if_interrupted() {
  if (const int signal = interrupt_signal(); signal != 0)
    throw Interrupted(signal, "interrupted; nothing was written: run the command again");
}

void write_npy(const BundleModel& model, const fs::path& file) {
  const auto& vectors = model.item_vectors;
  item_index::NpyOutput output(file, item_index::NpyType::kFloat32, model.bundle.items.size(), model.dim());
  output.append({reinterpret_cast<const char*>(vectors.data()), vectors.size() * sizeof(vectors[0])});
  output.close();
}

void write_vectors(const BundleModel& model, const fs::path& file) {
  const auto& items = model.bundle.items;
  const auto dim = model.dim();
  const bool has_bias = !model.output_bias.empty();
  IdColumn ids(items.is_integer);
  auto numbers = std::make_shared<arrow::FloatBuilder>();
  arrow::ListBuilder vectors(arrow::default_memory_pool(), numbers,
                             arrow::list(arrow::field("element", arrow::float32(), false)));
  arrow::FloatBuilder biases;
  std::vector<std::shared_ptr<arrow::Field>> fields = {ids.field("item"),
                                                       arrow::field("vector", vectors.type(), false)};
  if (has_bias) fields.push_back(arrow::field("bias", arrow::float32(), false));
  ParquetOutput output(file, fields);
  const auto per_group = static_cast<std::int32_t>(std::clamp<std::int64_t>(kNumbersPerGroup / dim, 1, 1 << 16));
  for (std::int32_t first = 0; first < items.size(); first += per_group) {
    stop_if_interrupted();
    for (std::int32_t row = first; row < std::min(first + per_group, items.size()); ++row) {
      ids.append(items.id(row), output);
      output.check(vectors.Append());
      output.check(numbers->AppendValues(model.item_vectors.data() + row * dim, dim));
      if (has_bias) output.check(biases.Append(model.output_bias[static_cast<std::size_t>(row)]));
    }
    std::vector<std::shared_ptr<arrow::Array>> columns = {output.take(ids.builder()), output.take(vectors)};
    if (has_bias) columns.push_back(output.take(biases));
    output.write(columns);
  }
  output.close();
}

void write_similar(const BundleModel& model, std::int64_t k, const fs::path& file, int n_threads) {
  const auto& items = model.bundle.items;
  const SimilarItems similar(model, k, n_threads);
  IdColumn ids(items.is_integer), others(items.is_integer);
  arrow::Int32Builder ranks;
  arrow::FloatBuilder scores;
  ParquetOutput output(file, {ids.field("item"), arrow::field("rank", arrow::int32(), false), others.field("similar"),
                              arrow::field("score", arrow::float32(), false)});
  const auto per_block = static_cast<std::int32_t>(std::clamp<std::int64_t>(kScoresPerBlock / k, 64, 4096));
  Progress progress("finding similar items", items.size(), "items");
  for (std::int32_t first = 0; first < items.size(); first += per_block) {
    stop_if_interrupted();
    const auto n = std::min(per_block, items.size() - first);
    const Lists lists = similar.of(first, n);
    for (std::size_t slot = 0; slot < lists.items.size(); ++slot) {
      if (lists.items[slot] == kNoItem) continue;
      const auto of_item = static_cast<std::int64_t>(slot) / k;
      ids.append(items.id(first + static_cast<std::int32_t>(of_item)), output);
      output.check(ranks.Append(static_cast<std::int32_t>(static_cast<std::int64_t>(slot) - of_item * k + 1)));
      others.append(items.id(lists.items[slot]), output);
      output.check(scores.Append(lists.scores[slot]));
    }
    output.write({output.take(ids.builder()), output.take(ranks), output.take(others.builder()), output.take(scores)});
    progress.advance(n);
  }
  output.close();
}

}  // namespace

std::vector<std::string> write_item_files(const BundleModel& model, std::int64_t n_similar, const fs::path& directory,
                                          int n_threads) {
  const std::int64_t k = std::min<std::int64_t>(n_similar, model.bundle.items.size() - 1);
  std::vector<std::string> names;
  const auto write = [&](const char* name, const auto& make) {
    make(directory / name);
    names.emplace_back(name);
  };
  if (model.has_vectors()) {
    write(kItemVectorsNpy, [&](const fs::path& file) { write_npy(model, file); });
    write(kItemVectorsParquet, [&](const fs::path& file) { write_vectors(model, file); });
  }
  if (n_similar > 0 && SimilarItems::are_known_to(model)) {
    write(kSimilarItemsParquet,
          [&](const fs::path& file) { write_similar(model, std::max<std::int64_t>(k, 1), file, n_threads); });
  }
  if (names.empty()) {
    throw UsageError("a model of the kind " + model.kind() +
                     (SimilarItems::are_known_to(model)
                          ? " gives no vectors to items, only weights between them: ask for similar items (--similar)"
                          : " has neither vectors nor weights between items, so there is nothing to write: use a "
                            "bundle of another kind, such as gru_session, ials or item_knn"));
  }
  return names;
}

}  // namespace segue::recommend
