// The assignment of k-means on CUDA: the CPU's, to the last bit. Called while an index is built, so it may allocate.

#include <algorithm>
#include <vector>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/ivf_lists.cuh"
#include "kernels/cuda/workspace_layout.h"
#include "kernels/device_memory.h"
#include "kernels/implementations.h"

namespace segue::kernels::cuda {
namespace {

constexpr std::int64_t kPointsAtOnce = 1 << 16;

/// Frees what it holds.
struct DeviceBytes {
  explicit DeviceBytes(std::size_t n) : memory(allocate_on_device(n)) {}
  ~DeviceBytes() { free_on_device(memory); }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;
  void* memory;
};

struct Arrays {
  Arrays(const Int8Items& means, std::int64_t n_points, std::int64_t dim, WorkspaceLayout layout) {
    const std::int64_t n_positions = means.firsts[means.n_blocks];
    n_panel_bytes = n_positions / kInt8PanelItems * means.panel_bytes();
    panels = layout.take<std::uint8_t>(n_panel_bytes);
    firsts = layout.take<std::int64_t>(means.n_blocks + 1);
    rows = layout.take<std::int32_t>(n_positions);
    bias = layout.take<float>(n_positions);
    blocks = layout.take<Int8Block>(means.n_blocks);
    points = layout.take<float>(n_points * dim);
    nearest = layout.take<std::int32_t>(n_points);
    made.with_norm = false;
    made.row_bytes = (dim + 3) / 4 * 4;
    made.levels = layout.take<std::int8_t>(n_points * made.row_bytes);
    made.steps = layout.take<float>(n_points);
    made.corrections = layout.take<float>(n_points);
    bytes = layout.bytes();
  }

  std::uint8_t* panels;
  std::int64_t n_panel_bytes;
  std::int64_t* firsts;
  std::int32_t* rows;
  float* bias;
  Int8Block* blocks;
  float* points;
  std::int32_t* nearest;
  PromiseQueries made;
  std::size_t bytes;
};

template <class T>
void copy(T* to, const T* from, std::int64_t n) {
  copy_to_device(to, from, static_cast<std::size_t>(n) * sizeof(T));
}

}  // namespace

void nearest_means(MatrixView<const float> points, const Int8Items& means, std::int32_t* nearest,
                   const Device& device) {
  const DeviceGuard guard(device);
  const std::int64_t dim = points.n_cols;
  const std::int64_t at_once = std::min(kPointsAtOnce, points.n_rows);
  const DeviceBytes memory(Arrays(means, at_once, dim, WorkspaceLayout(nullptr)).bytes);
  const Arrays on_device(means, at_once, dim, WorkspaceLayout(memory.memory));
  const std::int64_t n_positions = means.firsts[means.n_blocks];
  copy(on_device.panels, means.panels, on_device.n_panel_bytes);
  copy(on_device.firsts, means.firsts, means.n_blocks + 1);
  copy(on_device.rows, means.rows, n_positions);
  if (means.bias != nullptr) copy(on_device.bias, means.bias, n_positions);
  copy(on_device.blocks, means.blocks, means.n_blocks);
  Int8Items view = means;
  view.panels = on_device.panels;
  view.firsts = on_device.firsts;
  view.rows = on_device.rows;
  view.bias = means.bias == nullptr ? nullptr : on_device.bias;
  view.blocks = on_device.blocks;
  for (std::int64_t first = 0; first < points.n_rows; first += at_once) {
    const std::int64_t n = std::min(at_once, points.n_rows - first);
    copy(on_device.points, points.row(first), n * dim);
    nearest_means({on_device.points, n, dim}, view, on_device.made, on_device.nearest,
                  static_cast<cudaStream_t>(device.stream));
    copy_from_device(nearest + first, on_device.nearest, static_cast<std::size_t>(n) * sizeof(std::int32_t));
  }
}

}  // namespace segue::kernels::cuda
