#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "recommend/bundle_model.h"
#include "recommend/reranker.h"

namespace segue::recommend {

/// A bundle whose model orders what another one finds (recommend.rerank).
class SecondStage {
 public:
  /// @param first  the model that finds the candidates
  /// @throws ConfigError  a model without vectors
  /// @throws DataError    no bundle, damaged, or its model knows none of the candidates
  static std::unique_ptr<SecondStage> open(const std::string& directory, const BundleModel& first);
  SecondStage(const SecondStage&) = delete;
  SecondStage& operator=(const SecondStage&) = delete;
  [[nodiscard]] const BundleModel& model() const { return model_; }
  [[nodiscard]] const Reranker& reranker() const { return reranker_; }

 private:
  SecondStage(BundleModel model, const BundleModel& first);
  BundleModel model_;
  Reranker reranker_;
};

}  // namespace segue::recommend
