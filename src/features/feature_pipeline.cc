#include "features/feature_pipeline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "features/exact_sum.h"
#include "features/quantile_sketch.h"
#include "support/errors.h"

namespace segue::features {
namespace {

using events::ColumnType;
constexpr std::int64_t kHourMs = 3'600'000, kDayMs = 24 * kHourMs;
constexpr int kVersion = 2;
constexpr int kVersionWithoutKindsOfItems = 1;  // of older programs, which know neither categories nor age

const std::vector<std::pair<const char*, FeatureKind>>& kinds() {
  static const std::vector<std::pair<const char*, FeatureKind>> words = {{"category", FeatureKind::kCategory},
                                                                         {"number", FeatureKind::kNumber},
                                                                         {"bucket", FeatureKind::kBucket},
                                                                         {"hour", FeatureKind::kHour},
                                                                         {"weekday", FeatureKind::kWeekday},
                                                                         {"month", FeatureKind::kMonth},
                                                                         {"gap", FeatureKind::kGap},
                                                                         {"duration", FeatureKind::kDuration},
                                                                         {"categories", FeatureKind::kCategories},
                                                                         {"age", FeatureKind::kAge}};
  return words;
}

const char* word_of(FeatureKind kind) {
  for (const auto& [word, known] : kinds()) {
    if (known == kind) return word;
  }
  return "";
}

bool is_of_time(FeatureKind kind) {
  return kind == FeatureKind::kHour || kind == FeatureKind::kWeekday || kind == FeatureKind::kMonth ||
         kind == FeatureKind::kGap || kind == FeatureKind::kDuration || kind == FeatureKind::kAge;
}

/// Of words that are numbered.
bool is_of_words(FeatureKind kind) { return kind == FeatureKind::kCategory || kind == FeatureKind::kCategories; }

/// Of numbers that are standardised.
bool is_number(FeatureKind kind) { return kind == FeatureKind::kNumber || kind == FeatureKind::kAge; }

ColumnType column_type(FeatureKind kind) {
  if (is_of_words(kind)) return ColumnType::kText;
  return is_of_time(kind) ? ColumnType::kTime : ColumnType::kNumber;
}

const events::Column& find_column(const events::EventTable& table, const std::string& name, ColumnType type) {
  for (const auto& column : table.columns) {
    if (column.name == name && column.type == type) return column;
  }
  throw std::invalid_argument("features: the table lacks column '" + name +
                              "' that FeaturePipeline::columns() asked for");
}

std::span<const std::int64_t> find_times(const events::EventTable& table, const std::string& name,
                                         const std::string& time_column) {
  if (name == time_column) return table.times_ms;
  return find_column(table, name, ColumnType::kTime).times_ms;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

std::int32_t hour_code(std::int64_t ms) {
  return static_cast<std::int32_t>((ms - floor_divide(ms, kDayMs) * kDayMs) / kHourMs) + 1;
}

/// Monday 1 ... Sunday 7; the first of January 1970 was a Thursday.
std::int32_t weekday_code(std::int64_t ms) {
  const auto day = floor_divide(ms, kDayMs) + 3;
  return static_cast<std::int32_t>(day - floor_divide(day, 7) * 7) + 1;
}

/// January 1 ... December 12, from days since 1970 (shifted to eras of 400 years that begin in March).
std::int32_t month_code(std::int64_t ms) {
  const auto days = floor_divide(ms, kDayMs) + 719'468;
  const auto day_of_era = days - floor_divide(days, 146'097) * 146'097;
  const auto year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const auto day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const auto month_from_march = (5 * day_of_year + 2) / 153;
  return static_cast<std::int32_t>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
}

/// Bounds of n buckets of gaps: from one second to a year in equal steps of the logarithm. Nothing is fitted.
std::vector<double> gap_bounds(std::int64_t n) {
  constexpr double kShortest = 1000.0, kLongest = 365.0 * static_cast<double>(kDayMs);
  std::vector<double> bounds;
  for (std::int64_t i = 0; i + 1 < n; ++i) {
    const double share = n == 2 ? 0.5 : static_cast<double>(i) / static_cast<double>(n - 2);
    bounds.push_back(std::round(kShortest * std::pow(kLongest / kShortest, share)));
  }
  return bounds;
}

/// 1 + the first bucket whose bound is not below the value.
std::int32_t bucket_code(const std::vector<double>& bounds, double value) {
  return static_cast<std::int32_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin()) + 1;
}

std::string_view without_blanks(std::string_view word) {
  const auto begin = word.find_first_not_of(" \t");
  return begin == std::string_view::npos ? std::string_view()
                                         : word.substr(begin, word.find_last_not_of(" \t") + 1 - begin);
}

/// The words of a cell, each once, in the order met; `words` is used again.
void split_words(std::string_view cell, std::string_view separator, std::vector<std::string_view>& words) {
  words.clear();
  for (std::size_t begin = 0; begin <= cell.size();) {
    const auto end = std::min(cell.find(separator, begin), cell.size());
    const auto word = without_blanks(cell.substr(begin, end - begin));
    if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
    begin = end + separator.size();
  }
}

/// Numbers of a column, NaN where missing: of an age, log1p of the days from its time to the end of the training part.
class Numbers {
 public:
  Numbers(const events::EventTable& table, const FeatureOptions& options, std::int64_t training_end_ms)
      : column_(find_column(table, options.column, column_type(options.kind))), training_end_ms_(training_end_ms) {}
  double operator[](std::size_t row) const {
    if (column_.type == ColumnType::kNumber) return column_.numbers[row];
    const auto time = column_.times_ms[row];
    if (time == events::kMissingTime) return std::numeric_limits<double>::quiet_NaN();
    const double age_ms = static_cast<double>(training_end_ms_) - static_cast<double>(time);
    return std::log1p(std::max(age_ms, 0.0) / static_cast<double>(kDayMs));
  }

 private:
  const events::Column& column_;
  std::int64_t training_end_ms_;
};

}  // namespace

struct FeaturePipeline::Fit {
  struct Counts {
    Vocabulary values;
    std::vector<std::int64_t> n_of_value;
    std::int64_t n = 0;
    ExactSum sum, squares;
    QuantileSketch quantiles;
  };
  std::vector<Counts> of_transform;
};

FeaturePipeline::FeaturePipeline(std::vector<FeatureOptions> options, std::string time_column,
                                 std::int64_t training_end_ms)
    : time_column_(std::move(time_column)) {
  std::set<std::string> names;
  for (auto& option : options) {
    if (!names.insert(option.name).second)
      throw ConfigError("data.features: two features are named '" + option.name + "'");
    if (is_of_time(option.kind) && option.column.empty()) {
      if (time_column_.empty()) {
        throw ConfigError("data.features: '" + option.name +
                          "' is of a time, but there is no data.columns.time; name its column");
      }
      option.column = time_column_;
    }
    if (option.column.empty()) option.column = option.name;
    if (option.kind == FeatureKind::kCategories && option.separator.empty())
      throw ConfigError("data.items.features: '" + option.name + "' needs a separator between its words");
    if (option.kind == FeatureKind::kAge && training_end_ms == events::kMissingTime) {
      throw ConfigError("data.items.features: '" + option.name +
                        "' is an age, measured at the last training event, and so needs data.columns.time");
    }
    Transform transform;
    if (option.kind == FeatureKind::kAge) transform.training_end_ms = training_end_ms;
    transform.options = std::move(option);
    if (transform.options.kind == FeatureKind::kGap) transform.edges = gap_bounds(transform.options.n_buckets);
    if (is_of_words(transform.options.kind)) transform.codes = std::make_shared<Vocabulary>();
    transforms_.push_back(std::move(transform));
  }
}

std::vector<events::ColumnRequest> FeaturePipeline::columns() const {
  std::vector<events::ColumnRequest> requests;
  const auto ask = [&](const std::string& name, ColumnType type) {
    if (type == ColumnType::kTime && name == time_column_) return;  // read with every event
    for (const auto& request : requests) {
      if (request.name == name && request.type == type) return;
    }
    requests.push_back({name, type});
  };
  for (const auto& transform : transforms_) {
    ask(transform.options.column, column_type(transform.options.kind));
    if (transform.options.kind == FeatureKind::kDuration) ask(transform.options.until, ColumnType::kTime);
  }
  return requests;
}

std::string FeaturePipeline::time_column_read() const {
  const bool read = std::any_of(transforms_.begin(), transforms_.end(), [&](const Transform& transform) {
    const auto& options = transform.options;
    return is_of_time(options.kind) && (options.column == time_column_ || options.until == time_column_);
  });
  return read ? time_column_ : "";
}

void FeaturePipeline::fit(const events::EventTable& table, std::span<const std::uint8_t> is_training) {
  if (!fit_) {
    fit_ = std::make_shared<Fit>();
    fit_->of_transform.resize(transforms_.size());
  }
  for (std::size_t t = 0; t < transforms_.size(); ++t) {
    const auto& options = transforms_[t].options;
    auto& counts = fit_->of_transform[t];
    if (is_of_words(options.kind)) {
      const auto& text = find_column(table, options.column, ColumnType::kText).text;
      std::vector<std::string_view> words;
      for (std::size_t row = 0; row < table.n_rows; ++row) {
        if (is_training[row] == 0 || text[row].empty()) continue;
        if (options.kind == FeatureKind::kCategories)
          split_words(text[row], options.separator, words);
        else
          words.assign(1, text[row]);
        for (const auto word : words) {
          const auto value = static_cast<std::size_t>(counts.values.add(word));
          if (value == counts.n_of_value.size()) counts.n_of_value.push_back(0);
          ++counts.n_of_value[value];
        }
      }
    } else if (is_number(options.kind) || options.kind == FeatureKind::kBucket) {
      const Numbers numbers(table, options, transforms_[t].training_end_ms);
      for (std::size_t row = 0; row < table.n_rows; ++row) {
        if (is_training[row] == 0 || std::isnan(numbers[row])) continue;
        if (options.kind == FeatureKind::kBucket) {
          counts.quantiles.add(numbers[row]);
        } else {
          const auto value = static_cast<long double>(numbers[row]);
          ++counts.n;
          counts.sum.add(value);
          counts.squares.add(value * value);
        }
      }
    }
  }
}

void FeaturePipeline::finish_fit() {
  if (!fit_) return;
  for (std::size_t t = 0; t < transforms_.size(); ++t) {
    auto& transform = transforms_[t];
    auto& counts = fit_->of_transform[t];
    if (is_of_words(transform.options.kind)) {
      // Most frequent first, then by the bytes: no trace of the order in which values were met.
      std::vector<std::int32_t> order;
      for (std::int32_t value = 0; value < counts.values.size(); ++value) {
        if (counts.n_of_value[static_cast<std::size_t>(value)] >= transform.options.min_count) order.push_back(value);
      }
      std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        const auto n_a = counts.n_of_value[static_cast<std::size_t>(a)],
                   n_b = counts.n_of_value[static_cast<std::size_t>(b)];
        return n_a != n_b ? n_a > n_b : counts.values.id(a) < counts.values.id(b);
      });
      auto codes = std::make_shared<Vocabulary>();
      transform.values.clear();
      for (const auto value : order) {
        transform.values.emplace_back(counts.values.id(value));
        codes->add(transform.values.back());
      }
      transform.codes = std::move(codes);
    } else if (is_number(transform.options.kind) && counts.n > 0) {
      const auto n = static_cast<long double>(counts.n);
      const long double mean = counts.sum.value() / n;
      const long double variance = counts.squares.value() / n - mean * mean;
      transform.mean = static_cast<double>(mean);
      // A variance below the rounding of its terms is that of a constant.
      const bool varies = variance > 1e-16L * mean * mean && variance > 0;
      transform.deviation = varies ? static_cast<double>(std::sqrt(variance)) : 1.0;
    } else if (transform.options.kind == FeatureKind::kBucket) {
      transform.edges = counts.quantiles.bounds(transform.options.n_buckets);
    }
  }
  fit_.reset();
}

