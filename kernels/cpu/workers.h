#pragma once

#include <cstdint>
#include <functional>

namespace segue::kernels::cpu {

/// Runs body(worker) for worker 0 .. n_workers-1, each on a thread of its own, the caller's among them. The first
/// exception reaches the caller when all have ended. Threads are kept between calls; they look for work for some tens
/// of microseconds, then sleep.
void run_workers(int n_workers, const std::function<void(int worker)>& body);

/// As run_workers, but body(worker) is run for worker 0 and for as many others as find time before worker 0 ends: on a
/// busy machine nobody waits for a thread that has not begun. For bodies that take their work from a common counter.
void share_work(int n_workers, const std::function<void(int worker)>& body);

/// Where part `part` of `n` things cut into `n_parts` begins; the cuts fall on multiples of `grain`.
std::int64_t part_begin(std::int64_t n, std::int64_t grain, int part, int n_parts);

}  // namespace segue::kernels::cpu
