#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/feature_pipeline.h"
#include "features/vocabulary.h"
#include "support/ids.h"
#include "support/json.h"

namespace segue {

enum class Part { kTrain, kValidation, kTest };

/// Where the parts of one sequence lie in the event columns: training events are [begin, train_end), validation targets
/// [train_end, valid_end), test targets [valid_end, end). The history of a target is every event of the sequence before
/// it. This one form serves every split: by time, last item, last sequences (train_end is begin or end), given files.
struct SequenceBounds {
  std::int64_t begin, train_end, valid_end, end;
};

/// A feature of all events or items, mapped: codes for a categorical feature, values otherwise.
struct MappedFeature {
  features::FeatureSpec spec;
  std::span<const std::int32_t> codes;
  std::span<const float> values;
  /// Of several codes an item (spec.multiple): those of item i are codes[offsets[i]] .. codes[offsets[i + 1] - 1],
  /// rising and distinct; [n_items + 2], with the unknown item, which has none. Empty for one code an event or item.
  std::span<const std::int64_t> offsets = {};
};

/// Events that are in memory already: the columns that the functions of Dataset with the same names return. Rows >=
/// n_items are unknown items.
struct EventsInMemory {
  std::int32_t n_items = 0;
  std::vector<std::int64_t> begins = {0};            ///< [n_sequences + 1]
  std::vector<std::int64_t> train_ends, valid_ends;  ///< [n_sequences]
  std::vector<ItemRow> item_rows;                    ///< [n_events]
  std::vector<std::int64_t> times_ms;                ///< [n_events], or empty
  std::vector<float> rewards = {};                   ///< [n_events], or empty
  /// [n_items], or both empty.
  std::vector<std::int64_t> available_from_ms = {}, available_until_ms = {};
};

/// A prepared dataset: memory-mapped Arrow IPC files, immutable. Cheap to open; spans live as long as the object.
class Dataset {
 public:
  /// @throws DataError  missing, damaged (checksums), newer format. `verify` reads all bytes to check the sums.
  static Dataset open(const std::filesystem::path& directory, bool verify = true);
  /// A dataset without files and features, for callers that have events already (tests, embedding programs). Items are
  /// named by their rows "0", "1" ..., sequences likewise; the fingerprint is that of the columns.
  /// @throws std::invalid_argument  bounds that do not rise, lengths that disagree, a row outside [0, n_items], a
  /// reward below 0 or not finite, intervals without times
  static Dataset in_memory(EventsInMemory events);
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  [[nodiscard]] std::int64_t n_events() const;
  [[nodiscard]] std::int64_t n_sequences() const;
  [[nodiscard]] std::int32_t n_items() const;  ///< known items; row n_items() is the unknown item
  [[nodiscard]] const features::Vocabulary& items() const;
  [[nodiscard]] SequenceBounds bounds(std::int64_t sequence) const;
  [[nodiscard]] std::span<const std::int64_t> train_ends() const;  ///< [n_sequences]
  [[nodiscard]] std::span<const std::int64_t> begins() const;      ///< [n_sequences + 1]; the last is n_events
  [[nodiscard]] std::span<const std::int64_t> valid_ends() const;  ///< [n_sequences]
  [[nodiscard]] std::string_view sequence_id(std::int64_t sequence) const;
  [[nodiscard]] std::span<const ItemRow> item_rows() const;  ///< [n_events], by sequence, then time, then input order
  [[nodiscard]] std::span<const std::int64_t> times_ms() const;  ///< [n_events], or empty
  [[nodiscard]] std::span<const float> rewards() const;          ///< [n_events], as they were read, >= 0; empty without
  [[nodiscard]] const std::vector<MappedFeature>& features() const;  ///< of events
  [[nodiscard]] const features::FeaturePipeline& pipeline() const;   ///< their transforms
  /// What data.items says of the items: [n_items + 1] each; 0 for items that its files do not list, and for the unknown
  /// item, the last.
  [[nodiscard]] const std::vector<MappedFeature>& item_features() const;
  [[nodiscard]] const features::FeaturePipeline& item_pipeline() const;  ///< their transforms
  /// When items can be recommended: from <= time < until. Both [n_items], the least and the largest int64 where an end
  /// is open; or both empty, when nothing is known of it.
  [[nodiscard]] std::span<const std::int64_t> available_from_ms() const;
  [[nodiscard]] std::span<const std::int64_t> available_until_ms() const;
  [[nodiscard]] std::span<const std::int64_t> item_counts() const;  ///< [n_items], events of the training part
  /// Items with training events, the first ones: behind them stand those that are known from data.items alone.
  [[nodiscard]] std::int64_t n_trained_items() const;
  [[nodiscard]] const Json& manifest() const;     ///< counts, protocol, skipped rows, unknown items
  [[nodiscard]] std::string fingerprint() const;  ///< of content and protocol

 private:
  struct State;
  explicit Dataset(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace segue
