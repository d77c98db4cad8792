// Linked with the device in software: what it would have punished ends the program with status 3.

#include <cstdio>
#include <cstdlib>

#include "tests/ptx/software_device.h"

namespace segue::bench {
namespace {

void report() {
  const std::vector<ptx::Fault> found = ptx::take_faults();
  if (found.empty()) return;
  std::fprintf(stderr, "the software device found %zu faults:\n%s\n", found.size(), ptx::describe(found).c_str());
  std::_Exit(3);
}

[[maybe_unused]] const bool is_listening = std::atexit(report) == 0;

}  // namespace
}  // namespace segue::bench
