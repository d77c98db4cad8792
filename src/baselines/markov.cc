// First order: how often the candidate followed the last item of the history, in consecutive training events. Under the
// tie order first_seen, equal counts stand in the order in which they first followed that item; a fraction below 1 says
// so.

#include <algorithm>
#include <tuple>

#include "baselines/baseline.h"
#include "baselines/sparse_rows.h"

namespace segue::baselines {
namespace {

class Markov : public Baseline {
 public:
  Markov(TrainingEvents training, TieOrder ties) : Baseline("markov", std::move(training), ties) {
    std::vector<Pair> pairs = sorted_pairs();
    std::vector<Follower> followers;  // of one item
    for (std::size_t i = 0; i < pairs.size();) {
      const ItemRow from = pairs[i].from;
      followers.clear();
      for (; i < pairs.size() && pairs[i].from == from; ++i) {
        if (followers.empty() || followers.back().to != pairs[i].to)
          followers.push_back({pairs[i].to, pairs[i].place, 0});
        ++followers.back().count;
      }
      std::sort(followers.begin(), followers.end(),
                [](const Follower& a, const Follower& b) { return a.first < b.first; });
      followers_.offsets.resize(static_cast<std::size_t>(from) + 1,
                                static_cast<std::int64_t>(followers_.entries.size()));
      for (std::size_t f = 0; f < followers.size(); ++f) {
        const double earlier = ties == TieOrder::kFirstSeen
                                   ? 1 - static_cast<double>(f + 1) / static_cast<double>(followers.size() + 1)
                                   : 0;
        followers_.entries.push_back(
            {followers[f].to, static_cast<float>(static_cast<double>(followers[f].count) + earlier)});
      }
    }
    followers_.offsets.resize(events().n_items() + 1, static_cast<std::int64_t>(followers_.entries.size()));
  }

 protected:
  void score_one(const ranking::Query& query, std::span<float> scores) override {
    const auto history = events().history(query);
    if (history.empty() || !events().is_known(history.back())) return;
    for (const auto& [item, count] : followers_.row(static_cast<std::size_t>(history.back()))) {
      scores[static_cast<std::size_t>(item)] = count;
    }
  }

 private:
  struct Pair {
    ItemRow from, to;
    std::int64_t place;  ///< among all pairs
  };
  struct Follower {
    ItemRow to;
    std::int64_t first;  ///< place of the first pair
    std::int64_t count;
  };

  /// By item, follower, place: runs of equal pairs are counts, and no hash is needed.
  [[nodiscard]] std::vector<Pair> sorted_pairs() const {
    std::vector<Pair> pairs;
    for (std::int64_t s = 0; s < events().n_sequences(); ++s) {
      const auto items = events().sequence(s);
      for (std::size_t i = 1; i < items.size(); ++i) {
        if (!events().is_known(items[i - 1]) || !events().is_known(items[i])) continue;
        pairs.push_back({items[i - 1], items[i], static_cast<std::int64_t>(pairs.size())});
      }
    }
    std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
      return std::tie(a.from, a.to, a.place) < std::tie(b.from, b.to, b.place);
    });
    return pairs;
  }

  SparseRows followers_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_markov(TrainingEvents events, const BaselineOptions& options) {
  return std::make_unique<Markov>(std::move(events), options.ties);
}

}  // namespace segue::baselines
