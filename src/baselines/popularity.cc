// The count of an item in the training part.

#include "baselines/baseline.h"

namespace segue::baselines {
namespace {

class Popularity : public Baseline {
 public:
  using Baseline::Baseline;

 protected:
  void score_one(const ranking::Query&, std::span<float> scores) override {
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(events().counts()[i]);
  }
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_popularity(TrainingEvents events, const BaselineOptions& options) {
  return std::make_unique<Popularity>("popularity", std::move(events), options.ties);
}

}  // namespace segue::baselines
