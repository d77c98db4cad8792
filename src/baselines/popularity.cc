#include <algorithm>

#include "baselines/training_counts.h"

namespace segue::baselines {
namespace {

/// Popularity as a share below 1, so that it orders what other counts leave equal.
std::vector<float> popularity_share(const std::vector<std::int64_t>& counts) {
  const auto most = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  std::vector<float> share(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i)
    share[i] = static_cast<float>(counts[i]) / static_cast<float>(most + 1);
  return share;
}

/// Scores by training counts alone.
class Popularity : public ranking::Scorer {
 public:
  Popularity(const TrainingPart& training, const BaselineOptions& options) {
    const auto counts = training.item_counts();
    ties_ = tie_permutation(counts, options.ties);
    for (const auto count : counts) scores_.push_back(static_cast<float>(count));
  }
  [[nodiscard]] std::string name() const override { return "popularity"; }
  [[nodiscard]] std::span<const ItemRow> tie_order() const override { return ties_; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(queries.size()); ++i)
      std::copy(scores_.begin(), scores_.end(), scores.row(i));
  }

 private:
  std::vector<float> scores_;
  std::vector<ItemRow> ties_;
};

/// Scores by how often an item stands in (a part of) the sequence's own past, then by popularity.
class OwnCounts : public ranking::Scorer {
 public:
  /// @param live  count every event before the target; else only those of the training part
  OwnCounts(std::string name, const Dataset& dataset, const TrainingPart& training, const BaselineOptions& options,
            bool live)
      : name_(std::move(name)), dataset_(&dataset), training_(training), live_(live) {
    const auto counts = training.item_counts();
    ties_ = tie_permutation(counts, options.ties);
    popularity_ = popularity_share(counts);
  }
  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] std::span<const ItemRow> tie_order() const override { return ties_; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      float* row = scores.row(static_cast<std::int64_t>(i));
      std::copy(popularity_.begin(), popularity_.end(), row);
      const auto& query = queries[i];
      auto past = dataset_->item_rows().subspan(static_cast<std::size_t>(query.begin),
                                                static_cast<std::size_t>(query.position - query.begin));
      if (!live_) past = past.first(std::min(past.size(), training_.items(query.sequence).size()));
      for (const auto item : past)
        if (item < static_cast<ItemRow>(popularity_.size())) row[item] += 1;
    }
  }

 private:
  std::string name_;
  const Dataset* dataset_;
  TrainingPart training_;
  bool live_;
  std::vector<float> popularity_;
  std::vector<ItemRow> ties_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_popularity(const Dataset&, const TrainingPart& training,
                                                 const BaselineOptions& options) {
  return std::make_unique<Popularity>(training, options);
}

std::unique_ptr<ranking::Scorer> make_session_popularity(const Dataset& dataset, const TrainingPart& training,
                                                         const BaselineOptions& options) {
  return std::make_unique<OwnCounts>("session_popularity", dataset, training, options, true);
}

std::unique_ptr<ranking::Scorer> make_user_frequency(const Dataset& dataset, const TrainingPart& training,
                                                     const BaselineOptions& options) {
  return std::make_unique<OwnCounts>("user_frequency", dataset, training, options, false);
}

}  // namespace segue::baselines
