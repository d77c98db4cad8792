#include "kernels/top_k.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/implementations.h"

namespace segue::kernels {
namespace {

constexpr std::int64_t kMaxExtent = std::numeric_limits<std::int32_t>::max();

void require(bool holds, const char* entry, const std::string& message) {
  if (!holds) throw std::invalid_argument(std::string(entry) + ": " + message);
}

template <class T>
std::string shape(const MatrixView<T>& view) {
  return std::string("[")
      .append(std::to_string(view.n_rows))
      .append(", ")
      .append(std::to_string(view.n_cols))
      .append("]");
}

template <class T>
void require_matrix(const MatrixView<T>& view, const char* entry, const std::string& name) {
  require(view.n_rows >= 0 && view.n_cols >= 0 && view.n_rows <= kMaxExtent && view.n_cols <= kMaxExtent, entry,
          name + " is " + shape(view) + ", and each extent must be in [0, 2^31)");
  require(view.data != nullptr || view.n_rows == 0 || view.n_cols == 0, entry, name + " has no data");
}

template <class T>
void require_shape(const MatrixView<T>& view, std::int64_t n_rows, std::int64_t n_cols, const char* entry,
                   const std::string& name) {
  require(
      view.n_rows == n_rows && view.n_cols == n_cols, entry,
      name + " is " + shape(view) + ", and must be [" + std::to_string(n_rows) + ", " + std::to_string(n_cols) + "]");
  require(view.data != nullptr || n_rows == 0 || n_cols == 0, entry, name + " has no data");
}

void require_items(MatrixView<const float> queries, const ItemMatrix& items, const char* entry) {
  require_matrix(queries, entry, "queries");
  require_well_formed(items.vectors, entry);
  require(
      queries.n_cols == items.vectors.n_cols, entry,
      "queries have " + std::to_string(queries.n_cols) + " dimensions, items " + std::to_string(items.vectors.n_cols));
}

void require_device(const Device& device, const char* entry) {
  require(device.n_threads >= 1, entry, "n_threads is " + std::to_string(device.n_threads) + ", and must be 1 or more");
}

}  // namespace

void require_search(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
                    MatrixView<float> scores, MatrixView<std::int32_t> rows, const Device& device, const char* entry) {
  require_device(device, entry);
  require(k >= 1 && k <= kMaxExtent, entry, "k is " + std::to_string(k) + ", outside [1, 2^31)");
  require_items(queries, items, entry);
  require(items.int8 == nullptr || items.vectors.dtype != DType::kInt8, entry,
          "the items are int8 already: an int8 copy of them saves nothing, leave it out");
  require(items.int8 == nullptr ||
              (items.int8->n_items == items.vectors.n_rows && items.int8->dim == items.vectors.n_cols &&
               (items.int8->bias == nullptr) == (items.bias == nullptr)),
          entry, "the int8 copy is of other items, or differs in having a bias");
  require_shape(scores, queries.n_rows, k, entry, "scores");
  require_shape(rows, queries.n_rows, k, entry, "rows");
  require(excluded.offsets == nullptr || excluded.items != nullptr || device.kind == Device::Kind::kCuda ||
              excluded.offsets[queries.n_rows] == excluded.offsets[0],
          entry, "excluded has offsets and no items");
}

void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows, const Device& device) {
  require_search(queries, items, excluded, k, scores, rows, device, "top_k");
  if (queries.n_rows == 0) return;
  switch (device.kind) {
    case Device::Kind::kReference: return reference::top_k(queries, items, excluded, k, scores, rows);
    case Device::Kind::kCpu: return cpu::top_k(queries, items, excluded, k, scores, rows, device.n_threads);
    case Device::Kind::kCuda: return cuda::top_k(queries, items, excluded, k, scores, rows, device);
  }
}

void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns, const Device& device) {
  constexpr const char* kEntry = "select_top_k";
  require_device(device, kEntry);
  require(k >= 1 && k <= kMaxExtent, kEntry, "k is " + std::to_string(k) + ", outside [1, 2^31)");
  require_matrix(scores, kEntry, "scores");
  require_shape(best, scores.n_rows, k, kEntry, "best");
  require_shape(columns, scores.n_rows, k, kEntry, "columns");
  if (scores.n_rows == 0) return;
  switch (device.kind) {
    case Device::Kind::kReference: return reference::select_top_k(scores, k, best, columns);
    case Device::Kind::kCpu: return cpu::select_top_k(scores, k, best, columns, device.n_threads);
    case Device::Kind::kCuda: return cuda::select_top_k(scores, k, best, columns, device);
  }
}

void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores,
               const Device& device) {
  constexpr const char* kEntry = "score_all";
  require_device(device, kEntry);
  require_items(queries, items, kEntry);
  require_shape(scores, queries.n_rows, items.vectors.n_rows, kEntry, "scores");
  if (scores.n_rows == 0 || scores.n_cols == 0) return;
  switch (device.kind) {
    case Device::Kind::kReference: return reference::score_all(queries, items, scores);
    case Device::Kind::kCpu: return cpu::score_all(queries, items, scores, device.n_threads);
    case Device::Kind::kCuda: return cuda::score_all(queries, items, scores, device);
  }
}

}  // namespace segue::kernels
