#pragma once

#include <cstdint>

namespace segue::collaborative {

/// Dense linear algebra in float32 on the calling thread. Matrices are row-major: an element is [row, column], a
/// stride the distance of two rows. Of symmetric matrices only the upper triangle (row <= column) is read and written.
/// The bits of a result depend on the shapes and the instruction set, not on addresses of buffers that are aligned to
/// 64 bytes, nor on the machine's caches.
struct DenseKernels {
  const char* name;

  /// c -= a b^T;  a [n_rows, depth] and b [n_columns, depth] without gaps, c [n_rows, n_columns] with a stride.
  void (*subtract_product)(const float* a, const float* b, std::int64_t n_rows, std::int64_t n_columns,
                           std::int64_t depth, float* c, std::int64_t c_stride);
  /// c = a b;  a [n_rows, depth], b [depth, n_columns], c [n_rows, n_columns], without gaps; b is not symmetric.
  void (*multiply)(const float* a, const float* b, std::int64_t n_rows, std::int64_t n_columns, std::int64_t depth,
                   float* c);
  /// The inverse of a symmetric positive definite matrix [n, n], in double inside; writes all of it. False, and
  /// nothing written, where it is not positive definite.
  bool (*invert)(const float* a, std::int64_t n, float* inverse);

  /// a += v^T v;  v [n_rows, dim] with a stride, a [dim, dim].
  void (*add_gram)(const float* v, std::int64_t n_rows, std::int64_t dim, std::int64_t v_stride, float* a);
  /// y = v x;  v [n_rows, dim] with a stride, x [dim], y [n_rows].
  void (*project)(const float* v, std::int64_t n_rows, std::int64_t dim, std::int64_t v_stride, const float* x,
                  float* y);
  /// y += v^T x;  v [n_rows, dim] with a stride, x [n_rows], y [dim].
  void (*add_combination)(const float* v, std::int64_t n_rows, std::int64_t dim, std::int64_t v_stride, const float* x,
                          float* y);
  /// Solves a x = b for a symmetric positive definite a [dim, dim] by its Cholesky factor, which replaces a; x replaces
  /// b [dim]. False where a is not positive definite.
  bool (*solve)(float* a, std::int64_t dim, float* b);
};

/// Those of the best instruction set of this processor (kernels/cpu/instruction_set.h).
const DenseKernels& dense_kernels();

const DenseKernels& portable_dense_kernels();
const DenseKernels& avx2_dense_kernels();
const DenseKernels& avx512_dense_kernels();

}  // namespace segue::collaborative