std::vector<FeatureColumn> FeaturePipeline::apply(const events::EventTable& table,
                                                  std::span<const std::uint8_t> starts) const {
  std::vector<FeatureColumn> made(transforms_.size());
  const auto n = table.n_rows;
  for (std::size_t t = 0; t < transforms_.size(); ++t) {
    const auto& transform = transforms_[t];
    const auto& options = transform.options;
    auto& codes = made[t].codes;
    if (!is_number(options.kind) && options.kind != FeatureKind::kCategories) codes.resize(n);
    const auto of_time = [&](auto code) {
      const auto times = find_times(table, options.column, time_column_);
      for (std::size_t row = 0; row < n; ++row) codes[row] = times[row] == events::kMissingTime ? 0 : code(times[row]);
    };
    switch (options.kind) {
      case FeatureKind::kCategory: {
        const auto& text = find_column(table, options.column, ColumnType::kText).text;
        for (std::size_t row = 0; row < n; ++row) codes[row] = transform.codes->find(text[row]) + 1;
        break;
      }
      case FeatureKind::kCategories: {
        const auto& text = find_column(table, options.column, ColumnType::kText).text;
        auto& offsets = made[t].offsets;
        offsets.reserve(n + 1);
        offsets.push_back(0);
        std::vector<std::string_view> words;
        for (std::size_t row = 0; row < n; ++row) {
          split_words(text[row], options.separator, words);
          const auto begin = codes.end() - codes.begin();
          for (const auto word : words) codes.push_back(transform.codes->find(word) + 1);
          std::sort(codes.begin() + begin, codes.end());
          codes.erase(std::unique(codes.begin() + begin, codes.end()), codes.end());  // rare words are one: unknown
          offsets.push_back(static_cast<std::int64_t>(codes.size()));
        }
        break;
      }
      case FeatureKind::kNumber:
      case FeatureKind::kAge: {
        const Numbers numbers(table, options, transform.training_end_ms);
        auto& values = made[t].values;
        values.resize(n);
        for (std::size_t row = 0; row < n; ++row) {
          const double number = numbers[row];
          values[row] = std::isnan(number) ? 0.0F : static_cast<float>((number - transform.mean) / transform.deviation);
        }
        break;
      }
      case FeatureKind::kBucket: {
        const auto& numbers = find_column(table, options.column, ColumnType::kNumber).numbers;
        for (std::size_t row = 0; row < n; ++row) {
          codes[row] = std::isnan(numbers[row]) ? 0 : bucket_code(transform.edges, numbers[row]);
        }
        break;
      }
      case FeatureKind::kHour: of_time(hour_code); break;
      case FeatureKind::kWeekday: of_time(weekday_code); break;
      case FeatureKind::kMonth: of_time(month_code); break;
      case FeatureKind::kGap: {
        const auto times = find_times(table, options.column, time_column_);
        for (std::size_t row = 0; row < n; ++row) {
          const bool known = starts[row] == 0 && row > 0 && times[row] != events::kMissingTime &&
                             times[row - 1] != events::kMissingTime;
          codes[row] = known ? bucket_code(transform.edges,
                                           static_cast<double>(times[row]) - static_cast<double>(times[row - 1]))
                             : 0;
        }
        break;
      }
      case FeatureKind::kDuration: {
        const auto from = find_times(table, options.column, time_column_);
        const auto until = find_times(table, options.until, time_column_);
        for (std::size_t row = 0; row < n; ++row) {
          if (from[row] == events::kMissingTime || until[row] == events::kMissingTime) continue;
          const auto days = floor_divide(until[row] - from[row], kDayMs);
          codes[row] = static_cast<std::int32_t>(std::clamp<std::int64_t>(days, 0, options.max_value)) + 1;
        }
        break;
      }
    }
  }
  return made;
}

