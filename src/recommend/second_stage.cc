#include "recommend/second_stage.h"

#include <limits>
#include <utility>

#include "recommend/recommend.h"
#include "support/errors.h"
#include "support/progress.h"

namespace segue::recommend {
namespace {

/// A bundle's own recommend.max_length; a filter reads all of a history.
std::int64_t max_length_of(const BundleModel& model) {
  if (model.model.filter) return std::numeric_limits<std::int64_t>::max();
  const auto settings = model.bundle.manifest.value("recommend", Json::object());
  return settings.value("max_length", RecommendOptions().max_length);
}

}  // namespace

SecondStage::SecondStage(BundleModel model, const BundleModel& first)
    : model_(std::move(model)), reranker_(model_, first.bundle.items, max_length_of(model_)) {}

std::unique_ptr<SecondStage> SecondStage::open(const std::string& directory, const BundleModel& first) {
  auto model = BundleModel::open(directory);
  if (!model.has_vectors()) {
    throw ConfigError(
        "recommend.rerank.bundle: " + directory + " holds a model of the kind " + model.kind() +
        ", which gives no vectors to score single items by: name the bundle of a model that does, such as "
        "gru_session, and let this one find the candidates");
  }
  std::unique_ptr<SecondStage> stage(new SecondStage(std::move(model), first));
  const std::int64_t n_unknown = stage->reranker_.n_unknown(), n_items = first.bundle.items.size();
  if (n_unknown == n_items) {
    throw DataError("recommend.rerank.bundle: the model of " + directory + " knows none of the " +
                    with_thousands(n_items) + " items to order: name a bundle that was trained on the same items");
  }
  if (n_unknown > 0) {
    log_warning(with_thousands(n_unknown) + " of " + with_thousands(n_items) + " items are unknown to " + directory +
                ": they get no score and stand behind the others");
  }
  return stage;
}

}  // namespace segue::recommend
