#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "ranking/scorer.h"

namespace segue::evaluation {

/// A way to divide the queries: `slice_of[query]` indexes `labels`.
struct Slicing {
  std::string name;  ///< history_length, popularity, revisit
  std::vector<std::string> labels;
  std::vector<std::uint8_t> slice_of;  ///< [n_queries]
};

/// By length of the history; by popularity of the target in the training part (head: the most frequent items that make
/// up a third of all training events, then middle, then tail; unseen in training); by whether the target stands in the
/// history.
std::vector<Slicing> make_slicings(const Dataset& dataset, const std::vector<ranking::Query>& queries);

}  // namespace segue::evaluation
