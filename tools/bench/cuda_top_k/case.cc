#include "tools/bench/cuda_top_k/case.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "kernels/top_k.h"
#include "tools/bench/cuda_top_k/device_clock.h"
#include "tools/bench/cuda_top_k/vectors.h"

namespace segue::bench {
namespace {

using kernels::DType;

constexpr kernels::Device kCuda{kernels::Device::Kind::kCuda};
constexpr std::int64_t kInARow = 10;

kernels::Device cpu() {
  return {kernels::Device::Kind::kCpu, static_cast<int>(std::max(1U, std::thread::hardware_concurrency()))};
}

DType parse_dtype(const std::string& text) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat16, DType::kInt8})
    if (text == kernels::name_of(dtype)) return dtype;
  throw std::invalid_argument("'" + text + "' is none of float32, bfloat16, float16, int8");
}

std::vector<float> widen(const kernels::ItemVectors& vectors) {
  std::vector<float> all;
  if (vectors.dtype == DType::kInt8) return all;
  all.reserve(static_cast<std::size_t>(vectors.n_rows * vectors.n_cols));
  kernels::FloatRows rows(vectors);
  for (std::int64_t i = 0; i < vectors.n_rows; ++i) {
    const float* row = rows.row(i);
    all.insert(all.end(), row, row + vectors.n_cols);
  }
  return all;
}

std::int64_t bytes_to_make(const kernels::ItemMatrix& items, const Form& form) {
  return form.nominators ? static_cast<std::int64_t>(kernels::cuda_items_bytes(items, *form.nominators)) : 0;
}

}  // namespace

std::string Form::name() const {
  return std::string(kernels::name_of(items)) + ":" + (nominators ? kernels::name_of(*nominators) : "plain");
}

Form parse_form(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) throw std::invalid_argument("'" + text + "' is not ITEMS:NOMINATORS");
  Form form{parse_dtype(text.substr(0, colon)), std::nullopt};
  if (text.substr(colon + 1) != "plain") form.nominators = parse_dtype(text.substr(colon + 1));
  return form;
}

Case::Case(const Form& form, const std::vector<float>& rows, std::int64_t dim, const std::vector<float>& queries)
    : form_(form),
      dim_(dim),
      host_(kernels::convert_rows({rows.data(), static_cast<std::int64_t>(rows.size()) / dim, dim}, form.items,
                                  cpu().n_threads)),
      exact_(exact_scores(queries.data(), widen(host_.view()), dim)),
      elements_(host_.elements),
      scales_(host_.scales),
      made_([&] {
        kernels::ItemMatrix items;
        items.vectors = {
            elements_.data(), form.items, host_.n_rows, dim, 0, form.items == DType::kInt8 ? scales_.data() : nullptr};
        return bytes_to_make(items, form);
      }()) {
  items_.vectors = {
      elements_.data(), form.items, host_.n_rows, dim, 0, form.items == DType::kInt8 ? scales_.data() : nullptr};
  if (form.nominators) {
    cuda_items_ = kernels::make_cuda_items(items_, *form.nominators, made_.data(), kCuda);
    kernels::wait_for_device();
    items_.cuda = &cuda_items_;
  }
  device_bytes_ = elements_.size() + scales_.size() * 4 + made_.size();
}

Outcome Case::run(const std::vector<float>& queries, std::int64_t n_queries, std::int64_t k, std::int64_t n_checked,
                  const TimeLimits& limits) {
  const DeviceArray<float> device_queries(queries.data(), n_queries * dim_);
  const DeviceArray<float> scores(n_queries * k);
  const DeviceArray<std::int32_t> rows(n_queries * k);
  const auto workspace_bytes = static_cast<std::int64_t>(kernels::top_k_workspace_bytes(n_queries, items_, k, kCuda));
  const DeviceArray<std::byte> workspace(workspace_bytes);
  kernels::Device device = kCuda;
  if (workspace_bytes > 0) {
    device.workspace = workspace.data();
    device.workspace_bytes = static_cast<std::size_t>(workspace_bytes);
  }
  const auto search = [&] {
    kernels::top_k({device_queries.data(), n_queries, dim_}, items_, {}, k, {scores.data(), n_queries, k},
                   {rows.data(), n_queries, k}, device);
  };
  Outcome outcome;
  outcome.ms = outcome.ms_least = outcome.ms_in_a_row = milliseconds_of(search);
  outcome.n_repeats = 1;
  outcome.differs = check(queries, scores, rows, n_queries, k, n_checked);
  if (!outcome.differs.empty() || outcome.ms > limits.most_seconds_of_one * 1e3) return outcome;
  const std::vector<double> times = repeat(search, limits.n_least, limits.n_most, limits.seconds);
  outcome.ms = median(times);
  outcome.ms_least = *std::min_element(times.begin(), times.end());
  outcome.n_repeats = static_cast<int>(times.size());
  if (outcome.ms * kInARow < limits.seconds * 1e3 * 5) outcome.ms_in_a_row = milliseconds_of(search, kInARow);
  return outcome;
}

std::string Case::check(const std::vector<float>& queries, const DeviceArray<float>& scores,
                        const DeviceArray<std::int32_t>& rows, std::int64_t n_queries, std::int64_t k,
                        std::int64_t n_checked) const {
  const std::vector<float> all_scores = scores.read(n_queries * k);
  const std::vector<std::int32_t> all_rows = rows.read(n_queries * k);
  const std::int64_t n = std::min(n_checked, n_queries);
  for (std::int64_t i = 0; i < n; ++i) {
    // Spread from the first to the last, so that padded blocks are among them.
    const std::int64_t query = n == 1 ? 0 : i * (n_queries - 1) / (n - 1);
    const float* values = queries.data() + query * dim_;
    std::vector<float> expected_scores(static_cast<std::size_t>(k));
    std::vector<std::int32_t> expected_rows(static_cast<std::size_t>(k));
    kernels::ItemMatrix on_host;
    on_host.vectors = host_.view();
    kernels::top_k({values, 1, dim_}, on_host, {}, k, {expected_scores.data(), 1, k}, {expected_rows.data(), 1, k},
                   cpu());
    const std::string which = "query " + std::to_string(query);
    for (std::int64_t rank = 0; rank < k; ++rank) {
      const auto at = static_cast<std::size_t>(query * k + rank);
      if (all_rows[at] != expected_rows[static_cast<std::size_t>(rank)])
        return which + ", rank " + std::to_string(rank) + ": row " + std::to_string(all_rows[at]) +
               " where the CPU has " + std::to_string(expected_rows[static_cast<std::size_t>(rank)]);
    }
    if (std::memcmp(all_scores.data() + query * k, expected_scores.data(), static_cast<std::size_t>(k) * 4) != 0)
      return which + ": scores differ from the CPU's in their bits";
    if (query == 0 && !exact_.empty() && !are_best(exact_, all_rows.data(), k))
      return which + ": not the best by sums in float64";
  }
  return {};
}

}  // namespace segue::bench
