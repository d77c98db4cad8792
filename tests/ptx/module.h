#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/ptx/device_pages.h"
#include "tests/ptx/kernel.h"

namespace segue::ptx {

/// A module's PTX, parsed when first asked for, its kernels decoded when first launched: a kernel that the interpreter
/// does not know disturbs no other.
class Module {
 public:
  /// The same kernels for one or more virtual architectures.
  explicit Module(std::vector<std::string> ptx) : ptx_(std::move(ptx)) {}

  /// PtxError if there is no such kernel or the interpreter does not know an instruction of it.
  const Kernel& kernel(const std::string& name, int device);
  bool has_kernel(const std::string& name);
  /// The variable's place on the device, which gets all variables of the module at the first question. 0 if unknown.
  u64 variable(const std::string& name, int device);
  std::size_t variable_bytes(const std::string& name);
  /// Of the PTX that a device of the configured compute capability would take.
  const ModuleText& text();
  /// Forgets everything but the PTX.
  void reset();

 private:
  const std::string& ptx_for_device() const;
  void place_variables(int device);

  std::vector<std::string> ptx_;
  std::unique_ptr<ModuleText> text_;
  std::map<std::pair<int, std::string>, std::unique_ptr<Kernel>> kernels_;
  std::map<std::pair<int, std::string>, u64> variables_;
};

}  // namespace segue::ptx
