#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "baselines/training_counts.h"

namespace segue::baselines {
namespace {

/// Vector multiplication session kNN (Ludewig and Jannach 2018, section 2.3): the items of the running session weigh by
/// their place (i / length, the last one 1); a training session is as near as the weights of the items it shares; the
/// nearest ones vote for their items, each vote decayed by how far back the latest shared item stands in the running
/// session (1 - .1 steps). Votes are weighted by the item's inverse session frequency.
class VSknn : public ranking::Scorer {
 public:
  VSknn(const Dataset& dataset, const TrainingPart& training, const BaselineOptions& options)
      : dataset_(&dataset),
        n_neighbours_(static_cast<std::size_t>(options.v_sknn_neighbours)),
        n_candidates_(static_cast<std::size_t>(options.v_sknn_candidates)) {
    ties_ = tie_permutation(training.item_counts(), options.ties);
    const auto n_items = static_cast<std::size_t>(training.n_items());
    // Later sequences first: by the time of their last training event where there are times, else by input order.
    std::vector<std::int64_t> order;
    for (std::int64_t s = 0; s < training.n_sequences(); ++s)
      if (!training.items(s).empty()) order.push_back(s);
    const auto times = dataset.times_ms();
    const auto last_time = [&](std::int64_t s) {
      return times.empty() ? s
                           : times[static_cast<std::size_t>(dataset.bounds(s).begin) + training.items(s).size() - 1];
    };
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return last_time(a) > last_time(b); });
    holders_.resize(n_items);
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
      auto set = std::vector<ItemRow>(training.items(order[rank]).begin(), training.items(order[rank]).end());
      std::sort(set.begin(), set.end());
      set.erase(std::unique(set.begin(), set.end()), set.end());
      for (const auto item : set) {
        if (item >= training.n_items()) continue;
        sets_.items.push_back(item);
        holders_[static_cast<std::size_t>(item)].push_back(static_cast<std::int32_t>(rank));
      }
      sets_.end_row();
    }
    for (const auto& holders : holders_)
      inverse_frequency_.push_back(static_cast<float>(
          std::log(static_cast<double>(order.size()) / static_cast<double>(std::max<std::size_t>(1, holders.size())))));
  }
  [[nodiscard]] std::string name() const override { return "v_sknn"; }
  [[nodiscard]] std::span<const ItemRow> tie_order() const override { return ties_; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    for (std::size_t i = 0; i < queries.size(); ++i)
      score_one(queries[i], scores.row(static_cast<std::int64_t>(i)), scores.n_cols);
  }

 private:
  struct Neighbour {
    std::int32_t sequence;
    float similarity;
    std::int32_t steps_back;
  };

  void score_one(const ranking::Query& query, float* row, std::int64_t n_items) {
    std::fill(row, row + n_items, 0.0F);
    constexpr std::int64_t kLongest = 100;  // a place further back weighs next to nothing
    const auto begin = std::max(query.begin, query.position - kLongest);
    const auto length = static_cast<float>(query.position - begin);
    // From the last item back, so that an item counts by its latest place.
    std::vector<std::pair<ItemRow, float>> items;
    std::unordered_map<ItemRow, std::int32_t> steps_back;
    for (auto p = query.position - 1; p >= begin; --p) {
      const auto item = dataset_->item_rows()[static_cast<std::size_t>(p)];
      if (item >= dataset_->n_items() || steps_back.count(item) != 0) continue;
      steps_back[item] = static_cast<std::int32_t>(query.position - 1 - p);
      items.emplace_back(item, static_cast<float>(p - begin + 1) / length);
    }
    // The latest sequences that share an item: rank numbers fall with age, and each item's list is sorted.
    std::vector<std::int32_t> candidates;
    for (const auto& [item, weight] : items) {
      const auto& holders = holders_[static_cast<std::size_t>(item)];
      candidates.insert(candidates.end(), holders.begin(),
                        holders.begin() + static_cast<std::ptrdiff_t>(std::min(holders.size(), n_candidates_)));
    }
    std::sort(candidates.begin(), candidates.end());
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    if (candidates.size() > n_candidates_) candidates.resize(n_candidates_);

    std::unordered_map<ItemRow, float> weight_of(items.begin(), items.end());
    std::vector<Neighbour> neighbours;
    for (const auto sequence : candidates) {
      Neighbour neighbour{sequence, 0, INT32_MAX};
      for (auto j = sets_.begins[static_cast<std::size_t>(sequence)];
           j < sets_.begins[static_cast<std::size_t>(sequence) + 1]; ++j) {
        const auto item = sets_.items[static_cast<std::size_t>(j)];
        const auto found = weight_of.find(item);
        if (found == weight_of.end()) continue;
        neighbour.similarity += found->second;
        neighbour.steps_back = std::min(neighbour.steps_back, steps_back[item]);
      }
      neighbours.push_back(neighbour);
    }
    const auto kept = std::min(neighbours.size(), n_neighbours_);
    std::partial_sort(neighbours.begin(), neighbours.begin() + static_cast<std::ptrdiff_t>(kept), neighbours.end(),
                      [](const Neighbour& a, const Neighbour& b) {
                        return a.similarity != b.similarity ? a.similarity > b.similarity : a.sequence < b.sequence;
                      });
    for (std::size_t n = 0; n < kept; ++n) {
      const auto& neighbour = neighbours[n];
      const float vote = neighbour.similarity * std::max(0.0F, 1 - 0.1F * static_cast<float>(neighbour.steps_back + 1));
      for (auto j = sets_.begins[static_cast<std::size_t>(neighbour.sequence)];
           j < sets_.begins[static_cast<std::size_t>(neighbour.sequence) + 1]; ++j) {
        const auto item = static_cast<std::size_t>(sets_.items[static_cast<std::size_t>(j)]);
        row[item] += vote * inverse_frequency_[item];
      }
    }
  }

  const Dataset* dataset_;
  std::size_t n_neighbours_, n_candidates_;
  std::vector<ItemRow> ties_;
  SparseRows sets_;                                 // training sequences as sets, latest first
  std::vector<std::vector<std::int32_t>> holders_;  // [n_items] sequences that hold it, latest first
  std::vector<float> inverse_frequency_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_v_sknn(const Dataset& dataset, const TrainingPart& training,
                                             const BaselineOptions& options) {
  return std::make_unique<VSknn>(dataset, training, options);
}

}  // namespace segue::baselines
