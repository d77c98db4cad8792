// V-SKNN (Ludewig and Jannach, Evaluation of session-based recommendation algorithms, 2018): sequences like the current
// one vote for their items. The latest sequences that share an item are candidates; a shared item counts the more the
// later it stands in the history (linearly); the nearest vote with their similarity, less when their latest shared item
// lies further back, and for rare items more (inverse document frequency).

#include <algorithm>
#include <cmath>

#include "baselines/baseline.h"
#include "baselines/session_index.h"

namespace segue::baselines {
namespace {

constexpr double kStepDecay = 0.1;  ///< vote lost for every step back of the latest shared item; none is left after ten

class VSknn : public Baseline {
 public:
  VSknn(TrainingEvents training, const BaselineOptions& options)
      : Baseline("v_sknn", std::move(training), options.ties),
        index_(events()),
        n_neighbours_(static_cast<std::size_t>(options.v_sknn_neighbours)),
        n_candidates_(static_cast<std::size_t>(options.v_sknn_candidates)),
        similarity_(index_.n_sessions()),
        latest_shared_(index_.n_sessions()) {
    for (std::size_t item = 0; item < events().n_items(); ++item) {
      const auto n_holding =
          static_cast<double>(std::max<std::size_t>(1, index_.sessions_of(static_cast<ItemRow>(item)).size()));
      rarity_.push_back(std::log(static_cast<double>(index_.n_sessions()) / n_holding));
    }
  }

 protected:
  void score_one(const ranking::Query& query, std::span<float> scores) override {
    const auto history = events().history(query);
    find_candidates(history);
    const auto nearer = [&](std::int32_t a, std::int32_t b) {
      const double difference = similarity_[static_cast<std::size_t>(a)] - similarity_[static_cast<std::size_t>(b)];
      return difference != 0 ? difference > 0 : a > b;
    };
    if (candidates_.size() > n_neighbours_) {
      std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(n_neighbours_),
                       candidates_.end(), nearer);
      candidates_.resize(n_neighbours_);
    }
    std::sort(candidates_.begin(), candidates_.end());  // one order of summation
    for (const std::int32_t session : candidates_) {
      const auto s = static_cast<std::size_t>(session);
      const auto n_back = static_cast<double>(history.size() - latest_shared_[s]);
      const double vote = similarity_[s] * std::max(0.0, 1 - kStepDecay * n_back);
      if (vote <= 0) continue;
      for (const ItemRow item : index_.items_of(s)) {
        scores[static_cast<std::size_t>(item)] += static_cast<float>(vote * rarity_[static_cast<std::size_t>(item)]);
      }
    }
    for (const std::int32_t session : touched_) {
      similarity_[static_cast<std::size_t>(session)] = 0;
      latest_shared_[static_cast<std::size_t>(session)] = 0;
    }
  }

 private:
  /// Fills candidates_, similarity_ and latest_shared_ (place in the history, from 1).
  void find_candidates(std::span<const ItemRow> history) {
    touched_.clear();
    seen_.clear();
    for (std::size_t back = 0; back < history.size(); ++back) {
      const std::size_t place = history.size() - back;
      const ItemRow item = history[place - 1];
      if (!events().is_known(item) || std::find(seen_.begin(), seen_.end(), item) != seen_.end()) continue;
      seen_.push_back(item);
      auto sessions = index_.sessions_of(item);
      if (sessions.size() > n_candidates_)
        sessions = sessions.last(n_candidates_);  // the others are too old in any case
      for (const std::int32_t session : sessions) {
        const auto s = static_cast<std::size_t>(session);
        if (similarity_[s] == 0) {
          touched_.push_back(session);
          latest_shared_[s] = place;
        }
        similarity_[s] += static_cast<double>(place) / static_cast<double>(history.size());
      }
    }
    candidates_ = touched_;
    if (candidates_.size() > n_candidates_) {
      std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(n_candidates_),
                       candidates_.end(), std::greater<>());
      candidates_.resize(n_candidates_);
    }
  }

  SessionIndex index_;
  std::size_t n_neighbours_, n_candidates_;
  std::vector<double> rarity_;              ///< [n_items]
  std::vector<double> similarity_;          ///< [n_sessions], 0 between queries
  std::vector<std::size_t> latest_shared_;  ///< [n_sessions]
  std::vector<std::int32_t> touched_, candidates_;
  std::vector<ItemRow> seen_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_v_sknn(TrainingEvents events, const BaselineOptions& options) {
  return std::make_unique<VSknn>(std::move(events), options);
}

}  // namespace segue::baselines
