#include "kernels/cpu/workers.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace segue::kernels::cpu {

void run_workers(int n_workers, const std::function<void(int worker)>& body) {
  std::exception_ptr failure;
  std::mutex mutex;
  const auto guarded = [&](int worker) {
    try {
      body(worker);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::jthread> threads;
  for (int worker = 1; worker < n_workers; ++worker) threads.emplace_back(guarded, worker);
  guarded(0);
  threads.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

std::int64_t part_begin(std::int64_t n, std::int64_t grain, int part, int n_parts) {
  const std::int64_t n_grains = (n + grain - 1) / grain;
  return std::min(n, n_grains * part / n_parts * grain);
}

}  // namespace segue::kernels::cpu
