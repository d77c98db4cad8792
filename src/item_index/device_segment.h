#pragma once

#include <cstdint>
#include <mutex>

#include "item_index/device_array.h"
#include "kernels/cuda_items.h"
#include "kernels/ivf_items.h"
#include "kernels/top_k.h"

namespace segue::item_index {

/// How a segment is searched.
struct SegmentSearch {
  std::int64_t k = 10;
  std::int64_t probes = 0;  ///< lists to look into; 0: all items
  double recall = 1;        ///< below 1, on CUDA: by buckets that keep this share of the best k, in expectation
};

/// A segment in the memory of a CUDA device: vectors, bias, what tensor cores nominate by, and lists where it has any.
///
/// float32 vectors are nominated by a copy in bfloat16, half as large as they are; where there is no room for it, by
/// the vectors themselves. Lists are the file's, as they are.
class DeviceSegment {
 public:
  /// Copies a segment of the host. @param ivf  of no lists: it has none
  /// @throws kernels::DeviceFailure  no such device, or no room: says how much is needed and how much is free
  DeviceSegment(const kernels::ItemMatrix& items, const kernels::IvfItems& ivf, int device);

  /// As Segment::top_k(), of the same rows; all arguments are of the host. Queries are taken in parts where memory is
  /// short. One call at a time; others wait.
  double top_k(kernels::MatrixView<const float> queries, const std::uint32_t* allowed,
               const kernels::ItemLists& excluded, const SegmentSearch& how, kernels::MatrixView<float> scores,
               kernels::MatrixView<std::int32_t> rows, kernels::Device device);

 private:
  void copy_items(const kernels::ItemMatrix& items);
  void copy_lists(const kernels::IvfItems& ivf);
  double search_part(kernels::MatrixView<const float> queries, const kernels::ItemMatrix& items,
                     const kernels::ItemLists& excluded, const SegmentSearch& how, kernels::MatrixView<float> scores,
                     kernels::MatrixView<std::int32_t> rows, const kernels::Device& device);
  [[nodiscard]] std::size_t workspace_bytes(std::int64_t n_queries, const SegmentSearch& how,
                                            const kernels::Device& device) const;
  /// Bytes that a search of so many queries works in, at the most a share of what is free.
  void make_workspace(std::int64_t n_queries, const SegmentSearch& how, kernels::Device& device);

  const int device_;
  std::mutex searching_;
  DeviceArray<std::byte> vectors_, nominators_, workspace_;
  DeviceArray<float> scales_, bias_;
  kernels::CudaItems cuda_;
  kernels::ItemMatrix items_;
  // What a search brings and takes back; kept, since allocating waits for the device.
  DeviceArray<float> asked_, best_;
  DeviceArray<std::int32_t> hidden_, found_;
  DeviceArray<std::int64_t> offsets_;
  DeviceArray<std::uint32_t> allowed_;

  /// The arrays of a kernels::Int8Items.
  struct Int8Arrays {
    Int8Arrays() = default;
    explicit Int8Arrays(const kernels::Int8Items& items);
    DeviceArray<std::uint8_t> panels;
    DeviceArray<std::int64_t> firsts;
    DeviceArray<std::int32_t> rows;
    DeviceArray<float> bias;
    DeviceArray<kernels::Int8Block> blocks;
    kernels::Int8Items view;
  };
  Int8Arrays promises_, lists_;
  DeviceArray<std::int64_t> first_blocks_;
  kernels::IvfItems ivf_;
};

}  // namespace segue::item_index
