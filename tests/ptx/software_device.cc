#include "tests/ptx/software_device.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/ptx/launch_checks.h"
#include "tests/ptx/machine.h"
#include "tests/ptx/scheduler.h"
#include "tests/ptx/stream_queues.h"

namespace segue::ptx {

const char* name_of(FaultKind kind) {
  constexpr const char* kNames[] = {"race",        "out of bounds", "misaligned", "uninitialised", "use after free",
                                    "in flight",   "divergence",    "deadlock",   "assertion",     "trap",
                                    "invalid PTX", "launch",        "runaway",    "misuse"};
  return kNames[static_cast<int>(kind)];
}

Options options_from(const std::string& text) {
  Options options;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string setting = text.substr(at, end - at);
    at = end + 1;
    const std::size_t equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    std::size_t used = 0;
    unsigned long long value = 0;
    try {
      value = equals == std::string::npos ? throw std::invalid_argument("")
                                          : std::stoull(setting.substr(equals + 1), &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used == 0 || equals + 1 + used != setting.size())
      throw std::invalid_argument("SEGUE_SOFTWARE_DEVICE: '" + setting + "' is not name=number");
    const auto as_int = static_cast<int>(value);
    if (name == "seed") {
      options.seed = value;
    } else if (name == "races") {
      options.races = value != 0;
    } else if (name == "perturb_mma") {
      options.perturb_mma = value != 0;
    } else if (name == "split_warps") {
      options.split_warps = value != 0;
    } else if (name == "count_memory") {
      options.count_memory = value != 0;
    } else if (name == "compute_capability") {
      options.compute_capability = as_int;
    } else if (name == "n_sms") {
      options.n_sms = as_int;
    } else if (name == "n_devices") {
      options.n_devices = as_int;
    } else if (name == "resident_blocks") {
      options.resident_blocks = as_int;
    } else if (name == "memory_bytes") {
      options.memory_bytes = value;
    } else if (name == "report") {
      options.report = value != 0;
    } else if (name == "max_warp_instructions") {
      options.max_warp_instructions = value;
    } else {
      throw std::invalid_argument("SEGUE_SOFTWARE_DEVICE: no option '" + name + "'");
    }
  }
  return options;
}

void configure(const Options& options) {
  Machine& all = machine();
  const std::lock_guard lock(all.mutex);
  streams().reset();
  reset_runtime();
  for (const auto& module : all.modules) module->reset();
  all.devices.clear();
  all.options = options;
  all.random = Random(options.seed);
  all.current_device = 0;
  all.faults.clear();
  reset_counters();
}

const Options& options() { return machine().options; }
const std::vector<Fault>& faults() { return machine().faults; }

std::vector<Fault> take_faults() { return std::exchange(machine().faults, {}); }

std::string describe(const std::vector<Fault>& faults) {
  std::string text;
  for (const Fault& fault : faults) text += fault.message + "\n";
  return text;
}

void accumulate(Counters& total, const Counters& more) {
  total.n_launches += more.n_launches;
  total.n_blocks += more.n_blocks;
  for (std::size_t i = 0; i < total.warp_instructions.size(); ++i)
    total.warp_instructions[i] += more.warp_instructions[i];
  total.n_warp_instructions += more.n_warp_instructions;
  total.n_thread_instructions += more.n_thread_instructions;
  total.global_sectors += more.global_sectors;
  total.ideal_global_sectors += more.ideal_global_sectors;
  total.global_bytes_read += more.global_bytes_read;
  total.global_bytes_written += more.global_bytes_written;
  total.shared_wavefronts += more.shared_wavefronts;
  total.ideal_shared_wavefronts += more.ideal_shared_wavefronts;
  total.shared_bytes_read += more.shared_bytes_read;
  total.shared_bytes_written += more.shared_bytes_written;
  total.n_mma += more.n_mma;
  total.mma_flop += more.mma_flop;
  total.n_atomics += more.n_atomics;
  total.interpreter_s += more.interpreter_s;
}

std::vector<Counters> counters() { return machine().counters; }

Counters counters_of(const std::string& kernel) {
  Counters total;
  total.kernel = kernel;
  for (const Counters& each : machine().counters)
    if (each.kernel.find(kernel) != std::string::npos) accumulate(total, each);
  return total;
}

std::string counters_report() {
  std::ostringstream text;
  for (const Counters& each : counters()) {
    text << each.kernel << "\n  " << each.n_launches << " launches, " << each.n_blocks << " blocks, "
         << each.n_warp_instructions << " warp instructions ("
         << static_cast<double>(each.n_warp_instructions) / 1e6 / each.interpreter_s << " M/s here), "
         << static_cast<double>(each.n_thread_instructions) / static_cast<double>(each.n_warp_instructions)
         << " lanes each\n ";
    for (std::size_t i = 0; i < each.warp_instructions.size(); ++i)
      if (each.warp_instructions[i] != 0)
        text << " " << name_of(static_cast<InstructionClass>(i)) << " " << each.warp_instructions[i];
    text << "\n  global: " << each.global_sectors << " sectors where " << each.ideal_global_sectors << " would do, "
         << each.global_bytes_read << " bytes read, " << each.global_bytes_written
         << " written; shared: " << each.shared_wavefronts << " wavefronts where " << each.ideal_shared_wavefronts
         << " would do; " << each.n_mma << " mma (" << each.mma_flop << " FLOP), " << each.n_atomics << " atomics\n";
  }
  return text.str();
}

std::uint64_t warp_instructions_of_lines(const std::string& file, unsigned first, unsigned last) {
  std::uint64_t total = 0;
  for (const auto& [place, count] : machine().line_counts)
    if (place.first == file && place.second >= first && place.second <= last) total += count;
  return total;
}

RuntimeCounters runtime_counters() { return machine().runtime_counters; }

void reset_counters() {
  machine().runtime_counters = {};
  machine().counters.clear();
  machine().line_counts.clear();
}

void set_module_transform(TransformModule transform) {
  Machine& all = machine();
  const std::lock_guard lock(all.mutex);
  streams().drain_all();
  all.transform = std::move(transform);
  for (const auto& module : all.modules) module->reset();
}

struct LoadedModule::State {
  Module* module;
};

LoadedModule::LoadedModule(std::string ptx) : state_(std::make_unique<State>()) {
  machine().modules.push_back(std::make_unique<Module>(std::vector{std::move(ptx)}));
  state_->module = machine().modules.back().get();
}

LoadedModule::~LoadedModule() {
  std::erase_if(machine().modules, [&](const auto& module) { return module.get() == state_->module; });
}

bool LoadedModule::launch(const std::string& kernel_name, Dim grid, Dim block,
                          const std::vector<const void*>& arguments, std::size_t dynamic_shared_bytes) {
  Machine& all = machine();
  const Kernel& kernel = state_->module->kernel(kernel_name, all.current_device);
  if (arguments.size() != kernel.parameters.size())
    throw PtxError(kernel_name + " has " + std::to_string(kernel.parameters.size()) + " parameters, and " +
                   std::to_string(arguments.size()) + " are given");
  const Dim3 grid3{grid.x, grid.y, grid.z}, block3{block.x, block.y, block.z};
  const std::size_t most = limits_of(all.options.compute_capability).shared_per_block_opt_in;
  if (const std::string why = refusal(kernel, grid3, block3, dynamic_shared_bytes, most); !why.empty()) {
    add_fault(FaultKind::kLaunch, kernel_name, why + " of " + kernel_name);
    return false;
  }
  return run(kernel, all.current_device, grid3, block3, packed_parameters(kernel, arguments.data()),
             dynamic_shared_bytes);
}

std::vector<std::string> LoadedModule::opcodes_of(const std::string& kernel) const {
  const Function* function = state_->module->text().function(kernel);
  if (function == nullptr) throw PtxError("no kernel " + kernel + " in the module");
  std::set<std::string> opcodes;
  for (const Item& item : function->body) {
    if (item.kind != Item::Kind::kInstruction) continue;
    std::string opcode(item.opcode);
    for (std::string_view modifier : item.modifiers) opcode += "." + std::string(modifier);
    opcodes.insert(opcode);
  }
  return {opcodes.begin(), opcodes.end()};
}

}  // namespace segue::ptx
