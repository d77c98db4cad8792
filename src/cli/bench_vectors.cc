#include "cli/bench_vectors.h"

#include <algorithm>

#include "kernels/int8_items.h"
#include "support/errors.h"
#include "support/random.h"

namespace segue::cli {

BenchVectors draw_bench_vectors(std::int64_t n_items, std::int64_t n_queries, std::int64_t dim) {
  BenchVectors vectors;
  Random random(42, 0);
  vectors.made.resize(static_cast<std::size_t>((n_items + n_queries) * dim));
  std::generate(vectors.made.begin(), vectors.made.end(), [&] { return static_cast<float>(random.normal()); });
  vectors.items = {vectors.made.data(), n_items, dim};
  vectors.queries = {vectors.made.data() + n_items * dim, n_queries, dim};
  return vectors;
}

BenchVectors read_bench_vectors(const std::string& path, std::int64_t n_queries) {
  BenchVectors vectors;
  vectors.file = std::make_unique<model_file::SafetensorsFile>(path);
  const auto matrix = [&](const std::string& name, std::int64_t dim) -> kernels::MatrixView<const float> {
    const auto& tensor = vectors.file->expect(name, model_file::DType::kF32, {-1, dim});
    return {reinterpret_cast<const float*>(tensor.bytes.data()), tensor.shape[0], tensor.shape[1]};
  };
  vectors.items = matrix("items", -1);
  vectors.queries = matrix("queries", vectors.items.n_cols);
  vectors.queries.n_rows = std::min(vectors.queries.n_rows, n_queries);
  if (vectors.items.n_rows == 0 || vectors.queries.n_rows == 0) throw DataError(path + ": no items, or no queries");
  if (vectors.items.n_cols > kernels::kInt8MaxDim)
    throw DataError(path + ": vectors have more than 16,384 dimensions, the most that an int8 copy takes");
  if (vectors.file->tensors().contains("bias"))
    vectors.bias = reinterpret_cast<const float*>(
        vectors.file->expect("bias", model_file::DType::kF32, {vectors.items.n_rows}).bytes.data());
  return vectors;
}

}  // namespace segue::cli
