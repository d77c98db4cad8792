#include "collaborative/symmetric_inverse.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "collaborative/aligned_floats.h"
#include "collaborative/dense_kernels.h"
#include "support/threads.h"

namespace segue::collaborative {
namespace {

/// Rows of a tile, and of a block. Large enough that a product is bound by arithmetic, small enough that there are
/// many.
constexpr std::int64_t kTile = 256;

class Sweep {
 public:
  Sweep(float* a, std::int64_t n, int n_threads)
      : a_(a),
        n_(n),
        n_tiles_((n + kTile - 1) / kTile),
        n_threads_(n_threads),
        column_(static_cast<std::size_t>(n * kTile)),
        scaled_(column_.size()),
        pivot_(kTile * kTile),
        pivot_inverse_(kTile * kTile) {}

  [[nodiscard]] std::int64_t n_tiles() const { return n_tiles_; }

  bool sweep(std::int64_t k) {
    width_ = rows(k);
    copy_pivot(k);
    if (!dense_.invert(pivot_.data(), width_, pivot_inverse_.data())) return false;
    each(n_tiles_, [&](std::int64_t i) {
      if (i == k) return;
      copy_column(i, k);
      dense_.multiply(column(i), pivot_inverse_.data(), rows(i), width_, width_, scaled(i));
    });
    list_pairs(k);
    each(static_cast<std::int64_t>(pairs_.size()), [&](std::int64_t p) {
      const auto [i, j] = pairs_[static_cast<std::size_t>(p)];
      dense_.subtract_product(scaled(i), column(j), rows(i), rows(j), width_, tile(i, j), n_);
    });
    each(n_tiles_, [&](std::int64_t i) { write_column(i, k); });
    return true;
  }

  /// What the sweeps left is minus the inverse, below the diagonal: turns the sign and mirrors it.
  void finish() {
    list_pairs(n_tiles_);
    each(static_cast<std::int64_t>(pairs_.size()), [&](std::int64_t p) {
      const auto [i, j] = pairs_[static_cast<std::size_t>(p)];
      for (std::int64_t r = i * kTile; r < i * kTile + rows(i); ++r) {
        for (std::int64_t c = j * kTile; c < std::min(j * kTile + rows(j), r + 1); ++c) {
          a_[r * n_ + c] = -a_[r * n_ + c];
          a_[c * n_ + r] = a_[r * n_ + c];
        }
      }
    });
  }

 private:
  [[nodiscard]] std::int64_t rows(std::int64_t i) const { return std::min(kTile, n_ - i * kTile); }
  [[nodiscard]] float* tile(std::int64_t i, std::int64_t j) const { return a_ + i * kTile * n_ + j * kTile; }
  [[nodiscard]] float* column(std::int64_t i) { return column_.data() + i * kTile * width_; }
  [[nodiscard]] float* scaled(std::int64_t i) { return scaled_.data() + i * kTile * width_; }

  template <class Body>
  void each(std::int64_t n, const Body& body) const {
    parallel_ranges(n, 1, n_threads_, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) body(i);
    });
  }

  /// Tiles at or below the diagonal that are neither in row nor in column k.
  void list_pairs(std::int64_t k) {
    pairs_.clear();
    for (std::int64_t i = 0; i < n_tiles_; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        if (i != k && j != k) pairs_.emplace_back(i, j);
      }
    }
  }

  void copy_pivot(std::int64_t k) {
    const float* diagonal = tile(k, k);
    for (std::int64_t r = 0; r < width_; ++r) {
      for (std::int64_t c = 0; c <= r; ++c) pivot_[static_cast<std::size_t>(c * width_ + r)] = diagonal[r * n_ + c];
    }
  }

  /// A_ik, which above the diagonal stands as A_ki^T.
  void copy_column(std::int64_t i, std::int64_t k) {
    float* to = column(i);
    for (std::int64_t r = 0; r < rows(i); ++r) {
      for (std::int64_t c = 0; c < width_; ++c)
        to[r * width_ + c] = i > k ? tile(i, k)[r * n_ + c] : tile(k, i)[c * n_ + r];
    }
  }

  void write_column(std::int64_t i, std::int64_t k) {
    const float* from = i == k ? pivot_inverse_.data() : scaled(i);
    for (std::int64_t r = 0; r < rows(i); ++r) {
      for (std::int64_t c = 0; c < width_; ++c) {
        const float value = from[r * width_ + c];
        if (i == k) {
          tile(k, k)[r * n_ + c] = -value;
        } else if (i > k) {
          tile(i, k)[r * n_ + c] = value;
        } else {
          tile(k, i)[c * n_ + r] = value;
        }
      }
    }
  }

  const DenseKernels& dense_ = dense_kernels();
  float* a_;
  std::int64_t n_, n_tiles_, width_ = 0;  // width_: of block k
  int n_threads_;
  AlignedFloats column_, scaled_;  ///< column k before the sweep, and times D: [n, width_] by tiles
  AlignedFloats pivot_, pivot_inverse_;
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs_;
};

}  // namespace

bool invert_symmetric(float* a, std::int64_t n, int n_threads,
                      const std::function<void(std::int64_t done, std::int64_t total)>& on_block) {
  Sweep sweep(a, n, n_threads);
  for (std::int64_t k = 0; k < sweep.n_tiles(); ++k) {
    if (!sweep.sweep(k)) return false;
    if (on_block) on_block(k + 1, sweep.n_tiles());
  }
  sweep.finish();
  return true;
}

}  // namespace segue::collaborative
