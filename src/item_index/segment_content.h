#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "item_index/index_options.h"
#include "kernels/item_vectors.h"
#include "kernels/matrix_view.h"

namespace segue::item_index {

/// Items to put into an index.
struct NewItems {
  kernels::MatrixView<const float> vectors;  ///< [n, dim], finite, one at least
  const float* bias = nullptr;               ///< [n] added to scores, or nullptr
  std::vector<std::int64_t> ids;             ///< [n], any but -1, none twice; empty: numbered on from the largest
  std::string origin = "the new items";      ///< for messages: the name of a file
  std::string weights = {};                  ///< checksum of the weights that the vectors were made from, if they were
};

/// Items on their way into a segment, in the form that they are searched in.
struct SegmentContent {
  kernels::ItemVectors vectors;       ///< [n, dim], dense
  const float* bias = nullptr;        ///< [n], or nullptr
  std::span<const std::int64_t> ids;  ///< [n]
};

/// Owns new vectors in the form that an index of some options keeps them in: of length 1 for cosine, with a bias for
/// l2, in the dtype.
class PreparedVectors {
 public:
  /// @param items  must outlive it
  /// @throws DataError              a number that the dtype or a distance cannot hold, with its row
  /// @throws std::invalid_argument  no vector; a bias and l2; int8 of more than kernels::kMaxInt8VectorDim dimensions
  PreparedVectors(const NewItems& items, const IndexOptions& options, int n_threads);
  [[nodiscard]] SegmentContent with(std::span<const std::int64_t> ids) const { return {vectors_, bias_, ids}; }

 private:
  std::vector<float> rows_, norms_;
  kernels::ItemVectorArrays narrowed_;
  kernels::ItemVectors vectors_;
  const float* bias_;
};

class Segment;

/// Owns rows of several segments, one after the other.
class GatheredItems {
 public:
  GatheredItems(kernels::DType dtype, std::int64_t dim, std::int64_t n_items);
  void add(const Segment& segment, std::int64_t row);
  [[nodiscard]] SegmentContent content() const;

 private:
  kernels::ItemVectorArrays vectors_;
  std::vector<float> bias_;
  std::vector<std::int64_t> ids_;
};

}  // namespace segue::item_index
