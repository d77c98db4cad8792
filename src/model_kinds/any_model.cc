#include "model_kinds/any_model.h"

#include <stdexcept>

#include "collaborative/filter_scorer.h"
#include "models/model_scorer.h"

namespace segue::model_kinds {

std::unique_ptr<models::Model> make_model(const ModelOptions& options, std::int32_t n_items,
                                          std::vector<features::FeatureSpec> of_events, models::ItemFeatures of_items) {
  if (const auto* gru = std::get_if<models::GruSessionOptions>(&options.of_kind()))
    return std::make_unique<models::GruSession>(*gru, n_items, std::move(of_events), std::move(of_items));
  if (const auto* towers = std::get_if<models::TwoTowerOptions>(&options.of_kind()))
    return std::make_unique<models::TwoTower>(*towers, n_items, std::move(of_events), std::move(of_items));
  throw std::invalid_argument("make_model: " + options.kind() + " is not trained by gradient");
}

std::unique_ptr<ranking::Scorer> make_scorer(const AnyModel& model, const Dataset& dataset, std::int64_t max_length,
                                             int n_threads) {
  if (model.filter) return std::make_unique<collaborative::FilterScorer>(*model.filter, dataset, n_threads);
  return std::make_unique<models::ModelScorer>(*model.by_gradient, dataset, max_length, n_threads);
}

}  // namespace segue::model_kinds
