#pragma once

#include <cstdint>
#include <functional>

namespace segue {

/// Threads the program may use: `threads` of the configuration, else the processors this process may run on (affinity
/// and cgroup quota counted).
int available_threads();

/// Runs body(begin, end, worker) over [0, n) cut into contiguous ranges of at least `grain`, on at most `n_threads`
/// threads (the caller is one of them). Each worker gets one range, fixed by (n, grain, n_threads) alone. The first
/// exception reaches the caller after all have ended. No OpenMP.
void parallel_ranges(std::int64_t n, std::int64_t grain, int n_threads,
                     const std::function<void(std::int64_t begin, std::int64_t end, int worker)>& body);

}  // namespace segue
