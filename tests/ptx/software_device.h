#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

// A CUDA device in software: what a test may ask of it. README.md says what it shows, and what it cannot.

namespace segue::ptx {

struct Options {
  std::uint64_t seed = 0;       ///< of the schedule; 0: blocks and warps in order, no splitting, copies land late
  bool races = true;            ///< look for data races
  bool perturb_mma = false;     ///< add an error within the bound to every floating point result of mma
  bool split_warps = true;      ///< with a seed: run the lanes of a warp apart between synchronisations
  bool count_memory = true;     ///< count sectors and bank conflicts
  int compute_capability = 80;  ///< 80, 86 or 90: decides the limits of shared memory and of threads, and which PTX
  int n_sms = 4;
  int n_devices = 1;
  int resident_blocks = 4;  ///< blocks that run at once, at first; more join when none of them comes to an end
  std::size_t memory_bytes = std::size_t{4} << 30;  ///< of each device
  bool report = false;                              ///< print the counters of every kernel when the test program ends
  std::uint64_t max_warp_instructions = 20'000'000'000;  ///< of one launch: more is a fault
};

/// Sets the options, forgets all memory, faults and counters. Modules stay registered.
void configure(const Options& options);
/// The options in use: at first those of the environment variable SEGUE_SOFTWARE_DEVICE ("seed=3,races=1,...").
const Options& options();
/// Options from the form of the environment variable. std::invalid_argument for a name or a value it does not know.
Options options_from(const std::string& text);

enum class FaultKind {
  kRace,
  kOutOfBounds,
  kMisaligned,
  kUninitialised,
  kUseAfterFree,
  kInFlight,
  kDivergence,
  kDeadlock,
  kAssertion,
  kTrap,
  kInvalidPtx,
  kLaunch,
  kRunaway,
  kMisuse
};
const char* name_of(FaultKind kind);

/// Something that a device would have punished, or should have.
struct Fault {
  FaultKind kind;
  std::string kernel;
  std::string message;  ///< kind, kernel, block, thread, place in the source and in the PTX, address, allocation
};
const std::vector<Fault>& faults();
std::vector<Fault> take_faults();  ///< and forgets them
/// All messages, a line each.
std::string describe(const std::vector<Fault>& faults);

/// What a kernel cost, summed over its launches.
struct Counters {
  std::string kernel;
  std::uint64_t n_launches = 0, n_blocks = 0;
  std::array<std::uint64_t, 14> warp_instructions{};  ///< by InstructionClass (kernel.h)
  std::uint64_t n_warp_instructions = 0, n_thread_instructions = 0;
  std::uint64_t global_sectors = 0,
                ideal_global_sectors = 0;  ///< of 32 bytes; ideal: the bytes asked for, side by side
  std::uint64_t global_bytes_read = 0, global_bytes_written = 0;
  std::uint64_t shared_wavefronts = 0, ideal_shared_wavefronts = 0;  ///< the difference are bank conflicts
  std::uint64_t shared_bytes_read = 0, shared_bytes_written = 0;
  std::uint64_t n_mma = 0, mma_flop = 0, n_atomics = 0;
  double interpreter_s = 0;  ///< of this machine, for the speed of the interpreter alone
};
std::vector<Counters> counters();                 ///< a kernel each, in the order of their first launch
Counters counters_of(const std::string& kernel);  ///< of the kernels whose name contains this, summed
/// Warp instructions that were executed for source lines first..last of the file with this name.
std::uint64_t warp_instructions_of_lines(const std::string& file, unsigned first, unsigned last);

/// Calls of the runtime since the last reset.
struct RuntimeCounters {
  std::uint64_t n_allocations = 0, n_frees = 0, n_launches = 0, n_events = 0;
  std::uint64_t n_synchronisations = 0;  ///< every time that the host waited for the device
  std::uint64_t n_copies_to_device = 0, n_copies_to_host = 0, n_copies_on_device = 0, n_memsets = 0;
};
RuntimeCounters runtime_counters();
void reset_counters();  ///< both kinds
/// The counters of every kernel as a table, and how fast the interpreter was.
std::string counters_report();

/// Changes the text of every module before it is parsed; an empty function changes nothing. Modules are parsed again.
using TransformModule = std::function<std::string(const std::string& ptx)>;
void set_module_transform(TransformModule transform);

/// A module loaded from PTX text.
class LoadedModule {
 public:
  explicit LoadedModule(std::string ptx);
  ~LoadedModule();
  LoadedModule(const LoadedModule&) = delete;
  LoadedModule& operator=(const LoadedModule&) = delete;

  struct Dim {
    unsigned x = 1, y = 1, z = 1;
  };
  /// Launches an entry function on the device in use and runs it; false if it faulted (see faults()). `arguments` point
  /// to the values of the parameters. PtxError for PTX that the interpreter does not know.
  bool launch(const std::string& kernel, Dim grid, Dim block, const std::vector<const void*>& arguments,
              std::size_t dynamic_shared_bytes = 0);
  /// The opcodes with their modifiers that the text of this kernel uses, sorted.
  std::vector<std::string> opcodes_of(const std::string& kernel) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::ptx
