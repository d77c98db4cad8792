#include "collaborative/balanced_ranges.h"

#include <stdexcept>
#include <vector>

#include "support/threads.h"

namespace segue::collaborative {

void balanced_ranges(std::int64_t n, int n_threads, const std::function<double(std::int64_t row)>& cost,
                     const std::function<void(std::int64_t begin, std::int64_t end, int worker)>& body) {
  if (n_threads < 1) throw std::invalid_argument("balanced_ranges: at least one thread is needed");
  double total = 0;
  for (std::int64_t row = 0; row < n; ++row) total += cost(row);
  std::vector<std::int64_t> cuts = {0};
  double before = 0;
  for (std::int64_t row = 0; row < n; ++row) {
    before += cost(row);
    while (static_cast<int>(cuts.size()) < n_threads &&
           before * n_threads >= total * static_cast<double>(cuts.size())) {
      cuts.push_back(row + 1);
    }
  }
  cuts.resize(static_cast<std::size_t>(n_threads) + 1, n);
  cuts.back() = n;
  parallel_ranges(n_threads, 1, n_threads, [&](std::int64_t begin, std::int64_t end, int worker) {
    for (std::int64_t range = begin; range < end; ++range) {
      const auto r = static_cast<std::size_t>(range);
      if (cuts[r] < cuts[r + 1]) body(cuts[r], cuts[r + 1], worker);
    }
  });
}

}  // namespace segue::collaborative
