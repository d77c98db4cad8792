#pragma once

#include <cstdint>
#include <functional>

namespace segue::collaborative {

/// Replaces a symmetric positive definite matrix by its inverse, in place.
///
/// The block sweep (Gauss and Jordan without pivots; Goodnight, A tutorial on the SWEEP operator, 1979): for each
/// diagonal block k, with D = A_kk^-1,
///     A_ij -= A_ik D A_kj  (i, j != k);   A_ik = A_ik D;   A_kk = -D
/// which leaves -A^-1 after the last. Tiles below the diagonal are updated side by side; each by one product of a
/// shape that depends on n alone, so the bits do not depend on the number of threads. D is computed in double, all else
/// in float32: the relative error is about 1e-7 times the condition number.
///
/// Cost: n^3 floating-point operations, as by Cholesky's factor, and 2,048 n bytes beside the matrix. n = 7,583 takes
/// 1.9 s on two cores with AVX-512.
///
/// @param a  [n, n] row-major, aligned to 64 bytes. Read: its lower triangle (row >= column). Written: all of it
/// @param on_block  called after each of `total` blocks, on the caller's thread; may throw
/// @returns false where the matrix is not positive definite in float32; its content is then undefined
bool invert_symmetric(float* a, std::int64_t n, int n_threads,
                      const std::function<void(std::int64_t done, std::int64_t total)>& on_block = {});

}  // namespace segue::collaborative
