#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace segue::test_device {

/// What went on between host and test device.
struct Counts {
  std::int64_t operators = 0;  ///< run on the device, views included
  std::int64_t to_device = 0, to_device_bytes = 0;
  std::int64_t to_host = 0, to_host_bytes = 0;
  /// How often the host waited for the device, by cause: a copy to the host; a copy to the device that was not asked
  /// for as non_blocking; an operator that reads a number for the host (item(), equal()), or whose result has a size
  /// that depends on the numbers (nonzero(), indexing by a mask, ...), which CUDA has to fetch first. The operators
  /// count as a copy to the host too.
  std::map<std::string, std::int64_t> waits;

  [[nodiscard]] std::int64_t n_waits() const;
  [[nodiscard]] std::string text() const;  ///< for the message of a test
};

/// Since the last reset; of all threads.
Counts counts();
void reset_counts();

// For the device's operators.
void count_operator();
void count_to_device(std::int64_t bytes, bool non_blocking);
void count_to_host(std::int64_t bytes);
void count_wait(const std::string& name);

}  // namespace segue::test_device