std::vector<FeatureSpec> FeaturePipeline::specs() const {
  std::vector<FeatureSpec> specs;
  for (const auto& transform : transforms_) {
    const auto& options = transform.options;
    std::size_t n_codes = 0;
    switch (options.kind) {
      case FeatureKind::kCategory:
      case FeatureKind::kCategories: n_codes = transform.values.size() + 1; break;
      case FeatureKind::kNumber:
      case FeatureKind::kAge: break;
      case FeatureKind::kBucket:
      case FeatureKind::kGap: n_codes = transform.edges.size() + 2; break;
      case FeatureKind::kHour: n_codes = 25; break;
      case FeatureKind::kWeekday: n_codes = 8; break;
      case FeatureKind::kMonth: n_codes = 13; break;
      case FeatureKind::kDuration: n_codes = static_cast<std::size_t>(options.max_value) + 2; break;
    }
    specs.push_back({options.name, !is_number(options.kind), static_cast<std::int32_t>(n_codes), options.context,
                     options.history, options.kind == FeatureKind::kCategories});
  }
  return specs;
}

const Vocabulary* FeaturePipeline::categories(const std::string& feature) const {
  for (const auto& transform : transforms_) {
    if (transform.options.name == feature) return transform.codes.get();
  }
  return nullptr;
}

