#include "dataset/dataset.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <utility>

#include "dataset/column_file.h"
#include "dataset/prepared_format.h"
#include "support/errors.h"
#include "support/storage.h"

namespace segue {

struct Dataset::State {
  std::vector<dataset::MappedColumns> files;  // keeps the maps
  EventsInMemory owned;                       // of in_memory(): what the spans below view
  std::string owned_ids;
  std::vector<std::int64_t> owned_id_ends, owned_counts;
  features::Vocabulary items;
  features::FeaturePipeline pipeline, item_pipeline;
  Json manifest;
  std::span<const std::int64_t> begins, train_ends, valid_ends, times_ms, item_counts, available_from, available_until;
  std::span<const float> rewards;
  std::span<const ItemRow> item_rows;
  dataset::MappedColumns::Text ids;
  std::vector<MappedFeature> features, item_features;
};

namespace {

/// The first fault in the bounds of sequences, or empty.
std::string fault_of_bounds(std::span<const std::int64_t> begins, std::span<const std::int64_t> train_ends,
                            std::span<const std::int64_t> valid_ends, std::size_t n_events) {
  if (begins.empty() || train_ends.size() + 1 != begins.size() || valid_ends.size() != train_ends.size())
    return "lengths disagree";
  if (begins.front() != 0 || begins.back() != static_cast<std::int64_t>(n_events))
    return "sequences do not cover the events";
  for (std::size_t s = 0; s < train_ends.size(); ++s) {
    if (begins[s] > train_ends[s] || train_ends[s] > valid_ends[s] || valid_ends[s] > begins[s + 1]) {
      return "the bounds of sequence " + std::to_string(s) + " do not rise";
    }
  }
  return {};
}

bool rows_are_items(std::span<const ItemRow> rows, std::int32_t n_items) {
  return std::all_of(rows.begin(), rows.end(), [n_items](ItemRow row) { return row >= 0 && row <= n_items; });
}

std::vector<MappedFeature> map_features(const std::vector<features::FeatureSpec>& specs,
                                        const dataset::MappedColumns& columns) {
  std::vector<MappedFeature> features;
  for (const auto& spec : specs) {
    MappedFeature feature{spec, {}, {}, {}};
    if (spec.multiple) {
      const auto lists = columns.int32_lists("feature:" + spec.name);
      feature.codes = lists.numbers;
      feature.offsets = lists.ends;
    } else if (spec.categorical) {
      feature.codes = columns.int32("feature:" + spec.name);
    } else {
      feature.values = columns.float32("feature:" + spec.name);
    }
    features.push_back(std::move(feature));
  }
  return features;
}

bool rewards_are_amounts(std::span<const float> rewards) {
  return std::all_of(rewards.begin(), rewards.end(), [](float reward) { return reward >= 0 && std::isfinite(reward); });
}

/// Whether every list of codes lies inside them, and rises.
bool offsets_fit(const MappedFeature& feature) {
  const auto& offsets = feature.offsets;
  if (offsets.empty()) return !feature.spec.multiple;
  if (offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(feature.codes.size()) ||
      !std::is_sorted(offsets.begin(), offsets.end()))
    return false;
  for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
    const auto codes = feature.codes.subspan(static_cast<std::size_t>(offsets[row]),
                                             static_cast<std::size_t>(offsets[row + 1] - offsets[row]));
    if (std::adjacent_find(codes.begin(), codes.end(), std::greater_equal<>()) != codes.end()) return false;
  }
  return true;
}

bool codes_fit(const MappedFeature& feature) {
  const auto n = feature.spec.n_codes;
  return offsets_fit(feature) && std::all_of(feature.codes.begin(), feature.codes.end(),
                                             [n](std::int32_t code) { return code >= 0 && code < n; });
}

}  // namespace

