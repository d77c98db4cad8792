#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "item_index/device_segment.h"
#include "item_index/segment_content.h"
#include "kernels/int8_items.h"
#include "kernels/ivf_items.h"
#include "kernels/top_k.h"
#include "model_file/safetensors.h"

namespace segue::item_index {

/// Writes one file: vectors, ids, bias, and for many items what a scan reads in their place. Atomic; the same bytes for
/// any number of threads.
/// @param lists  to put the items into; nothing: none
void write_segment(const std::filesystem::path& path, const SegmentContent& content,
                   const std::optional<kernels::IvfOptions>& lists, int n_threads);

/// Some rows of an index: one immutable file, mapped.
class Segment {
 public:
  /// @throws DataError  damaged, or not of this shape: names the file
  Segment(const std::filesystem::path& path, std::int64_t n_rows, std::int64_t dim, kernels::DType dtype);
  Segment(const Segment&) = delete;  // items_ points into it
  Segment& operator=(const Segment&) = delete;

  [[nodiscard]] std::int64_t n_rows() const { return items_.vectors.n_rows; }
  [[nodiscard]] std::span<const std::int64_t> ids() const { return ids_; }  ///< [n_rows]
  [[nodiscard]] std::int64_t n_lists() const { return ivf_.n_lists; }       ///< 0: it has none
  /// Vectors, bias and int8 copy; nothing is hidden in it.
  [[nodiscard]] const kernels::ItemMatrix& items() const { return items_; }
  /// kernels::top_k() over the rows of this segment, or kernels::ivf_top_k() where it has lists.
  /// @param allowed   bitset over its rows, or nullptr for all
  /// @param excluded  rows of it
  /// @param how       lists to look into are of a search where nothing is hidden: under `allowed` more, or the exact
  /// scan
  ///                  where that costs less. 0, or n_lists() and more: the exact scan
  /// @param device    CUDA: the segment is copied to it once, at the first search; all arguments are of the host
  /// @returns the share of the best k that buckets keep, in expectation; 1 where there are none
  double top_k(kernels::MatrixView<const float> queries, const std::uint32_t* allowed,
               const kernels::ItemLists& excluded, const SegmentSearch& how, kernels::MatrixView<float> scores,
               kernels::MatrixView<std::int32_t> rows, const kernels::Device& device) const;

 private:
  /// Its copy on a CUDA device, made when first asked for.
  [[nodiscard]] DeviceSegment& on_device(int index) const;
  model_file::SafetensorsFile file_;
  kernels::Int8Items int8_;
  kernels::IvfItems ivf_;
  kernels::ItemMatrix items_;
  std::span<const std::int64_t> ids_;
  mutable std::mutex copying_;
  mutable std::map<int, std::unique_ptr<DeviceSegment>> copies_;
};

}  // namespace segue::item_index
