#pragma once

#include "tests/ptx/decoder.h"

namespace segue::ptx {

// A file a group of opcodes: each adds its decode functions to the table.
void add_integer_opcodes(OpcodeTable& table);
void add_bit_opcodes(OpcodeTable& table);
void add_float_opcodes(OpcodeTable& table);
void add_comparison_opcodes(OpcodeTable& table);
void add_conversion_opcodes(OpcodeTable& table);
void add_move_opcodes(OpcodeTable& table);
void add_memory_opcodes(OpcodeTable& table);
void add_atomic_opcodes(OpcodeTable& table);
void add_warp_opcodes(OpcodeTable& table);
void add_control_opcodes(OpcodeTable& table);
void add_tensor_opcodes(OpcodeTable& table);
void add_matrix_opcodes(OpcodeTable& table);
void add_async_copy_opcodes(OpcodeTable& table);
void add_mbarrier_opcodes(OpcodeTable& table);
void add_wgmma_opcodes(OpcodeTable& table);

/// cp.async.mbarrier.arrive, which is as much an operation of the mbarrier as of the copies.
void decode_copies_arrive(Decoder& d);

}  // namespace segue::ptx
