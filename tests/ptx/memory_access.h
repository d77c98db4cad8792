#pragma once

#include "tests/ptx/block.h"

namespace segue::ptx {

enum class AccessKind : u8 { kRead, kWrite, kReadWrite };

/// What lanes do to memory in one instruction.
struct Access {
  AccessKind kind = AccessKind::kRead;
  int n_bytes = 4;
  int alignment = 4;
  bool is_atomic = false;        ///< atomic or strong: no race with another such
  bool is_asynchronous = false;  ///< a cp.async: the bytes are in flight until they are waited for
  bool is_row = false;           ///< ldmatrix: addresses of rows of 16 bytes, read by all lanes
};

/// The addresses of an instruction's lanes, its constant offset added.
void addresses_of(const Warp& warp, const Instruction& instruction, const Operand& base, u64* addresses);

/// Checks an access of the lanes of `mask` (alignment, bounds, initialised bytes, races for the lanes of `raced`),
/// counts it, and gives each lane the place of its bytes. Throws KernelFault. Addresses are those of the space.
void reach(Warp& warp, const Instruction& instruction, u32 mask, u32 raced, Space space, const u64* addresses,
           const Access& access, u8** data);

/// Which space a generic address lies in, and its address there.
Space space_of_generic(u64 address, u64* in_space);

/// For synchronisation objects: one number for a byte of global memory or of a block's shared memory.
u64 location_of(const Warp& warp, Space space, u64 address);

}  // namespace segue::ptx