Dataset::Dataset(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(const std::filesystem::path& directory, bool verify) {
  using namespace dataset;
  const auto manifest_path = directory / kManifestFile;
  if (!std::filesystem::exists(manifest_path)) {
    throw DataError(directory.string() + ": no prepared dataset there (no " + kManifestFile +
                    "); make one with: segue prepare CONFIG");
  }
  auto state = std::make_unique<State>();
  auto& s = *state;
  const auto where = manifest_path.string();
  s.manifest = read_json(manifest_path);
  check_format(s.manifest, kFormat, kVersion, where);
  const auto sums = json_get<Json>(s.manifest, "files", where);
  std::vector<const char*> names = {kEventsFile, kSequencesFile, kItemsFile, kCountsFile, kFeaturesFile};
  const bool has_item_features = json_get<int>(s.manifest, "version", where) > kVersionWithoutItemFeatures;
  if (has_item_features) names.insert(names.end(), {kItemFeaturesFile, kItemTransformsFile});
  for (const auto* name : names) {
    const auto path = directory / name;
    const auto entry = json_get<Json>(sums, name, where);
    std::error_code missing;
    const auto bytes = std::filesystem::file_size(path, missing);
    if (missing) throw DataError(path.string() + ": missing from the prepared dataset; prepare the data again");
    if (bytes != json_get<std::uintmax_t>(entry, "bytes", where)) {
      throw DataError(path.string() + ": truncated or replaced: " + std::to_string(bytes) +
                      " bytes where the manifest says " + entry["bytes"].dump() + "; prepare the data again");
    }
    if (verify && storage::file_checksum(path) != json_get<std::string>(entry, "checksum", where)) {
      throw DataError(path.string() + ": damaged (its checksum is not that of the manifest); prepare the data again");
    }
  }
  s.items =
      features::Vocabulary::from_text(storage::read_file(directory / kItemsFile), (directory / kItemsFile).string());
  const auto read_transforms = [&](const char* name) {
    return features::FeaturePipeline::from_json(read_json(directory / name), (directory / name).string());
  };
  s.pipeline = read_transforms(kFeaturesFile);
  if (has_item_features) s.item_pipeline = read_transforms(kItemTransformsFile);
  for (const auto* name : {kEventsFile, kSequencesFile, kCountsFile}) s.files.emplace_back(directory / name);
  if (has_item_features) s.files.emplace_back(directory / kItemFeaturesFile);
  const auto& events = s.files[0];
  const auto& sequences = s.files[1];
  s.item_rows = events.int32("item");
  if (events.has("time_ms")) s.times_ms = events.int64("time_ms");
  if (events.has("reward")) s.rewards = events.float32("reward");
  s.features = map_features(s.pipeline.specs(), events);
  if (has_item_features) s.item_features = map_features(s.item_pipeline.specs(), s.files[3]);
  s.begins = sequences.int64("begin");
  const auto n_sequences = s.begins.empty() ? 0 : s.begins.size() - 1;
  s.train_ends = sequences.int64("train_end").first(n_sequences);
  s.valid_ends = sequences.int64("valid_end").first(n_sequences);
  s.ids = sequences.text("id");
  s.item_counts = s.files[2].int64("n_training");
  const auto fail = [&](const std::string& fault) {
    throw DataError(directory.string() + ": " + fault + "; prepare the data again");
  };
  if (s.item_counts.size() != static_cast<std::size_t>(s.items.size())) fail("items.txt and items.arrow disagree");
  if (has_item_features && s.files[3].n_rows() != s.items.size() + 1)
    fail("items.txt and item_features.arrow disagree");
  if (has_item_features && s.files[3].has("available_from_ms")) {
    const auto n_items = static_cast<std::size_t>(s.items.size());
    s.available_from = s.files[3].int64("available_from_ms").first(n_items);
    s.available_until = s.files[3].int64("available_until_ms").first(n_items);
    if (s.times_ms.empty()) fail("items are available in intervals, but events have no times");
  }
  if (verify) {
    const auto fault = fault_of_bounds(s.begins, s.train_ends, s.valid_ends, s.item_rows.size());
    if (!fault.empty()) fail(fault);
    if (!rows_are_items(s.item_rows, s.items.size())) fail("an event of no known item row");
    if (!rewards_are_amounts(s.rewards)) fail("a reward below 0 or not finite");
    for (const auto* features : {&s.features, &s.item_features}) {
      for (const auto& feature : *features) {
        if (!codes_fit(feature)) fail("a code of feature '" + feature.spec.name + "' out of range");
      }
    }
  }
  return Dataset(std::move(state));
}

Dataset Dataset::in_memory(EventsInMemory events) {
  auto state = std::make_unique<State>();
  auto& s = *state;
  s.owned = std::move(events);
  const auto& o = s.owned;
  const auto fault = fault_of_bounds(o.begins, o.train_ends, o.valid_ends, o.item_rows.size());
  if (!fault.empty()) throw std::invalid_argument("Dataset::in_memory: " + fault);
  if (!o.times_ms.empty() && o.times_ms.size() != o.item_rows.size())
    throw std::invalid_argument("Dataset::in_memory: times and events differ in number");
  if (!o.rewards.empty() && o.rewards.size() != o.item_rows.size())
    throw std::invalid_argument("Dataset::in_memory: rewards and events differ in number");
  if (!rewards_are_amounts(o.rewards))
    throw std::invalid_argument("Dataset::in_memory: a reward below 0 or not finite");
  if (o.available_from_ms.size() != o.available_until_ms.size())
    throw std::invalid_argument("Dataset::in_memory: the two ends of intervals differ in number");
  if (!o.available_from_ms.empty()) {
    if (static_cast<std::int64_t>(o.available_from_ms.size()) != o.n_items)
      throw std::invalid_argument("Dataset::in_memory: intervals and items differ in number");
    if (o.times_ms.empty()) throw std::invalid_argument("Dataset::in_memory: intervals need times");
  }
  s.owned_counts.assign(static_cast<std::size_t>(std::max(o.n_items, 0)), 0);
  for (auto& row : s.owned.item_rows) {
    if (row < 0) throw std::invalid_argument("Dataset::in_memory: an item row below 0");
    row = std::min(row, o.n_items);  // one row stands for every unknown item
  }
  for (std::size_t q = 0; q < o.train_ends.size(); ++q) {
    for (auto e = o.begins[q]; e < o.train_ends[q]; ++e) {
      const auto row = o.item_rows[static_cast<std::size_t>(e)];
      if (row < o.n_items) ++s.owned_counts[static_cast<std::size_t>(row)];
    }
  }
  s.items.is_integer = true;
  for (std::int32_t row = 0; row < o.n_items; ++row) s.items.add(std::to_string(row));
  s.owned_id_ends.push_back(0);
  for (std::size_t q = 0; q < o.train_ends.size(); ++q) {
    s.owned_ids += std::to_string(q);
    s.owned_id_ends.push_back(static_cast<std::int64_t>(s.owned_ids.size()));
  }
  s.begins = o.begins;
  s.train_ends = o.train_ends;
  s.valid_ends = o.valid_ends;
  s.times_ms = o.times_ms;
  s.rewards = o.rewards;
  s.available_from = o.available_from_ms;
  s.available_until = o.available_until_ms;
  s.item_rows = o.item_rows;
  s.item_counts = s.owned_counts;
  s.ids = {s.owned_id_ends, s.owned_ids};
  std::string sums = std::to_string(o.n_items);
  const auto add = [&](const auto& column) {
    sums += ' ' + storage::checksum({reinterpret_cast<const char*>(column.data()), column.size() * sizeof(column[0])});
  };
  add(o.begins), add(o.train_ends), add(o.valid_ends), add(o.item_rows), add(o.times_ms);
  // Only where there is something to say: others keep the fingerprints that they had before.
  if (!o.rewards.empty()) add(o.rewards);
  if (!o.available_from_ms.empty()) add(o.available_from_ms), add(o.available_until_ms);
  s.manifest = {{"format", dataset::kFormat},
                {"version", dataset::kVersionWithoutItemFeatures},
                {"fingerprint", storage::checksum(sums)},
                {"protocol", Json::object()},
                {"counts", {{"events", o.item_rows.size()}, {"sequences", o.train_ends.size()}, {"items", o.n_items}}}};
  return Dataset(std::move(state));
}

std::int64_t Dataset::n_events() const { return static_cast<std::int64_t>(state_->item_rows.size()); }
std::int64_t Dataset::n_sequences() const { return static_cast<std::int64_t>(state_->train_ends.size()); }
std::int32_t Dataset::n_items() const { return state_->items.size(); }
const features::Vocabulary& Dataset::items() const { return state_->items; }
SequenceBounds Dataset::bounds(std::int64_t sequence) const {
  const auto at = static_cast<std::size_t>(sequence);
  return {state_->begins[at], state_->train_ends[at], state_->valid_ends[at], state_->begins[at + 1]};
}
std::span<const std::int64_t> Dataset::train_ends() const { return state_->train_ends; }
std::span<const std::int64_t> Dataset::begins() const { return state_->begins; }
std::span<const std::int64_t> Dataset::valid_ends() const { return state_->valid_ends; }
std::string_view Dataset::sequence_id(std::int64_t sequence) const {
  const auto at = static_cast<std::size_t>(sequence);
  const auto begin = state_->ids.ends[at], end = state_->ids.ends[at + 1];
  return state_->ids.bytes.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}
std::span<const ItemRow> Dataset::item_rows() const { return state_->item_rows; }
std::span<const std::int64_t> Dataset::times_ms() const { return state_->times_ms; }
std::span<const float> Dataset::rewards() const { return state_->rewards; }
std::span<const std::int64_t> Dataset::available_from_ms() const { return state_->available_from; }
std::span<const std::int64_t> Dataset::available_until_ms() const { return state_->available_until; }
const std::vector<MappedFeature>& Dataset::features() const { return state_->features; }
const features::FeaturePipeline& Dataset::pipeline() const { return state_->pipeline; }
const std::vector<MappedFeature>& Dataset::item_features() const { return state_->item_features; }
const features::FeaturePipeline& Dataset::item_pipeline() const { return state_->item_pipeline; }
std::span<const std::int64_t> Dataset::item_counts() const { return state_->item_counts; }
std::int64_t Dataset::n_trained_items() const {
  std::size_t n = state_->item_counts.size();
  while (n > 0 && state_->item_counts[n - 1] == 0) --n;
  return static_cast<std::int64_t>(n);
}
const Json& Dataset::manifest() const { return state_->manifest; }
std::string Dataset::fingerprint() const {
  return json_get<std::string>(state_->manifest, "fingerprint", "manifest of the dataset");
}

}  // namespace segue
