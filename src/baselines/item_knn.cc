// Cosine between items as sets of training sequences: |both| / sqrt(|a| |b|). A candidate scores its cosine with the
// last item of the history, if it is among that item's nearest neighbours.

#include <algorithm>
#include <cmath>

#include "baselines/baseline.h"
#include "baselines/session_index.h"
#include "baselines/sparse_rows.h"

namespace segue::baselines {
namespace {

/// Without it two items that met once in their lives would be the nearest of all. Not tuned: 20 reproduces the recorded
/// floor of the Diginetica protocol (tests/baselines/floors_test.cc).
constexpr double kShrinkage = 20;

class ItemKnn : public Baseline {
 public:
  ItemKnn(TrainingEvents training, const BaselineOptions& options)
      : Baseline("item_knn", std::move(training), options.ties) {
    const SessionIndex index(events());
    const auto n_kept = static_cast<std::size_t>(options.item_knn_neighbours);
    std::vector<std::int32_t> n_both(events().n_items());
    std::vector<ItemRow> touched;
    std::vector<SparseRows::Entry> found;
    for (std::size_t item = 0; item < events().n_items(); ++item) {
      const auto sessions = index.sessions_of(static_cast<ItemRow>(item));
      for (const std::int32_t session : sessions) {
        for (const ItemRow other : index.items_of(static_cast<std::size_t>(session))) {
          if (n_both[static_cast<std::size_t>(other)]++ == 0) touched.push_back(other);
        }
      }
      found.clear();
      for (const ItemRow other : touched) {
        const double both = n_both[static_cast<std::size_t>(other)];
        n_both[static_cast<std::size_t>(other)] = 0;
        if (static_cast<std::size_t>(other) == item) continue;
        const double size = static_cast<double>(sessions.size()) + kShrinkage;
        const double other_size = static_cast<double>(index.sessions_of(other).size()) + kShrinkage;
        found.push_back({other, static_cast<float>(both / std::sqrt(size * other_size))});
      }
      touched.clear();
      const auto nearer = [](const SparseRows::Entry& a, const SparseRows::Entry& b) {
        return a.value != b.value ? a.value > b.value : a.column < b.column;
      };
      if (found.size() > n_kept) {
        std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n_kept), found.end(), nearer);
        found.resize(n_kept);
      }
      neighbours_.entries.insert(neighbours_.entries.end(), found.begin(), found.end());
      neighbours_.offsets.push_back(static_cast<std::int64_t>(neighbours_.entries.size()));
    }
  }

 protected:
  void score_one(const ranking::Query& query, std::span<float> scores) override {
    const auto history = events().history(query);
    if (history.empty() || !events().is_known(history.back())) return;
    for (const auto& [item, cosine] : neighbours_.row(static_cast<std::size_t>(history.back()))) {
      scores[static_cast<std::size_t>(item)] = cosine;
    }
  }

 private:
  SparseRows neighbours_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_item_knn(TrainingEvents events, const BaselineOptions& options) {
  return std::make_unique<ItemKnn>(std::move(events), options);
}

}  // namespace segue::baselines
