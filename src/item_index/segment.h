#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "item_index/segment_content.h"
#include "kernels/int8_items.h"
#include "kernels/top_k.h"
#include "model_file/safetensors.h"

namespace segue::item_index {

/// Writes one file: vectors, ids, bias, and for many items what a scan reads in their place. Atomic; the same bytes for
/// any number of threads.
void write_segment(const std::filesystem::path& path, const SegmentContent& content, int n_threads);

/// Some rows of an index: one immutable file, mapped.
class Segment {
 public:
  /// @throws DataError  damaged, or not of this shape: names the file
  Segment(const std::filesystem::path& path, std::int64_t n_rows, std::int64_t dim, kernels::DType dtype);
  Segment(const Segment&) = delete;  // `items_` points into it
  Segment& operator=(const Segment&) = delete;

  [[nodiscard]] std::int64_t n_rows() const { return items_.vectors.n_rows; }
  [[nodiscard]] std::span<const std::int64_t> ids() const { return ids_; }  ///< [n_rows]
  /// Vectors, bias and int8 copy; nothing is hidden in it.
  [[nodiscard]] const kernels::ItemMatrix& items() const { return items_; }
  /// kernels::top_k() over the rows of this segment.
  /// @param allowed   bitset over its rows, or nullptr for all
  /// @param excluded  rows of it
  void top_k(kernels::MatrixView<const float> queries, const std::uint32_t* allowed, const kernels::ItemLists& excluded,
             std::int64_t k, kernels::MatrixView<float> scores, kernels::MatrixView<std::int32_t> rows,
             int n_threads) const;

 private:
  model_file::SafetensorsFile file_;
  kernels::Int8Items int8_;
  kernels::ItemMatrix items_;
  std::span<const std::int64_t> ids_;
};

}  // namespace segue::item_index
