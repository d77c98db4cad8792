// One number an item, whatever the history: its events in the training part, each alike or the less the older it is.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "collaborative/filters.h"
#include "collaborative/tensor_values.h"
#include "support/errors.h"

namespace segue::collaborative {
namespace {

constexpr const char* kPopularity = "popularity";
constexpr double kMsPerDay = 24 * 3600 * 1000.0;

class PopularityFilter : public Filter {
 public:
  PopularityFilter(const FilterOptions& options, std::vector<float> popularity)
      : Filter(options, static_cast<std::int32_t>(popularity.size())), popularity_(std::move(popularity)) {}

  [[nodiscard]] std::map<std::string, model_file::TensorBytes> weights() const override {
    return {{kPopularity, tensor_of(model_file::DType::kF32, {n_items()}, popularity_)}};
  }

 protected:
  void fill(std::span<const ItemRow>, std::span<float> scores) const override {
    std::copy(popularity_.begin(), popularity_.end(), scores.begin());
  }

 private:
  std::vector<float> popularity_;
};

/// Calls `body` for every training event of a known item.
template <class Body>
void each_training_event(const Dataset& dataset, bool include_validation, const Body& body) {
  const auto ends = include_validation ? dataset.valid_ends() : dataset.train_ends();
  for (std::size_t s = 0; s < ends.size(); ++s) {
    for (auto e = static_cast<std::size_t>(dataset.begins()[s]); e < static_cast<std::size_t>(ends[s]); ++e) {
      if (dataset.item_rows()[e] < dataset.n_items()) body(e);
    }
  }
}

/// Sums in double: a popular item's last events would vanish beside its sum in float.
template <class Weight>
std::vector<float> sum_events(const Dataset& dataset, bool include_validation, const Weight& weight) {
  std::vector<double> sums(static_cast<std::size_t>(dataset.n_items()));
  each_training_event(dataset, include_validation,
                      [&](std::size_t e) { sums[static_cast<std::size_t>(dataset.item_rows()[e])] += weight(e); });
  return {sums.begin(), sums.end()};
}

std::unique_ptr<Filter> load_popularity(const FilterOptions& options, const WeightsFile& file, std::int32_t n_items) {
  const auto& tensor = file.expect(kPopularity, model_file::DType::kF32, {n_items});
  return std::make_unique<PopularityFilter>(options, values_of<std::vector<float>>(tensor));
}

}  // namespace

std::unique_ptr<Filter> fit_kind(const PopularityOptions& options, const Dataset& dataset,
                                 const FitSettings& settings) {
  return std::make_unique<PopularityFilter>(
      options, sum_events(dataset, settings.include_validation, [](std::size_t) { return 1.0; }));
}

std::unique_ptr<Filter> fit_kind(const RecentPopularityOptions& options, const Dataset& dataset,
                                 const FitSettings& settings) {
  const auto times = dataset.times_ms();
  if (times.empty() && dataset.n_events() > 0) {
    throw ConfigError(
        "model.kind: recent_popularity needs the times of events, and the dataset has none: name their column "
        "(data.columns.time) and prepare it again, or use model.kind: popularity");
  }
  std::int64_t latest = std::numeric_limits<std::int64_t>::min();
  each_training_event(dataset, settings.include_validation,
                      [&](std::size_t e) { latest = std::max(latest, times[e]); });
  return std::make_unique<PopularityFilter>(
      options, sum_events(dataset, settings.include_validation, [&](std::size_t e) {
        return std::exp2(-static_cast<double>(latest - times[e]) / (options.half_life * kMsPerDay));
      }));
}

std::unique_ptr<Filter> load_kind(const PopularityOptions& options, const WeightsFile& file, std::int32_t n_items) {
  return load_popularity(options, file, n_items);
}

std::unique_ptr<Filter> load_kind(const RecentPopularityOptions& options, const WeightsFile& file,
                                  std::int32_t n_items) {
  return load_popularity(options, file, n_items);
}

}  // namespace segue::collaborative
