#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collaborative/filter.h"
#include "dataset/dataset.h"
#include "model_file/safetensors.h"
#include "model_kinds/model_options.h"
#include "models/model.h"
#include "ranking/scorer.h"

namespace segue::model_kinds {

/// A model of any kind: one of both is there.
struct AnyModel {
  std::unique_ptr<models::Model> by_gradient;
  std::unique_ptr<collaborative::Filter> filter;
};

/// An untrained model, its parameters zeros. std::invalid_argument for the options of a filter.
/// @param of_events  what is known of events;  of_items  of items, [n_items + 1] each
std::unique_ptr<models::Model> make_model(const ModelOptions& options, std::int32_t n_items,
                                          std::vector<features::FeatureSpec> of_events, models::ItemFeatures of_items);

/// Scores a dataset's queries by the model; both must outlive the scorer.
/// @param max_length  events of a history that a model trained by gradient sees; a filter sees all of them
std::unique_ptr<ranking::Scorer> make_scorer(const AnyModel& model, const Dataset& dataset, std::int64_t max_length,
                                             int n_threads);

}  // namespace segue::model_kinds
