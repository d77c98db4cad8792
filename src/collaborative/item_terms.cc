#include "collaborative/item_terms.h"

#include <cmath>
#include <numeric>

namespace segue::collaborative {
namespace {

struct Pair {
  ItemRow item;
  std::int32_t term;
};

std::span<const std::int32_t> codes_of(const MappedFeature& feature, std::size_t item) {
  if (!feature.spec.multiple) return feature.codes.subspan(item, 1);
  const auto begin = feature.offsets[item];
  return feature.codes.subspan(static_cast<std::size_t>(begin),
                               static_cast<std::size_t>(feature.offsets[item + 1] - begin));
}

/// Terms are numbered feature by feature; returns how many there are.
std::int32_t list_pairs(std::span<const MappedFeature> features, std::int32_t n_items, std::vector<Pair>& pairs) {
  std::int32_t first_term = 0;
  for (const auto& feature : features) {
    if (!feature.spec.categorical) continue;
    for (ItemRow item = 0; item < n_items; ++item) {
      for (const std::int32_t code : codes_of(feature, static_cast<std::size_t>(item)))
        if (code != 0) pairs.push_back({item, first_term + code - 1});
    }
    first_term += feature.spec.n_codes - 1;
  }
  return first_term;
}

}  // namespace

ItemTerms::ItemTerms(std::span<const MappedFeature> features, std::int32_t n_items) : n_items_(n_items) {
  std::vector<Pair> pairs;
  const std::int32_t n_terms = list_pairs(features, n_items, pairs);
  std::vector<std::size_t> n_of_term(static_cast<std::size_t>(n_terms));
  for (const Pair& pair : pairs) ++n_of_term[static_cast<std::size_t>(pair.term)];
  const auto weight_of = [&](std::int32_t term) {
    return static_cast<float>(
        std::log(static_cast<double>(n_items) / static_cast<double>(n_of_term[static_cast<std::size_t>(term)])));
  };
  // What all items share says nothing of any.
  std::erase_if(pairs, [&](const Pair& pair) { return weight_of(pair.term) <= 0; });
  item_offsets_.assign(static_cast<std::size_t>(n_items) + 1, 0);
  for (const Pair& pair : pairs) ++item_offsets_[static_cast<std::size_t>(pair.item) + 1];
  std::partial_sum(item_offsets_.begin(), item_offsets_.end(), item_offsets_.begin());
  terms_.resize(pairs.size());
  auto next = item_offsets_;
  for (const Pair& pair : pairs)
    terms_[next[static_cast<std::size_t>(pair.item)]++] = {pair.term, weight_of(pair.term)};
  for (const auto& feature : features) {
    if (feature.spec.categorical) continue;
    const auto values = feature.values.first(static_cast<std::size_t>(n_items));
    numbers_.emplace_back(values.begin(), values.end());
  }
  normalize();
  term_offsets_.assign(static_cast<std::size_t>(n_terms) + 1, 0);
  for (const Term& term : terms_) ++term_offsets_[static_cast<std::size_t>(term.term) + 1];
  std::partial_sum(term_offsets_.begin(), term_offsets_.end(), term_offsets_.begin());
  postings_.resize(terms_.size());
  next = term_offsets_;
  for (ItemRow item = 0; item < n_items; ++item) {
    for (const Term& term : terms_of(item))
      postings_[next[static_cast<std::size_t>(term.term)]++] = {item, term.weight};
  }
}

void ItemTerms::normalize() {
  for (std::size_t item = 0; item < static_cast<std::size_t>(n_items_); ++item) {
    double squares = 0;
    for (std::size_t t = item_offsets_[item]; t < item_offsets_[item + 1]; ++t)
      squares += static_cast<double>(terms_[t].weight) * terms_[t].weight;
    for (const auto& values : numbers_) squares += static_cast<double>(values[item]) * values[item];
    if (squares == 0) continue;
    const double factor = 1 / std::sqrt(squares);
    for (std::size_t t = item_offsets_[item]; t < item_offsets_[item + 1]; ++t)
      terms_[t].weight = static_cast<float>(terms_[t].weight * factor);
    for (auto& values : numbers_) values[item] = static_cast<float>(values[item] * factor);
  }
}

std::span<const ItemTerms::Term> ItemTerms::terms_of(ItemRow item) const {
  const auto i = static_cast<std::size_t>(item);
  return std::span(terms_).subspan(item_offsets_[i], item_offsets_[i + 1] - item_offsets_[i]);
}

std::span<const ItemTerms::Posting> ItemTerms::items_with(std::int32_t term) const {
  const auto t = static_cast<std::size_t>(term);
  return std::span(postings_).subspan(term_offsets_[t], term_offsets_[t + 1] - term_offsets_[t]);
}

}  // namespace segue::collaborative
