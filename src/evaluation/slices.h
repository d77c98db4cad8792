#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "ranking/protocol.h"

namespace segue::evaluation {

/// A way to divide the queries: `slice_of[query]` indexes `labels`.
struct Slicing {
  std::string name;  ///< history_length, popularity, revisit, relevant_items
  std::vector<std::string> labels;
  std::vector<std::uint8_t> slice_of;  ///< [n_queries]
};

/// By length of the history; and for queries of one target by its popularity in the training part (head: the most
/// frequent items that make up a third of all training events, then middle, then tail; unseen in training) and by
/// whether it stands in the history. A set has items of every kind: it is sliced by how many are asked for instead.
std::vector<Slicing> make_slicings(const Dataset& dataset, const ranking::RankingProtocol& protocol,
                                   const std::vector<ranking::Query>& queries);

}  // namespace segue::evaluation
