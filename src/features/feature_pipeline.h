#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/section.h"
#include "events/event_reader.h"
#include "events/event_table.h"
#include "features/vocabulary.h"
#include "support/json.h"

namespace segue::features {

/// How a feature is made from columns. hour, weekday, month: of a time column, UTC. gap: time since the previous event
/// of the sequence, in log buckets. duration: from one time column to another, in whole days, clipped to [0,
/// max_value]. categories: the words of a cell, of items alone. age: log1p of the days from a time to the end of the
/// training part, of items alone.
enum class FeatureKind { kCategory, kNumber, kBucket, kHour, kWeekday, kMonth, kGap, kDuration, kCategories, kAge };

/// One entry of data.features or data.items.features.
struct FeatureOptions {
  std::string name;
  FeatureKind kind = FeatureKind::kCategory;
  std::string column;           ///< default: the name; times default to the time column
  std::string until;            ///< duration: the later time column
  bool context = false;         ///< the model also sees this feature of the event to predict (systems.md 1)
  bool history = true;          ///< the model sees it of past events
  std::int64_t min_count = 1;   ///< category, categories: rarer values are unknown
  std::string separator = "|";  ///< categories: what stands between two words; blanks around a word do not count
  std::int64_t n_buckets = 16;  ///< bucket: quantiles of the training part; gap: log buckets
  std::int64_t max_value = 30;  ///< duration, days
  void read(config::Section& section);
  /// Of items: no gap, no duration, and no part in the context; but categories and age.
  void read_of_item(config::Section& section);
};

/// What a model needs to know of a feature. Code 0 means unknown or missing; numbers are standardised, missing = 0.
struct FeatureSpec {
  std::string name;
  bool categorical = true;
  std::int32_t n_codes = 0;  ///< categorical: codes are in [0, n_codes)
  bool context = false;
  bool history = true;
  bool multiple = false;  ///< categorical: any number of codes, also none
  bool operator==(const FeatureSpec&) const = default;
};

/// A feature of every event or item: codes or values, [n_rows].
struct FeatureColumn {
  std::vector<std::int32_t> codes;
  std::vector<float> values;
  /// Of several codes a row (FeatureSpec::multiple): those of row i are codes[offsets[i]] .. codes[offsets[i + 1] - 1],
  /// rising and distinct; [n_rows + 1]. Empty for one code a row.
  std::vector<std::int64_t> offsets;
};

/// The fitted transforms of all features: fitted on the training part alone, stored with the prepared dataset and in
/// the bundle, applied by the same code to a training row and to a request.
class FeaturePipeline {
 public:
  FeaturePipeline() = default;
  /// @param time_column   of the events, for times without a column; empty for items
  /// @param training_end_ms  the latest time of a training event, at which an age is measured
  /// @throws ConfigError  two features of one name; a time without a column; an age without training_end_ms
  explicit FeaturePipeline(std::vector<FeatureOptions> options, std::string time_column,
                           std::int64_t training_end_ms = events::kMissingTime);

  /// Columns the reader must supply, each once.
  [[nodiscard]] std::vector<events::ColumnRequest> columns() const;
  /// The time column of the events, where a feature is read from it; else empty.
  [[nodiscard]] std::string time_column_read() const;
  /// Counts values of rows of the training part (is_training[row] != 0); call for every block, then finish_fit().
  void fit(const events::EventTable& table, std::span<const std::uint8_t> is_training);
  void finish_fit();
  /// Features of the rows, which must be whole sequences in time order; `starts[row] != 0` at the first row of each
  /// (not read for items, where each row stands alone).
  [[nodiscard]] std::vector<FeatureColumn> apply(const events::EventTable& table,
                                                 std::span<const std::uint8_t> starts) const;
  [[nodiscard]] std::vector<FeatureSpec> specs() const;
  /// The values of a feature of the kind category, in the order of their codes from 1; nullptr: there is none called
  /// so.
  [[nodiscard]] const Vocabulary* categories(const std::string& feature) const;
  [[nodiscard]] Json to_json() const;
  static FeaturePipeline from_json(const Json& json, const std::string& where);

 private:
  struct Transform {
    FeatureOptions options;
    std::vector<std::string> values;                      ///< category, categories: code - 1 -> value
    double mean = 0, deviation = 1;                       ///< number, age
    std::int64_t training_end_ms = events::kMissingTime;  ///< age
    std::vector<double> edges;                            ///< bucket, gap: rising upper bounds
    std::shared_ptr<const Vocabulary> codes;              ///< category, categories: value -> code - 1
  };
  struct Fit;  ///< what is counted between fit() and finish_fit()
  std::shared_ptr<Fit> fit_;
  std::vector<Transform> transforms_;
  std::string time_column_;
};

}  // namespace segue::features
