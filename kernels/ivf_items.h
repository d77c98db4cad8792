#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device.h"
#include "kernels/int8_items.h"
#include "kernels/matrix_view.h"
#include "kernels/top_k.h"

namespace segue::kernels {

/// An inverted file: items in lists around the means of k-means, each list in int8 form. A search looks into the lists
/// that promise most to its query, and is exact within them.
///
/// A list promises <query, mean> + bias + 2 |query| spread: what an item two standard deviations above the list's mean
/// would score. The mean alone ranks wide lists too low: on factors of unequal norms it takes ten times as many items
/// for the same recall. Promises are made by int8 alone, exact sums of integers, so that every machine has the same.
struct IvfItems {
  std::int64_t n_lists = 0;
  Int8Items promises;  ///< [n_lists] of dim + 1: mean of a list's items, and twice the root mean square of their
                       ///< distance from it, by dimension; the bias is their mean bias
  const std::int64_t* first_blocks = nullptr;  ///< [n_lists + 1] where a list's blocks begin in `lists`
  Int8Items lists;                             ///< of the items
  std::int64_t longest_list = 0;               ///< positions, of CUDA lists alone, where the host cannot look
};

/// Owns the arrays of an IvfItems.
struct IvfItemArrays {
  Int8ItemArrays promises, lists;
  std::vector<std::int64_t> first_blocks;

  [[nodiscard]] IvfItems view() const {
    return {promises.n_items, promises.view(), first_blocks.data(), lists.view(), 0};
  }
};

struct IvfOptions {
  std::int64_t n_lists = 0;  ///< about so many; 0: 4 sqrt(n_items)
  int n_iterations = 10;     ///< of k-means
  std::uint64_t seed = 42;
  /// Items are ranked by distance (the bias is -|x|^2 / 2), not by inner product: k-means then sees them as they are.
  /// Else a dimension that makes all items equally long is added for it, so that long and short ones part.
  bool by_distance = false;
  Device device = {};  ///< CUDA: points find their means there; the lists are the same
};

/// Cost: k-means on a sample of 64 items a list, and one assignment of all items. The bytes do not depend on
/// `n_threads`.
/// @param vectors  float32, bfloat16 or float16
/// @param bias     [n_items] or nullptr
/// @throws std::invalid_argument  as make_int8_items, and for options out of range
IvfItemArrays make_ivf_items(const ItemVectors& vectors, const float* bias, const IvfOptions& options, int n_threads);

/// top_k() over the items of the `n_probes` lists that promise most to each query; of equal promises the lower list. A
/// query whose norm overflows float32 finds nothing. The same ids and bits on every machine, thread count and batch;
/// threads share the queries.
/// @param items     what `ivf` was made of; its `int8` is not looked at
/// @param n_probes  1 .. n_lists and beyond: then the result is that of top_k()
///
/// On CUDA all pointers of `ivf` are of the device's memory, and the workspace of `device` is needed: with room for
/// fewer queries than ivf_workspace_bytes() was asked for they are taken in parts.
/// @throws std::invalid_argument  as top_k, and n_probes < 1, lists of other items;  DeviceFailure  as top_k, and no
/// room for one query
void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows,
               const Device& device);

/// Positions of the longest list; on the host.
std::int64_t longest_list(const IvfItems& ivf);

/// Device memory in which ivf_top_k() on CUDA searches so many queries at once.
std::size_t ivf_workspace_bytes(std::int64_t n_queries, const ItemMatrix& items, const IvfItems& ivf, std::int64_t k,
                                std::int64_t n_probes, const Device& device);

}  // namespace segue::kernels
