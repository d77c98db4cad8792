#include "support/threads.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace segue {
namespace {

int processors_of_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// Processors the control group's quota amounts to, rounded up; 0 when there is none.
int processors_of_quota() {
  // Version 2: "<quota|max> <period>" in cpu.max of this group and of every group around it.
  std::ifstream membership("/proc/self/cgroup");
  double least = 0;
  for (std::string line; std::getline(membership, line);) {
    if (!line.starts_with("0::")) continue;
    for (std::filesystem::path group = line.substr(3);; group = group.parent_path()) {
      std::ifstream file("/sys/fs/cgroup" + (group == "/" ? std::string() : group.string()) + "/cpu.max");
      std::string quota;
      double period = 0;
      if (file >> quota >> period && quota != "max" && period > 0) {
        const double processors = std::strtod(quota.c_str(), nullptr) / period;
        if (processors > 0) least = least == 0 ? processors : std::min(least, processors);
      }
      if (group == "/" || group.empty()) break;
    }
  }
  // Version 1.
  double quota_us = 0, period_us = 0;
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota_file >> quota_us && period_file >> period_us && quota_us > 0 && period_us > 0) {
    const double processors = quota_us / period_us;
    least = least == 0 ? processors : std::min(least, processors);
  }
  return static_cast<int>(std::ceil(least));
}

}  // namespace

int available_threads() {
  static const int n = [] {
    const int affinity = processors_of_affinity(), quota = processors_of_quota();
    return quota > 0 ? std::min(affinity, quota) : affinity;
  }();
  return n;
}

void parallel_ranges(std::int64_t n, std::int64_t grain, int n_threads,
                     const std::function<void(std::int64_t begin, std::int64_t end, int worker)>& body) {
  if (n_threads < 1)
    throw std::invalid_argument("parallel_ranges: n_threads is " + std::to_string(n_threads) +
                                ", at least 1 is needed");
  if (n <= 0) return;
  const std::int64_t n_ranges = std::clamp<std::int64_t>(n / std::max<std::int64_t>(grain, 1), 1, n_threads);
  if (n_ranges == 1) {
    body(0, n, 0);
    return;
  }
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto run = [&](std::int64_t range) {
    try {
      // The first n % n_ranges ranges are one longer.
      const std::int64_t share = n / n_ranges, rest = n % n_ranges;
      const std::int64_t begin = range * share + std::min(range, rest);
      body(begin, begin + share + (range < rest ? 1 : 0), static_cast<int>(range));
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(n_ranges - 1));
    for (std::int64_t range = 1; range < n_ranges; ++range) threads.emplace_back(run, range);
    run(0);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace segue
