#include "item_index/index_writer.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "item_index/calibration.h"
#include "item_index/index_lock.h"
#include "item_index/item_index.h"
#include "item_index/removed_rows.h"
#include "item_index/segment.h"
#include "item_index/segment_content.h"
#include "support/errors.h"
#include "support/storage.h"

namespace segue::item_index {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSegment = "segment";
constexpr const char* kRemoved = "removed";
constexpr const char* kQueries = "queries";
constexpr std::int64_t kLastId = std::numeric_limits<std::int64_t>::max();

/// The ids of new items, checked, and numbered on where none are given.
std::vector<std::int64_t> ids_of(const NewItems& items, std::int64_t next_id) {
  const auto n = items.vectors.n_rows;
  if (items.ids.empty()) {
    if (next_id > kLastId - n)
      throw DataError(items.origin + ": the index has used the largest id there is: name ids by --ids");
    std::vector<std::int64_t> ids(static_cast<std::size_t>(n));
    std::iota(ids.begin(), ids.end(), next_id);
    return ids;
  }
  if (static_cast<std::int64_t>(items.ids.size()) != n)
    throw DataError(items.origin + ": there are " + std::to_string(items.ids.size()) + " ids for " + std::to_string(n) +
                    " vectors: give one each");
  std::unordered_set<std::int64_t> seen;
  for (const std::int64_t id : items.ids) {
    if (id == kNoItemId)
      throw DataError(items.origin + ": the id -1 stands for no item in lists: give that item another");
    if (!seen.insert(id).second)
      throw DataError(items.origin + ": the id " + std::to_string(id) + " comes twice: leave one out");
  }
  return items.ids;
}

std::int64_t next_after(const std::vector<std::int64_t>& ids, std::int64_t next_id) {
  const auto largest = ids.empty() ? -1 : *std::max_element(ids.begin(), ids.end());
  return std::max(next_id, largest == kLastId ? kLastId : largest + 1);
}

void require_room(std::int64_t n_rows, const fs::path& directory) {
  if (n_rows > kMaxIndexRows)
    throw DataError(directory.string() + ": an index has at most 2^31 - 1 rows, removed ones too; this would make " +
                    std::to_string(n_rows) + ": compact it, or split it");
}

void add_segment(const fs::path& directory, const SegmentContent& content,
                 const std::optional<kernels::IvfOptions>& lists, IndexManifest& manifest, int n_threads) {
  const auto path = directory / manifest.new_name(kSegment);
  write_segment(path, content, lists, n_threads);
  manifest.segments.push_back(IndexFile::of(path, content.vectors.n_rows));
}

/// The only segment of an index: with lists where its options say so, and then with probes.
void add_whole(const fs::path& directory, const SegmentContent& content, IndexManifest& manifest, int n_threads,
               const kernels::Device& k_means) {
  const auto& options = manifest.options;
  std::optional<kernels::IvfOptions> lists;
  if (options.kind == IndexKind::kIvf) {
    lists.emplace();
    lists->n_lists = options.lists;
    lists->seed = options.seed;
    lists->device = k_means;
    lists->by_distance = options.metric != kernels::Metric::kInnerProduct;
  }
  add_segment(directory, content, lists, manifest, n_threads);
  manifest.probes = lists ? options.probes : 0;
  manifest.calibration = nullptr;
  if (!lists || options.probes > 0) return;
  const auto index = ItemIndex::open(directory, manifest);
  const auto queries =
      manifest.queries ? read_queries(directory, *manifest.queries, manifest.dim) : sample_items(index);
  auto calibration = calibrate(index, queries, n_threads);
  manifest.probes = calibration.probes;
  manifest.calibration = std::move(calibration.measured);
}

void set_removed(const fs::path& directory, std::vector<std::int32_t> rows, IndexManifest& manifest) {
  std::sort(rows.begin(), rows.end());
  const auto path = directory / manifest.new_name(kRemoved);
  write_removed_rows(path, rows);
  manifest.removed = IndexFile::of(path, static_cast<std::int64_t>(rows.size()));
}

/// Deletes files of the index that its manifest does not name: of interrupted changes, and of those before the last.
void sweep(const fs::path& directory, const IndexManifest& manifest) {
  std::unordered_set<std::string> named;
  for (const auto& segment : manifest.segments) named.insert(segment.name);
  for (const auto& file : {manifest.removed, manifest.queries}) {
    if (file) named.insert(file->name);
  }
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    bool own = name.starts_with(std::string(kIndexManifest) + ".tmp-");
    for (const char* stem : {kSegment, kRemoved, kQueries}) own = own || name.starts_with(std::string(stem) + "-");
    if (own && !named.contains(name)) leftovers.push_back(entry.path());
  }
  std::error_code ignored;
  for (const auto& path : leftovers) fs::remove(path, ignored);
}

}  // namespace

