#pragma once

// Searches by lists to compare, on a CPU and on CUDA.

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <type_traits>
#include <vector>

#include "kernels/ivf_items.h"
#include "kernels/top_k.h"
#include "tests/kernels/on_device.h"
#include "tests/kernels/search_case.h"

namespace segue::kernels {

struct IvfWorld {
  std::int64_t n_queries, n_items, dim;
  std::vector<float> queries, items, bias;
  std::vector<std::uint32_t> allowed;
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> excluded;

  [[nodiscard]] MatrixView<const float> query_view() const { return {queries.data(), n_queries, dim}; }
  [[nodiscard]] const float* bias_data() const { return bias.empty() ? nullptr : bias.data(); }
};

inline IvfWorld random_world(std::int64_t n_queries, std::int64_t n_items, std::int64_t dim, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  IvfWorld world{n_queries, n_items, dim, {}, {}, {}, {}, {}, {}};
  for (std::int64_t i = 0; i < n_queries * dim; ++i) world.queries.push_back(normal(random));
  for (std::int64_t i = 0; i < n_items; ++i) {
    const float length = std::exp(normal(random));  // unequal norms, as factors have
    for (std::int64_t j = 0; j < dim; ++j) world.items.push_back(length * normal(random));
  }
  return world;
}

inline void add_filters(IvfWorld& world, unsigned seed) {
  std::mt19937 random(seed);
  for (std::int64_t i = 0; i < world.n_items; ++i) world.bias.push_back(static_cast<float>(random() % 7) - 3);
  for (std::int64_t i = 0; i < (world.n_items + 31) / 32; ++i)
    world.allowed.push_back(static_cast<std::uint32_t>(random() | random()));
  world.offsets = {0};
  for (std::int64_t q = 0; q < world.n_queries; ++q) {
    for (unsigned i = 0; i < random() % 5; ++i)
      world.excluded.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(world.n_items)));
    world.offsets.push_back(static_cast<std::int64_t>(world.excluded.size()));
  }
  world.excluded.push_back(0);  // so that data() is never null
}

struct IvfLists {
  std::vector<float> scores;
  std::vector<std::int32_t> rows;
  bool operator==(const IvfLists&) const = default;
};

inline IvfLists search(const IvfWorld& world, const ItemVectors& vectors, const IvfItems& ivf, std::int64_t k,
                       std::int64_t n_probes, const Device& device) {
  const auto n = static_cast<std::size_t>(world.n_queries * k);
  IvfLists found{std::vector<float>(n, kNan), std::vector<std::int32_t>(n, -7)};
  const ItemMatrix items{vectors, world.bias_data(), world.allowed.empty() ? nullptr : world.allowed.data()};
  const ItemLists excluded{world.offsets.empty() ? nullptr : world.offsets.data(), world.excluded.data()};
  ivf_top_k(world.query_view(), items, ivf, excluded, k, n_probes, {found.scores.data(), world.n_queries, k},
            {found.rows.data(), world.n_queries, k}, device);
  return found;
}

/// The same on CUDA, in a workspace for `at_once` queries.
inline IvfLists search_on_cuda(const IvfWorld& world, const ItemVectors& vectors, const IvfItems& ivf, std::int64_t k,
                               std::int64_t n_probes, std::int64_t at_once) {
  Device device{Device::Kind::kCuda, 1, nullptr};
  const auto n_positions = [](const Int8Items& items) { return items.firsts[items.n_blocks]; };
  const auto copy = [&device](const auto* values, std::int64_t n) {
    using Value = std::remove_const_t<std::remove_pointer_t<decltype(values)>>;
    return std::make_unique<OnDevice<Value>>(
        device, values == nullptr ? std::vector<Value>() : std::vector<Value>(values, values + n));
  };
  struct Int8Copy {
    std::unique_ptr<OnDevice<std::uint8_t>> panels;
    std::unique_ptr<OnDevice<std::int64_t>> firsts;
    std::unique_ptr<OnDevice<std::int32_t>> rows;
    std::unique_ptr<OnDevice<float>> bias;
    std::unique_ptr<OnDevice<Int8Block>> blocks;
  };
  const auto copy_int8 = [&](const Int8Items& items, Int8Items& view) {
    const std::int64_t n = n_positions(items);
    Int8Copy made{copy(items.panels, n / kInt8PanelItems * items.panel_bytes()), copy(items.firsts, items.n_blocks + 1),
                  copy(items.rows, n), copy(items.bias, n), copy(items.blocks, items.n_blocks)};
    view = {items.n_items,
            items.dim,
            items.n_blocks,
            made.panels->data(),
            made.firsts->data(),
            made.rows->data(),
            items.bias == nullptr ? nullptr : made.bias->data(),
            made.blocks->data()};
    return made;
  };
  IvfItems on_device;
  on_device.n_lists = ivf.n_lists;
  const Int8Copy promises = copy_int8(ivf.promises, on_device.promises);
  const Int8Copy lists = copy_int8(ivf.lists, on_device.lists);
  const auto first_blocks = copy(ivf.first_blocks, ivf.n_lists + 1);
  on_device.first_blocks = first_blocks->data();
  on_device.longest_list = longest_list(ivf);
  const auto elements =
      copy(static_cast<const std::uint8_t*>(vectors.data), vectors.n_rows * vectors.n_cols * bytes_of(vectors.dtype));
  const auto bias = copy(world.bias_data(), world.n_items);
  OnDevice queries(device, world.queries);
  OnDevice allowed(device, world.allowed);
  OnDevice offsets(device, world.offsets);
  OnDevice excluded(device, world.excluded);
  const auto n = static_cast<std::size_t>(world.n_queries * k);
  OnDevice scores(device, std::vector<float>(n, kNan));
  OnDevice rows(device, std::vector<std::int32_t>(n, -7));
  const ItemMatrix items{{elements->data(), vectors.dtype, vectors.n_rows, vectors.n_cols},
                         world.bias.empty() ? nullptr : bias->data(),
                         world.allowed.empty() ? nullptr : allowed.data()};
  device.workspace_bytes = ivf_workspace_bytes(at_once, items, on_device, k, n_probes, device);
  const OnDevice<char> workspace(device, std::vector<char>(device.workspace_bytes));
  device.workspace = const_cast<OnDevice<char>&>(workspace).data();
  const ItemLists given{world.offsets.empty() ? nullptr : offsets.data(), excluded.data()};
  ivf_top_k({queries.data(), world.n_queries, world.dim}, items, on_device, given, k, n_probes,
            {scores.data(), world.n_queries, k}, {rows.data(), world.n_queries, k}, device);
  return {scores.values(), rows.values()};
}

}  // namespace segue::kernels
