#pragma once

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "tests/ptx/numbers.h"

namespace segue::ptx {

struct Warp;
struct Block;
struct Instruction;
struct Operand;

/// One wgmma.mma_async of a warp that has not been waited for.
struct Multiplication {
  const Instruction* instruction = nullptr;
  u32 pc = 0;
  u32 group = 0;             ///< of its warp
  u64 a = 0, b = 0;          ///< descriptors; a only where it is no fragment
  bool accumulates = false;  ///< scale-d
  bool has_landed = false;
};

/// What wgmma knows of a register that is an accumulator of some wgmma of the kernel, or holds a fragment of A.
struct WgmmaRegister {
  enum class Order : u8 {
    kTouched,     ///< by another instruction since the last wgmma.fence, or there was none
    kFenced,      ///< free for any wgmma
    kAccumulated  ///< waited for: free for a wgmma of the same shape, or behind a fence
  };
  Order order = Order::kTouched;
  bool is_accumulator = false;  ///< of those under way
  u16 n_under_way = 0;
  u32 shape = 0, place = 0;  ///< as an accumulator: of which shape, and which of its registers
};

struct WgmmaOfWarp {
  std::vector<WgmmaRegister> registers;  ///< by Kernel::wgmma_registers
  std::deque<Multiplication> under_way;  ///< in order
  u32 n_committed = 0;
  u64 n_instructions = 0;
};

/// The wgmma instructions of a warpgroup: its four warps must come to the same ones, with the same descriptors.
struct WarpGroup {
  struct Entry {
    u32 pc;
    u64 a, b;
    bool accumulates;
    bool operator==(const Entry&) const = default;
  };
  std::deque<Entry> entries;  ///< that not all four have come to
  u64 n_dropped = 0;
};

/// Prepares a block whose kernel has wgmma; its warps have started.
void start_wgmma(Block& block);

/// An instruction other than wgmma touches registers of wgmma. KernelFault if one is under way.
void touch_wgmma_registers(Warp& warp, const Instruction& instruction);

/// The next wgmma instruction of a warp. KernelFault if it is another than that of the other warps of its group.
void meet_in_warp_group(Warp& warp, const WarpGroup::Entry& entry);
/// The block has come to its end. KernelFault if warps of a group have executed more wgmma instructions than others.
void check_warp_groups(const Block& block);

/// wgmma.fence: registers that were touched are free.
void fence_wgmma_registers(Warp& warp);
/// A register becomes the accumulator `place` of a wgmma of a shape, or with `place` < 0 a fragment of A.
void take_wgmma_register(Warp& warp, const Operand& operand, u32 shape, int place);
/// That wgmma was waited for.
void give_wgmma_register(Warp& warp, const Operand& operand);

}  // namespace segue::ptx