Json FeaturePipeline::to_json() const {
  Json list = Json::array();
  int version = kVersionWithoutKindsOfItems;
  for (const auto& transform : transforms_) {
    const auto& options = transform.options;
    if (options.kind == FeatureKind::kCategories || options.kind == FeatureKind::kAge) version = kVersion;
    Json json = {{"name", options.name},
                 {"kind", word_of(options.kind)},
                 {"column", options.column},
                 {"context", options.context},
                 {"history", options.history}};
    if (options.kind == FeatureKind::kDuration) json["until"] = options.until;
    if (options.kind == FeatureKind::kDuration) json["max_value"] = options.max_value;
    if (is_of_words(options.kind)) json["values"] = transform.values;
    if (options.kind == FeatureKind::kCategories) json["separator"] = options.separator;
    if (is_number(options.kind)) json["mean"] = transform.mean;
    if (is_number(options.kind)) json["deviation"] = transform.deviation;
    if (options.kind == FeatureKind::kAge) json["training_end_ms"] = transform.training_end_ms;
    if (options.kind == FeatureKind::kBucket || options.kind == FeatureKind::kGap) json["edges"] = transform.edges;
    list.push_back(std::move(json));
  }
  return {
      {"format", "segue features"}, {"version", version}, {"time_column", time_column_}, {"features", std::move(list)}};
}

