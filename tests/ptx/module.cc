#include "tests/ptx/module.h"

#include <algorithm>
#include <cstdio>

#include "tests/ptx/decoder.h"
#include "tests/ptx/machine.h"

namespace segue::ptx {

namespace {

/// How well PTX suits a device: by the generation, `sm_80`, at most its own; `sm_90a` its own alone, and best. 0: not.
int suitability(const std::string& ptx, int compute_capability) {
  int generation = 0;
  char letter = ' ';
  const std::size_t at = ptx.find(".target");
  if (at == std::string::npos || std::sscanf(ptx.c_str() + at, ".target sm_%d%c", &generation, &letter) < 1) return 0;
  const bool is_for_one = letter == 'a' || letter == 'f';
  if (is_for_one ? generation != compute_capability : generation > compute_capability) return 0;
  return 2 * generation + (is_for_one ? 1 : 0);
}

}  // namespace

const std::string& Module::ptx_for_device() const {
  if (ptx_.size() == 1) return ptx_[0];
  const int compute_capability = machine().options.compute_capability;
  const auto best = std::max_element(ptx_.begin(), ptx_.end(), [&](const std::string& a, const std::string& b) {
    return suitability(a, compute_capability) < suitability(b, compute_capability);
  });
  if (best == ptx_.end() || suitability(*best, compute_capability) == 0)
    throw PtxError("no PTX for a device of compute capability " + std::to_string(compute_capability));
  return *best;
}

const ModuleText& Module::text() {
  if (text_ == nullptr) {
    auto text = std::make_unique<ModuleText>();
    text->text = machine().transform ? machine().transform(ptx_for_device()) : ptx_for_device();
    parse(*text);
    text_ = std::move(text);
  }
  return *text_;
}

bool Module::has_kernel(const std::string& name) {
  const Function* function = text().function(name);
  return function != nullptr && function->is_entry;
}

const Kernel& Module::kernel(const std::string& name, int device) {
  auto& kernel = kernels_[{device, name}];
  if (kernel == nullptr) {
    const Function* function = text().function(name);
    if (function == nullptr || !function->is_entry || !function->has_body)
      throw PtxError("no kernel " + name + " in the module");
    kernel = Decoder(text(), *function, [&](std::string_view variable_name) {
               const u64 address = variable(std::string(variable_name), device);
               if (address == 0) throw PtxError("no memory for the variable " + std::string(variable_name));
               return address;
             }).decode();
  }
  return *kernel;
}

u64 Module::variable(const std::string& name, int device) {
  if (!variables_.contains({device, name})) place_variables(device);
  return variables_[{device, name}];
}

std::size_t Module::variable_bytes(const std::string& name) {
  for (const Variable& variable : text().variables)
    if (variable.name == name) return variable.bytes;
  return 0;
}

void Module::place_variables(int device) {
  DevicePages& pages = machine().device(device).pages;
  for (const Variable& variable : text().variables) {
    if (variable.space == "shared" || variable.is_external) continue;
    u64& address = variables_[{device, std::string(variable.name)}];
    if (address != 0) continue;
    address = pages.allocate(variable.bytes == 0 ? 1 : variable.bytes, "variable " + std::string(variable.name));
    if (address == 0) return;
    // Without an initial value a variable of a module begins as zeros.
    std::memset(pages.data(address), 0, variable.bytes);
    if (!variable.initial.empty())
      std::memcpy(pages.data(address), variable.initial.data(), std::min(variable.bytes, variable.initial.size()));
    std::memset(pages.state(address), kInitialisedByte, variable.bytes);
  }
  for (const Variable& variable : text().variables) {
    for (const auto& [offset, symbol] : variable.addresses) {
      const u64 target = variables_[{device, std::string(symbol.name)}] + static_cast<u64>(symbol.offset);
      std::memcpy(pages.data(variables_[{device, std::string(variable.name)}]) + offset, &target, 8);
    }
  }
}

void Module::reset() {
  kernels_.clear();
  variables_.clear();
  text_.reset();
}

}  // namespace segue::ptx
