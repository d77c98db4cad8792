// Counts inside one's own past first, then popularity. session_popularity counts the history as it stands at the query;
// user_frequency counts only its training events, as a table made once a day would.

#include <algorithm>

#include "baselines/baseline.h"

namespace segue::baselines {
namespace {

class SequenceCounts : public Baseline {
 public:
  SequenceCounts(std::string name, TrainingEvents events, TieOrder ties, bool live)
      : Baseline(std::move(name), std::move(events), ties), live_(live) {
    // Popularity as a fraction below 1 whose order is that of the counts: a count of the past plus the fraction stays
    // exact in a float, because distinct counts are few (at most the square root of twice the events).
    std::vector<std::int64_t> levels = this->events().counts();
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    for (const std::int64_t count : this->events().counts()) {
      const auto level = std::lower_bound(levels.begin(), levels.end(), count) - levels.begin();
      fractions_.push_back(static_cast<float>(static_cast<double>(level) / static_cast<double>(levels.size())));
    }
  }

 protected:
  void score_one(const ranking::Query& query, std::span<float> scores) override {
    std::copy(fractions_.begin(), fractions_.end(), scores.begin());
    for (const ItemRow item : live_ ? events().history(query) : events().trained_history(query)) {
      if (events().is_known(item)) scores[static_cast<std::size_t>(item)] += 1;
    }
  }

 private:
  bool live_;
  std::vector<float> fractions_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_session_popularity(TrainingEvents events, const BaselineOptions& options) {
  return std::make_unique<SequenceCounts>("session_popularity", std::move(events), options.ties, true);
}

std::unique_ptr<ranking::Scorer> make_user_frequency(TrainingEvents events, const BaselineOptions& options) {
  return std::make_unique<SequenceCounts>("user_frequency", std::move(events), options.ties, false);
}

}  // namespace segue::baselines