FeaturePipeline FeaturePipeline::from_json(const Json& json, const std::string& where) {
  check_format(json, "segue features", kVersion, where);
  FeaturePipeline pipeline;
  pipeline.time_column_ = json_get<std::string>(json, "time_column", where);
  for (const auto& entry : json_get<Json>(json, "features", where)) {
    Transform transform;
    auto& options = transform.options;
    options.name = json_get<std::string>(entry, "name", where);
    const auto word = json_get<std::string>(entry, "kind", where);
    const auto known =
        std::find_if(kinds().begin(), kinds().end(), [&](const auto& kind) { return kind.first == word; });
    if (known == kinds().end())
      throw DataError(where + ": feature '" + options.name + "' of unknown kind '" + word + "'");
    options.kind = known->second;
    options.column = json_get<std::string>(entry, "column", where);
    options.context = json_get<bool>(entry, "context", where);
    options.history = json_get<bool>(entry, "history", where);
    if (options.kind == FeatureKind::kDuration) {
      options.until = json_get<std::string>(entry, "until", where);
      options.max_value = json_get<std::int64_t>(entry, "max_value", where);
    } else if (is_of_words(options.kind)) {
      if (options.kind == FeatureKind::kCategories) {
        options.separator = json_get<std::string>(entry, "separator", where);
        if (options.separator.empty()) throw DataError(where + ": feature '" + options.name + "' has no separator");
      }
      transform.values = json_get<std::vector<std::string>>(entry, "values", where);
      auto codes = std::make_shared<Vocabulary>();
      for (const auto& value : transform.values) codes->add(value);
      if (static_cast<std::size_t>(codes->size()) != transform.values.size()) {
        throw DataError(where + ": feature '" + options.name + "' lists a value twice; the file is damaged");
      }
      transform.codes = std::move(codes);
    } else if (is_number(options.kind)) {
      if (options.kind == FeatureKind::kAge)
        transform.training_end_ms = json_get<std::int64_t>(entry, "training_end_ms", where);
      transform.mean = json_get<double>(entry, "mean", where);
      transform.deviation = json_get<double>(entry, "deviation", where);
      if (!(transform.deviation > 0))
        throw DataError(where + ": feature '" + options.name + "' has no positive deviation");
    } else if (options.kind == FeatureKind::kBucket || options.kind == FeatureKind::kGap) {
      transform.edges = json_get<std::vector<double>>(entry, "edges", where);
      if (!std::is_sorted(transform.edges.begin(), transform.edges.end())) {
        throw DataError(where + ": the edges of feature '" + options.name + "' do not rise; the file is damaged");
      }
    }
    pipeline.transforms_.push_back(std::move(transform));
  }
  return pipeline;
}

}  // namespace segue::features
