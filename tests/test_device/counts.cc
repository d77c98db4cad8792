#include "tests/test_device/counts.h"

#include <mutex>

namespace segue::test_device {
namespace {

std::mutex mutex;
Counts totals;

template <class Change>
void change(Change apply) {
  const std::lock_guard lock(mutex);
  apply(totals);
}

}  // namespace

std::string Counts::text() const {
  std::string text = std::to_string(operators) + " operators, " + std::to_string(to_device) +
                     " copies to the device, " + std::to_string(to_host) + " to the host";
  for (const auto& [cause, n] : waits) text += "; " + cause + " " + std::to_string(n);
  return text;
}

std::int64_t Counts::n_waits() const {
  std::int64_t sum = 0;
  for (const auto& [cause, n] : waits) sum += n;
  return sum;
}

Counts counts() {
  const std::lock_guard lock(mutex);
  return totals;
}

void reset_counts() {
  change([](Counts& all) { all = {}; });
}

void count_operator() {
  change([](Counts& all) { ++all.operators; });
}

void count_to_device(std::int64_t bytes, bool non_blocking) {
  change([&](Counts& all) {
    ++all.to_device, all.to_device_bytes += bytes;
    if (!non_blocking) ++all.waits["blocking copy to the device"];
  });
}

void count_to_host(std::int64_t bytes) {
  change([&](Counts& all) { ++all.to_host, all.to_host_bytes += bytes, ++all.waits["copy to the host"]; });
}

void count_wait(const std::string& name) {
  change([&](Counts& all) { ++all.to_host, ++all.waits[name]; });
}

}  // namespace segue::test_device
