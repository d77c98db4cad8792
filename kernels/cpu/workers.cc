#include "kernels/cpu/workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace segue::kernels::cpu {
namespace {

/// Threads that wait for work, for as long as the process lives. Starting some for every call costs as much as a search
/// by a single query.
class Pool {
 public:
  /// False, and nothing done, while another call uses the pool.
  bool run(int n_workers, const std::function<void(int)>& body, bool all_must_run) {
    const std::unique_lock owner(mutex_, std::try_to_lock);
    if (!owner) return false;
    while (std::ssize(threads_) < n_workers - 1) threads_.emplace_back([this, seen = call_.load()] { serve(seen); });
    body_ = &body;
    n_done_.store(0, std::memory_order_relaxed);
    n_begun_.store(0, std::memory_order_relaxed);
    n_wanted_.store(n_workers - 1, std::memory_order_release);
    call_.fetch_add(1, std::memory_order_release);
    call_.notify_all();
    body(0);
    int n_running = n_workers - 1;
    if (!all_must_run) {
      // Nobody may begin any more.
      const int n_wanted = n_wanted_.exchange(0, std::memory_order_acq_rel);
      n_running -= std::max(n_wanted, 0);
    }
    for (int spins = 0; n_done_.load(std::memory_order_acquire) < n_running; ++spins) {
      if (spins > kSpins) std::this_thread::yield();
    }
    return true;
  }

 private:
  static constexpr int kSpins = 20'000;  ///< some tens of microseconds: calls mostly follow each other

  /// Takes one of the places that a call offers; 0: there is none.
  int begin() {
    int n_wanted = n_wanted_.load(std::memory_order_acquire);
    while (n_wanted > 0 && !n_wanted_.compare_exchange_weak(n_wanted, n_wanted - 1, std::memory_order_acq_rel)) {
    }
    return n_wanted > 0 ? n_begun_.fetch_add(1, std::memory_order_relaxed) + 1 : 0;
  }

  [[noreturn]] void serve(std::uint64_t seen) {
    while (true) {
      for (int spins = 0; spins < kSpins && call_.load(std::memory_order_relaxed) == seen; ++spins) pause();
      // Only if nothing came: whoever waits has to be woken by the system, even where there is no time to fall asleep.
      if (call_.load(std::memory_order_relaxed) == seen) call_.wait(seen);
      seen = call_.load(std::memory_order_acquire);
      while (const int worker = begin()) {
        (*body_)(worker);
        n_done_.fetch_add(1, std::memory_order_release);
      }
    }
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::mutex mutex_;
  std::atomic<std::uint64_t> call_ = 0;
  std::atomic<int> n_wanted_ = 0;  ///< workers that may still begin
  std::atomic<int> n_begun_ = 0;
  std::atomic<int> n_done_ = 0;
  const std::function<void(int)>* body_ = nullptr;
  std::vector<std::thread> threads_;
};

void run(int n_workers, const std::function<void(int)>& body, bool all_must_run) {
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
  // Never destroyed: its threads sleep when the process ends, and nothing waits for them.
  static Pool& pool = *new Pool;
  if (!pool.run(n_workers, guarded, all_must_run)) {
    std::vector<std::jthread> threads;
    for (int worker = 1; worker < n_workers; ++worker) threads.emplace_back(guarded, worker);
    guarded(0);
    threads.clear();  // joins
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

void run_workers(int n_workers, const std::function<void(int worker)>& body) { run(n_workers, body, true); }

void share_work(int n_workers, const std::function<void(int worker)>& body) { run(n_workers, body, false); }

std::int64_t part_begin(std::int64_t n, std::int64_t grain, int part, int n_parts) {
  const std::int64_t n_grains = (n + grain - 1) / grain;
  return std::min(n, n_grains * part / n_parts * grain);
}

}  // namespace segue::kernels::cpu
