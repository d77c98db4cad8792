#pragma once

#include <array>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/ptx/ptx_text.h"

namespace segue::ptx {

struct Warp;
struct Instruction;

/// Runs an instruction for the lanes of `mask`.
using Execute = void (*)(Warp& warp, const Instruction& instruction, u32 mask);

/// A register or a constant: 32 values side by side, one a lane (predicates: one mask).
struct Operand {
  u32 offset = 0;  ///< bytes, in its bank
  u8 bank = 0;     ///< 0: the warp's registers, 1: the kernel's constants
  u8 width = 0;    ///< bytes a lane; 0: the sink `_`
  bool negated = false;
};

/// What an instruction does to registers of wgmma: those that are its accumulators, or hold fragments of A.
enum class WgmmaRole : u8 { kNone, kTouches, kMultiplies };

/// How the scheduler treats an instruction.
enum class Flow : u8 {
  kPlain,
  kBranch,   ///< to `target` for the lanes of the guard
  kIndexed,  ///< brx.idx
  kExit,
  kWarpSync,  ///< runs when all lanes of a mask are there: operand `mask_operand`, or the whole warp
  kBarrier,   ///< of the block
  kTest       ///< of an mbarrier: lanes that test in vain let others run
};

/// What counters tell apart.
enum class InstructionClass : u8 {
  kTensor,
  kInteger,
  kFloat,
  kCompare,
  kMove,
  kGlobal,
  kShared,
  kLocal,
  kConstant,
  kGeneric,
  kAtomic,
  kAsyncCopy,
  kControl,
  kSync,
  kCount
};
const char* name_of(InstructionClass which);

struct Instruction {
  Execute execute = nullptr;
  const Operand* operands = nullptr;  ///< destinations first
  i64 immediate = 0;                  ///< of an address its offset; otherwise what the opcode needs
  u32 target = 0;
  Operand guard;
  bool is_guarded = false;
  Flow flow = Flow::kPlain;
  InstructionClass counted_as = InstructionClass::kMove;
  u8 n_operands = 0;
  i8 mask_operand = -1;  ///< kWarpSync: which operand is the member mask; -1: all 32 lanes
  Space space = Space::kGeneric;
  u8 width = 0;   ///< bytes of an element in memory
  u8 count = 1;   ///< elements of a vector
  u8 option = 0;  ///< what the opcode needs
  u8 option2 = 0;
  WgmmaRole wgmma_role = WgmmaRole::kNone;
  bool is_strong = false;  ///< of a memory access: volatile, relaxed or stronger, so never a race with an atomic
  bool acquires = false, releases = false, is_block_scope = false;
  u32 line = 0;  ///< of the PTX text
  Location location;
};

/// Special registers that hold one value a lane for the whole run: filled in when a warp starts.
enum class SpecialRegister : u8 {
  kTidX,
  kTidY,
  kTidZ,
  kNtidX,
  kNtidY,
  kNtidZ,
  kCtaidX,
  kCtaidY,
  kCtaidZ,
  kNctaidX,
  kNctaidY,
  kNctaidZ,
  kLaneid,
  kWarpid,
  kNwarpid,
  kSmid,
  kNsmid,
  kGridid,
  kLanemaskEq,
  kLanemaskLe,
  kLanemaskLt,
  kLanemaskGe,
  kLanemaskGt,
  kDynamicSmemSize,
  kTotalSmemSize,
  kZero,
  kOne
};

/// `%tid.x` and the like, by name.
const std::unordered_map<std::string_view, SpecialRegister>& special_register_names();

struct Kernel {
  std::string name;
  std::vector<Instruction> code;
  std::deque<std::vector<Operand>> operand_lists;  ///< what Instruction::operands points to
  std::vector<u8> constants;                       ///< bank 1
  std::vector<std::vector<u32>> jump_tables;
  std::size_t register_bytes = 0;
  std::size_t local_bytes = 0;
  std::size_t static_shared_bytes = 0;
  std::size_t parameter_bytes = 0;
  struct Parameter {
    std::size_t offset, bytes;
  };
  std::vector<Parameter> parameters;
  u32 max_threads = 0, required_threads = 0;
  std::vector<std::pair<SpecialRegister, Operand>> special_registers;
  std::vector<u16> wgmma_registers;  ///< by offset / 64: 0, or 1 + the number of a register of wgmma; empty: no wgmma
  std::size_t n_wgmma_registers = 0;
  const ModuleText* text = nullptr;

  /// `file.cu:12 (PTX line 300)`.
  std::string place_of(u32 pc) const;
};

}  // namespace segue::ptx
