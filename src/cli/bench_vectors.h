#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/matrix_view.h"
#include "model_file/safetensors.h"

namespace segue::cli {

/// Items and queries to measure a search with, in memory or mapped from a file.
struct BenchVectors {
  kernels::MatrixView<const float> items, queries;
  const float* bias = nullptr;
  std::vector<float> made;
  std::unique_ptr<model_file::SafetensorsFile> file;
};

/// Normally distributed, from a fixed seed.
BenchVectors draw_bench_vectors(std::int64_t n_items, std::int64_t n_queries, std::int64_t dim);
/// Safetensors of items [n, dim], queries [m, dim] and perhaps bias [n]; the first `n_queries` of the queries.
/// DataError names the file.
BenchVectors read_bench_vectors(const std::string& path, std::int64_t n_queries);

}  // namespace segue::cli
