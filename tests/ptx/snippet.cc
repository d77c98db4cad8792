#include "tests/ptx/snippet.h"

#include <stdexcept>

#include "tests/ptx/device_array.h"
#include "tests/ptx/software_device.h"
#include "tests/ptx/types.h"

namespace segue::ptx {
namespace {

constexpr const char* kHead =
    ".version 8.7\n.target sm_80\n.address_size 64\n.visible .entry snippet(.param .u64 input, .param .u64 output) {\n"
    ".reg .b64 %in, %out, %at;\n.reg .b32 %lane, %t;\n.reg .pred %p, %q;\n.shared .align 16 .b8 memory[2048];\n"
    "ld.param.u64 %in, [input];\nld.param.u64 %out, [output];\nmov.u32 %lane, %tid.x;\nmul.wide.u32 %at, %lane, "
    "8;\nadd.s64 %out, %out, %at;\n";

/// Predicates aside, registers have no sign: b types take every instruction.
std::string bits_type(const std::string& type) { return "b" + std::to_string(8 * width_of(type_named(type))); }

std::vector<u64> run(const std::string& text, const std::vector<u64>& inputs, unsigned n_threads) {
  const DeviceArray<u64> input(inputs), output(std::vector<u64>(n_threads, 0));
  LoadedModule module(text);
  const bool is_good = module.launch("snippet", {}, {n_threads}, {input.argument(), output.argument()});
  const std::vector<Fault> found = take_faults();  // a race does not end a launch
  if (!is_good || !found.empty()) throw std::runtime_error(describe(found));
  return output.values();
}

}  // namespace

u64 snippet(const std::string& type, const std::string& instructions, std::initializer_list<Input> inputs) {
  std::string text = kHead;
  constexpr const char* kNames[] = {"%a", "%b", "%c", "%e"};
  std::vector<u64> values;
  for (const Input& input : inputs) {
    const std::string name = kNames[values.size()];
    text += ".reg ." + bits_type(input.type) + " " + name + ";\nld.global." + bits_type(input.type) + " " + name +
            ", [%in+" + std::to_string(8 * values.size()) + "];\n";
    values.push_back(input.bits);
  }
  if (values.empty()) values.push_back(0);
  text += ".reg ." + bits_type(type) + " %d;\n" + instructions + "\nst.global." + bits_type(type) +
          " [%out], %d;\nret;\n}\n";
  const std::vector<u64> full = run(text, values, 32), partial = run(text, values, 7);
  for (u64 lane : full)
    if (lane != full[0]) throw std::runtime_error("lanes disagree: " + instructions);
  for (u64 lane : partial)
    if (lane != full[0]) throw std::runtime_error("a full warp and a partial one disagree: " + instructions);
  return full[0];
}

std::vector<u32> warp_snippet(const std::string& instructions, const std::vector<u32>& a) {
  const std::string text = std::string(kHead) +
                           ".reg .b32 %a, %d;\nadd.s64 %in, %in, %at;\nld.global.b32 %a, [%in];\nmov.b32 %d, 0;\n" +
                           instructions + "\nst.global.b32 [%out], %d;\nret;\n}\n";
  const std::vector<u64> result = run(text, std::vector<u64>(a.begin(), a.end()), 32);
  std::vector<u32> lanes;
  for (u64 lane : result) lanes.push_back(static_cast<u32>(lane));
  return lanes;
}

}  // namespace segue::ptx
