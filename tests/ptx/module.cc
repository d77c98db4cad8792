#include "tests/ptx/module.h"

#include "tests/ptx/decoder.h"
#include "tests/ptx/machine.h"

namespace segue::ptx {

const ModuleText& Module::text() {
  if (text_ == nullptr) {
    auto text = std::make_unique<ModuleText>();
    text->text = machine().transform ? machine().transform(ptx_) : ptx_;
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
