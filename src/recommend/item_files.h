#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "recommend/bundle_model.h"

namespace segue::recommend {

inline constexpr const char* kItemVectorsNpy = "item_vectors.npy";
inline constexpr const char* kItemVectorsParquet = "item_vectors.parquet";
inline constexpr const char* kSimilarItemsParquet = "similar_items.parquet";

/// Writes what a bundle knows of its items into a directory (see storage::write_directory_with):
///
///   item_vectors.npy       float32 [n_items, dim]: the vectors that lists are ranked by, in the order of items.txt
///   item_vectors.parquet   item, vector (list of float), bias (float): what is added to an item's inner products,
///   where
///                          the model has one
///   similar_items.parquet  item, rank (from 1), similar, score: see SimilarItems
///
/// A kind without vectors has the last alone, by its weights between items.
/// @param n_similar  items of a list; 0: no similar items
/// @returns the names of the files
/// @throws UsageError  nothing to write: the kind has neither vectors nor weights between items
/// @throws Interrupted
std::vector<std::string> write_item_files(const BundleModel& model, std::int64_t n_similar,
                                          const std::filesystem::path& directory, int n_threads);

}  // namespace segue::recommend
