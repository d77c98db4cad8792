#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/ptx/block.h"
#include "tests/ptx/device_pages.h"
#include "tests/ptx/module.h"

namespace segue::ptx {

struct Device {
  explicit Device(std::size_t memory_bytes) : pages(memory_bytes) {}
  DevicePages pages;
};

/// Limits that depend on the compute capability.
struct Limits {
  std::size_t shared_per_block = 48 * 1024, shared_per_block_opt_in, shared_per_sm;
  int threads_per_sm, blocks_per_sm;
};
Limits limits_of(int compute_capability);

/// All devices, and what tests ask about them. One for the process, never destroyed: kernels register before main.
struct Machine {
  std::recursive_mutex mutex;
  Options options;
  std::vector<std::unique_ptr<Device>> devices;
  int current_device = 0;
  std::vector<std::unique_ptr<Module>> modules;
  TransformModule transform;
  Random random;
  std::vector<Fault> faults;
  RuntimeCounters runtime_counters;
  std::vector<Counters> counters;
  std::map<std::pair<std::string, u32>, u64> line_counts;  ///< file name and line: warp instructions
  u32 n_launches = 0;

  Device& device(int index);
  Counters& counters_for(const std::string& kernel);
};
Machine& machine();

/// Forgets errors and attributes that host code has set (runtime_errors.cc).
void reset_runtime();

/// Adds the numbers of one launch to those of others.
void accumulate(Counters& total, const Counters& more);

/// Runs a launch from its first block to its last; false if it faulted.
bool run(const Kernel& kernel, int device, Dim3 grid, Dim3 block, const std::vector<u8>& parameters,
         std::size_t dynamic_shared_bytes);

}  // namespace segue::ptx
