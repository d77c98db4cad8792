#include "kernels/cpu/int8_queries.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace segue::kernels::cpu {
namespace {

/// Added and taken away again, it rounds a double below 2^51 to the nearest whole number, ties to even: without the
/// call that nearbyint() is on the oldest x86-64.
constexpr double kRounding = 0x1.8p52;

/// The largest absolute value; not finite where one is not.
float largest_size(const float* values, std::int64_t n) {
  std::uint32_t largest = 0;  // sizes order as their bits do, NaN last
  for (std::int64_t i = 0; i < n; ++i)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFU);
  return std::bit_cast<float>(largest);
}

}  // namespace

Int8Queries::Int8Queries(MatrixView<const float> queries)
    : dim_((queries.n_cols + 3) / 4 * 4), levels_(static_cast<std::size_t>(queries.n_rows * dim_)) {
  const auto n = static_cast<std::size_t>(queries.n_rows);
  for (auto* values : {&norms, &errors, &steps, &inverse_steps, &corrections}) values->resize(n);
  for (std::size_t q = 0; q < n; ++q) quantise(queries.row(static_cast<std::int64_t>(q)), queries.n_cols, q);
}

void Int8Queries::quantise(const float* query, std::int64_t dim, std::size_t at) {
  std::int8_t* levels = levels_.data() + at * static_cast<std::size_t>(dim_);
  inverse_steps[at] = 1.0F;
  const float largest = largest_size(query, dim);
  if (!std::isfinite(largest)) return;
  const float step = largest > 1e-30F ? largest / 127 : 0.0F;
  const double inverse = step > 0 ? 1.0 / step : 0.0;
  double norm = 0;
  double error = 0;
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < dim; ++i) {
    const double value = query[i];
    const double level = value * inverse + kRounding - kRounding;
    const auto whole = static_cast<std::int32_t>(level);
    levels[i] = static_cast<std::int8_t>(whole);
    sum += whole;
    norm += value * value;
    const double left = value - level * step;
    error += left * left;
  }
  const double rounding_up = 1 + 1e-6;
  norms[at] = static_cast<float>(std::sqrt(norm) * rounding_up);
  errors[at] = static_cast<float>(std::sqrt(error) * rounding_up);
  steps[at] = step;
  inverse_steps[at] = 1.0F / step;
  corrections[at] = static_cast<float>(128 * sum);
}

void Int8Tile::pack(const Int8Queries& queries, std::span<const std::int32_t> members) {
  n_queries_ = static_cast<int>(members.size());
  n_padded_ = kernels_->queries_for(n_queries_);
  const auto dim = static_cast<std::size_t>(queries.dim());
  data_.assign(static_cast<std::size_t>(kernels_->packed_bytes(n_padded_, queries.dim())), 0);
  const std::int8_t* rows[kMaxInt8TileQueries];
  for (int i = 0; i < n_padded_; ++i) {
    const bool real = i < n_queries_;
    const auto q = static_cast<std::size_t>(members[real ? static_cast<std::size_t>(i) : 0]);
    members_[i] = static_cast<std::int32_t>(q);
    if (real) rows[i] = queries.levels(q);
    norms[i] = real ? queries.norms[q] : 0.0F;
    errors[i] = real ? queries.errors[q] : 0.0F;
    steps[i] = real ? queries.steps[q] : 0.0F;
    inverse_steps[i] = real ? queries.inverse_steps[q] : 1.0F;
    corrections[i] = real ? queries.corrections[q] : 0.0F;
  }
  kernels_->pack_queries(rows, n_queries_, n_padded_, static_cast<std::int64_t>(dim), data_.data());
}

}  // namespace segue::kernels::cpu
