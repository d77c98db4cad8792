#pragma once

#include <cstdint>
#include <memory>

#include "collaborative/filter.h"

namespace segue::collaborative {

// What fit() and load() choose from, a file a kind.

std::unique_ptr<Filter> fit_kind(const PopularityOptions& options, const Dataset& dataset, const FitSettings& settings);
std::unique_ptr<Filter> fit_kind(const RecentPopularityOptions& options, const Dataset& dataset,
                                 const FitSettings& settings);
std::unique_ptr<Filter> fit_kind(const ItemKnnOptions& options, const Dataset& dataset, const FitSettings& settings);
std::unique_ptr<Filter> fit_kind(const FeatureKnnOptions& options, const Dataset& dataset, const FitSettings& settings);
std::unique_ptr<Filter> fit_kind(const EaseOptions& options, const Dataset& dataset, const FitSettings& settings);
std::unique_ptr<Filter> fit_kind(const IalsOptions& options, const Dataset& dataset, const FitSettings& settings);

using WeightsFile = model_file::SafetensorsFile;
std::unique_ptr<Filter> load_kind(const PopularityOptions& options, const WeightsFile& file, std::int32_t n_items);
std::unique_ptr<Filter> load_kind(const RecentPopularityOptions& options, const WeightsFile& file,
                                  std::int32_t n_items);
std::unique_ptr<Filter> load_kind(const ItemKnnOptions& options, const WeightsFile& file, std::int32_t n_items);
std::unique_ptr<Filter> load_kind(const FeatureKnnOptions& options, const WeightsFile& file, std::int32_t n_items);
std::unique_ptr<Filter> load_kind(const EaseOptions& options, const WeightsFile& file, std::int32_t n_items);
std::unique_ptr<Filter> load_kind(const IalsOptions& options, const WeightsFile& file, std::int32_t n_items);

}  // namespace segue::collaborative
