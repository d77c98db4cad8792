// The kernels, compiled once for each instruction set by the dense_<set>.cc files. Eigen is a library of inline
// functions: were all of them in one namespace, the linker would keep one copy of each, for an instruction set that the
// machine may not have. So each file gives Eigen a name of its own before it includes this one, and everything here has
// internal linkage.

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "collaborative/dense_kernels.h"

namespace segue::collaborative {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ColumnMajor = Eigen::MatrixXf;
using Rows = Eigen::Map<RowMajor>;
using ConstRows = Eigen::Map<const RowMajor>;
using StridedRows = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;
/// A row-major matrix with a stride, seen as its transpose.
using ConstTransposed = Eigen::Map<const ColumnMajor, 0, Eigen::OuterStride<>>;
using Vector = Eigen::Map<Eigen::VectorXf>;
using ConstVector = Eigen::Map<const Eigen::VectorXf>;

/// Eigen cuts its sums by the sizes of the caches: with fixed ones a sum has the same order on every machine.
bool fix_cache_sizes() {
  constexpr std::ptrdiff_t kL1 = 32 << 10, kL2 = 1 << 20, kL3 = 2 << 20;
  Eigen::setCpuCacheSizes(kL1, kL2, kL3);
  return true;
}

void subtract_product(const float* a, const float* b, std::int64_t n_rows, std::int64_t n_columns, std::int64_t depth,
                      float* c, std::int64_t c_stride) {
  StridedRows(c, n_rows, n_columns, Eigen::OuterStride<>(c_stride)).noalias() -=
      ConstRows(a, n_rows, depth) * ConstRows(b, n_columns, depth).transpose();
}

void multiply(const float* a, const float* b, std::int64_t n_rows, std::int64_t n_columns, std::int64_t depth,
              float* c) {
  Rows(c, n_rows, n_columns).noalias() = ConstRows(a, n_rows, depth) * ConstRows(b, depth, n_columns);
}

bool invert(const float* a, std::int64_t n, float* inverse) {
  // The upper triangle of rows is the lower one of columns, which Eigen's factorisation reads.
  const Eigen::MatrixXd matrix = Eigen::Map<const ColumnMajor>(a, n, n).cast<double>();
  const Eigen::LLT<Eigen::MatrixXd> factor(matrix);
  if (factor.info() != Eigen::Success) return false;
  const Eigen::MatrixXd inverted = factor.solve(Eigen::MatrixXd::Identity(n, n));
  Eigen::Map<ColumnMajor>(inverse, n, n) = inverted.cast<float>();
  return true;
}

void add_gram(const float* v, std::int64_t n_rows, std::int64_t dim, std::int64_t v_stride, float* a) {
  const ConstTransposed transposed(v, dim, n_rows, Eigen::OuterStride<>(v_stride));
  Eigen::Map<ColumnMajor> sums(a, dim, dim);
  sums.selfadjointView<Eigen::Lower>().rankUpdate(transposed);
}

void project(const float* v, std::int64_t n_rows, std::int64_t dim, std::int64_t v_stride, const float* x, float* y) {
  const ConstTransposed transposed(v, dim, n_rows, Eigen::OuterStride<>(v_stride));
  Vector(y, n_rows).noalias() = transposed.transpose() * ConstVector(x, dim);
}

void add_combination(const float* v, std::int64_t n_rows, std::int64_t dim, std::int64_t v_stride, const float* x,
                     float* y) {
  const ConstTransposed transposed(v, dim, n_rows, Eigen::OuterStride<>(v_stride));
  Vector(y, dim).noalias() += transposed * ConstVector(x, n_rows);
}

bool solve(float* a, std::int64_t dim, float* b) {
  Eigen::Map<ColumnMajor> matrix(a, dim, dim);
  const Eigen::LLT<Eigen::Ref<ColumnMajor>> factor(matrix);
  if (factor.info() != Eigen::Success) return false;
  Vector x(b, dim);
  factor.solveInPlace(x);
  return true;
}

const DenseKernels& table(const char* name) {
  [[maybe_unused]] static const bool fixed = fix_cache_sizes();
  static const DenseKernels kernels = {.name = name,
                                       .subtract_product = subtract_product,
                                       .multiply = multiply,
                                       .invert = invert,
                                       .add_gram = add_gram,
                                       .project = project,
                                       .add_combination = add_combination,
                                       .solve = solve};
  return kernels;
}

}  // namespace
}  // namespace segue::collaborative
