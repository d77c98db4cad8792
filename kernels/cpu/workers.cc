#include "kernels/cpu/workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace segue::kernels::cpu {
namespace {

/// Threads that wait for work. Starting some for every call costs as much as a search by a single query.
class Pool {
 public:
  ~Pool() {
    is_stopping_ = true;
    publish(1 << 15);
    threads_.clear();  // joins
  }

  /// False, and nothing done, while another call uses the pool.
  bool run(int n_workers, const std::function<void(int)>& body) {
    const std::unique_lock owner(mutex_, std::try_to_lock);
    if (!owner) return false;
    while (std::ssize(threads_) < n_workers - 1)
      threads_.emplace_back([this, worker = static_cast<int>(threads_.size()) + 1, seen = call_.load()] { serve(worker, seen); });
    body_ = &body;
    n_left_ = n_workers - 1;
    publish(static_cast<std::uint64_t>(n_workers));
    body(0);
    for (int spins = 0; n_left_.load(std::memory_order_acquire) > 0; ++spins) {
      if (spins > kSpins) std::this_thread::yield();
    }
    return true;
  }

 private:
  static constexpr int kSpins = 20'000;  ///< some tens of microseconds: calls mostly follow each other
  static constexpr int kWorkerBits = 16;

  /// A call is its number and its number of workers in one word, so that a thread that wakes late cannot mix two calls.
  void publish(std::uint64_t n_workers) {
    call_.store(((call_.load() >> kWorkerBits) + 1) << kWorkerBits | n_workers, std::memory_order_release);
    call_.notify_all();
  }

  void serve(int worker, std::uint64_t seen) {
    while (true) {
      for (int spins = 0; spins < kSpins && call_.load(std::memory_order_relaxed) == seen; ++spins) pause();
      call_.wait(seen);
      seen = call_.load(std::memory_order_acquire);
      if (is_stopping_) return;
      if (worker >= static_cast<int>(seen & ((1U << kWorkerBits) - 1))) continue;
      (*body_)(worker);
      n_left_.fetch_sub(1, std::memory_order_release);
    }
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::mutex mutex_;
  std::atomic<std::uint64_t> call_ = 0;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<int> n_left_ = 0;
  const std::function<void(int)>* body_ = nullptr;
  std::vector<std::jthread> threads_;
};

}  // namespace

void run_workers(int n_workers, const std::function<void(int worker)>& body) {
  if (n_workers <= 1) return body(0);
  std::exception_ptr failure;
  std::mutex mutex;
  const std::function<void(int)> guarded = [&](int worker) {
    try {
      body(worker);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  static Pool pool;
  if (!pool.run(n_workers, guarded)) {
    std::vector<std::jthread> threads;
    for (int worker = 1; worker < n_workers; ++worker) threads.emplace_back(guarded, worker);
    guarded(0);
    threads.clear();  // joins
  }
  if (failure) std::rethrow_exception(failure);
}

std::int64_t part_begin(std::int64_t n, std::int64_t grain, int part, int n_parts) {
  const std::int64_t n_grains = (n + grain - 1) / grain;
  return std::min(n, n_grains * part / n_parts * grain);
}

}  // namespace segue::kernels::cpu
