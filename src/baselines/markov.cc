// First order: how often the candidate followed the last item of the history, in consecutive training events.

#include <algorithm>

#include "baselines/baseline.h"
#include "baselines/sparse_rows.h"

namespace segue::baselines {
namespace {

class Markov : public Baseline {
 public:
  Markov(TrainingEvents training, TieOrder ties) : Baseline("markov", std::move(training), ties) {
    // Sorted pairs, then runs of equal ones: no hash, and memory of 8 bytes an event.
    std::vector<std::uint64_t> pairs;
    for (std::int64_t s = 0; s < events().n_sequences(); ++s) {
      const auto items = events().sequence(s);
      for (std::size_t i = 1; i < items.size(); ++i) {
        if (!events().is_known(items[i - 1]) || !events().is_known(items[i])) continue;
        pairs.push_back(static_cast<std::uint64_t>(items[i - 1]) << 32 | static_cast<std::uint64_t>(items[i]));
      }
    }
    std::sort(pairs.begin(), pairs.end());
    std::size_t from = 0;
    for (std::size_t i = 0; i < pairs.size();) {
      std::size_t end = i;
      while (end < pairs.size() && pairs[end] == pairs[i]) ++end;
      for (const auto item = static_cast<std::size_t>(pairs[i] >> 32); from < item; ++from) {
        followers_.offsets.push_back(static_cast<std::int64_t>(followers_.entries.size()));
      }
      followers_.entries.push_back({static_cast<ItemRow>(pairs[i] & 0xFFFF'FFFFU), static_cast<float>(end - i)});
      i = end;
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
  SparseRows followers_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_markov(TrainingEvents events, const BaselineOptions& options) {
  return std::make_unique<Markov>(std::move(events), options.ties);
}

}  // namespace segue::baselines