IndexManifest build_index(const fs::path& directory, const NewItems& items, const IndexOptions& options, int n_threads,
                          kernels::MatrixView<const float> queries, const kernels::Device& k_means) {
  const auto ids = ids_of(items, 0);
  require_room(items.vectors.n_rows, directory);
  if (queries.n_rows > 0 && queries.n_cols != items.vectors.n_cols)
    throw DataError("sample queries have " + std::to_string(queries.n_cols) + " dimensions, the items " +
                    std::to_string(items.vectors.n_cols));
  const PreparedVectors vectors(items, options, n_threads);
  std::unique_ptr<IndexLock> lock;
  if (is_index(directory)) lock = std::make_unique<IndexLock>(directory);
  IndexManifest manifest;
  manifest.options = options;
  manifest.dim = items.vectors.n_cols;
  manifest.n_items = items.vectors.n_rows;
  manifest.next_id = next_after(ids, 0);
  manifest.weights = items.weights;
  storage::write_directory_with(directory, [&](const fs::path& aside) {
    if (queries.n_rows > 0 && options.kind == IndexKind::kIvf) {
      const auto path = aside / manifest.new_name(kQueries);
      const auto sample = sample_queries(queries, options);
      write_queries(path, sample, manifest.dim);
      manifest.queries = IndexFile::of(path, sample.n);
    }
    add_whole(aside, vectors.with(ids), manifest, n_threads, k_means);
    manifest.write(aside);
  });
  return manifest;
}

IndexChange add_items(const fs::path& directory, const NewItems& items, int n_threads) {
  (void)IndexManifest::read(directory);  // no lock is left in a folder of something else
  const IndexLock lock(directory);
  const auto index = ItemIndex::open(directory);
  IndexManifest manifest = index.manifest();
  if (items.vectors.n_cols != manifest.dim)
    throw DataError(directory.string() + ": its vectors have " + std::to_string(manifest.dim) +
                    " dimensions, the new ones " + std::to_string(items.vectors.n_cols));
  // Distances are a bias too, which is made here.
  const bool has_bias = manifest.options.metric != kernels::Metric::kL2 && !index.segments().empty() &&
                        index.segments().front()->items().bias != nullptr;
  if (has_bias && items.bias == nullptr)
    throw DataError(directory.string() +
                    ": its items have a bias, as those of a model do, and the new vectors have none: build the index "
                    "of the bundle anew");
  const auto ids = ids_of(items, manifest.next_id);
  require_room(index.n_rows() + items.vectors.n_rows, directory);
  const PreparedVectors vectors(items, manifest.options, n_threads);
  sweep(directory, manifest);

  const auto replaced = index.rows_of(ids);
  add_segment(directory, vectors.with(ids), std::nullopt, manifest, n_threads);
  if (!replaced.empty()) {
    auto rows = index.removed_rows();
    for (const auto& [id, row] : replaced) rows.push_back(static_cast<std::int32_t>(row));
    set_removed(directory, std::move(rows), manifest);
  }
  const auto n_replaced = static_cast<std::int64_t>(replaced.size());
  manifest.n_items += items.vectors.n_rows - n_replaced;
  manifest.next_id = next_after(ids, manifest.next_id);
  manifest.weights.clear();  // these vectors are of something else
  manifest.write(directory);
  return {items.vectors.n_rows - n_replaced, n_replaced, 0, manifest};
}

IndexChange remove_items(const fs::path& directory, const std::vector<std::int64_t>& ids) {
  (void)IndexManifest::read(directory);
  const IndexLock lock(directory);
  const auto index = ItemIndex::open(directory);
  IndexManifest manifest = index.manifest();
  const auto found = index.rows_of(ids);
  for (const std::int64_t id : ids) {
    if (!found.contains(id))
      throw DataError(directory.string() + ": there is no item " + std::to_string(id) +
                      " to remove; nothing was changed: leave that id out");
  }
  if (found.empty()) return {0, 0, 0, manifest};
  sweep(directory, manifest);
  auto rows = index.removed_rows();
  for (const auto& [id, row] : found) rows.push_back(static_cast<std::int32_t>(row));
  set_removed(directory, std::move(rows), manifest);
  const auto n_removed = static_cast<std::int64_t>(found.size());
  manifest.n_items -= n_removed;
  manifest.write(directory);
  return {0, 0, n_removed, manifest};
}

IndexChange compact_index(const fs::path& directory, int n_threads, const kernels::Device& k_means) {
  (void)IndexManifest::read(directory);
  const IndexLock lock(directory);
  const auto index = ItemIndex::open(directory);
  IndexManifest manifest = index.manifest();
  const bool lacks_lists = manifest.options.kind == IndexKind::kIvf && index.n_lists() == 0;
  if (manifest.segments.size() > 1 || manifest.removed || lacks_lists) {
    GatheredItems kept(manifest.options.dtype, index.dim(), index.n_items());
    for (std::size_t s = 0; s < index.segments().size(); ++s) {
      for (std::int64_t row = 0; row < index.segments()[s]->n_rows(); ++row) {
        if (!index.is_removed(index.first_row(s) + row)) kept.add(*index.segments()[s], row);
      }
    }
    manifest.segments.clear();
    manifest.removed.reset();
    if (index.n_items() > 0) add_whole(directory, kept.content(), manifest, n_threads, k_means);
    manifest.write(directory);
  }
  sweep(directory, manifest);
  return {0, 0, 0, manifest};
}

}  // namespace segue::item_index
