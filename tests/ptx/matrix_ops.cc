// ldmatrix, stmatrix and movmatrix: 8 x 8 matrices of 16 bits. Lane l holds two elements of row l / 4 (transposed: of
// column l / 4), those at 2 * (l % 4) and the next.

#include "tests/ptx/barriers.h"
#include "tests/ptx/elementwise.h"
#include "tests/ptx/memory_access.h"
#include "tests/ptx/opcodes.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

using Matrix = u16[8][8];

u32 fragment(const Matrix& matrix, int lane, bool transposed) {
  const int line = lane / 4, at = lane % 4 * 2;
  const u32 low = transposed ? matrix[at][line] : matrix[line][at];
  const u32 high = transposed ? matrix[at + 1][line] : matrix[line][at + 1];
  return high << 16 | low;
}

void put_fragment(Matrix& matrix, int lane, bool transposed, u32 value) {
  const int line = lane / 4, at = lane % 4 * 2;
  (transposed ? matrix[at][line] : matrix[line][at]) = static_cast<u16>(value);
  (transposed ? matrix[at + 1][line] : matrix[line][at + 1]) = static_cast<u16>(value >> 16);
}

/// Lanes 8m..8m+7 give the rows of matrix m. Races are looked for lane by lane and word by word: each word of a row
/// belongs to the lane that holds it without transposition.
void reach_rows(Warp& warp, const Instruction& instruction, AccessKind kind, u8** data) {
  if (warp.mask != kAllLanes)
    throw KernelFault(FaultKind::kDivergence, -1, "a matrix instruction without all 32 lanes");
  u64 addresses[kLanes];
  const u32 rows = instruction.count == 4 ? kAllLanes : (1U << (8 * instruction.count)) - 1;
  addresses_of(warp, instruction, instruction.operands[0], addresses);
  if (instruction.space == Space::kGeneric)
    for_each_lane(rows, [&](int lane) {
      if (space_of_generic(addresses[lane], &addresses[lane]) != Space::kShared)
        throw KernelFault(FaultKind::kOutOfBounds, lane, "a matrix instruction outside shared memory");
    });
  reach(warp, instruction, rows, 0, Space::kShared, addresses, {kind, 16, 16, false, false, true}, data);
  RaceDetector* races = warp.block->launch->races;
  if (races == nullptr) return;
  for_each_lane(rows, [&](int row) {
    for (int word = 0; word < 4; ++word) {
      const u64 address = addresses[row] + static_cast<u64>(4 * word);
      races->access(warp.block->shared_cells.data(), address - kSharedBase, 4, warp, row % 8 * 4 + word, warp.pc,
                    kind == AccessKind::kWrite, false, {true, address});
    }
  });
}

/// Operands: the address, then the registers. option2 1: transposed.
void execute_ldmatrix(Warp& warp, const Instruction& instruction, u32) {
  u8* data[kLanes];
  reach_rows(warp, instruction, AccessKind::kRead, data);
  for (int m = 0; m < instruction.count; ++m) {
    Matrix matrix;
    for (int row = 0; row < 8; ++row) std::memcpy(matrix[row], data[8 * m + row], 16);
    u32* to = warp.at<u32>(instruction.operands[1 + m]);
    for (int lane = 0; lane < kLanes; ++lane) to[lane] = fragment(matrix, lane, instruction.option2 == 1);
  }
}

void execute_stmatrix(Warp& warp, const Instruction& instruction, u32) {
  u8* data[kLanes];
  reach_rows(warp, instruction, AccessKind::kWrite, data);
  for (int m = 0; m < instruction.count; ++m) {
    Matrix matrix;
    const u32* from = warp.at<u32>(instruction.operands[1 + m]);
    for (int lane = 0; lane < kLanes; ++lane) put_fragment(matrix, lane, instruction.option2 == 1, from[lane]);
    for (int row = 0; row < 8; ++row) std::memcpy(data[8 * m + row], matrix[row], 16);
  }
}

void take_matrix_modifiers(Decoder& d) {
  if (!d.accept("sync") || !d.accept("aligned")) d.fail(".sync.aligned expected");
  if (!d.accept("m8n8")) d.fail("a shape that this interpreter does not know");
  d.instruction().option2 = d.accept("trans") ? 1 : 0;
  d.instruction().option = kSyncNeedsAll;
  d.instruction().flow = Flow::kWarpSync;
  d.instruction().counted_as = InstructionClass::kShared;
}

void decode_matrix_access(Decoder& d, bool is_load) {
  take_matrix_modifiers(d);
  const int count = d.accept("x1") ? 1 : d.accept("x2") ? 2 : d.accept("x4") ? 4 : 0;
  if (count == 0) d.fail(".x1, .x2 or .x4 expected");
  d.instruction().count = static_cast<u8>(count);
  d.instruction().space = d.accept_space();
  if (d.take_type() != Type::kB16) d.fail("a type that this opcode does not take");
  std::vector<Operand> operands{d.address(d.text(is_load ? 1 : 0))};
  const OperandText& registers = d.text(is_load ? 0 : 1);
  if (registers.kind != OperandText::Kind::kVector || registers.parts.size() != static_cast<std::size_t>(count))
    d.fail("another number of registers than matrices");
  for (const OperandText& part : registers.parts) operands.push_back(d.value(part, Type::kB32));
  d.set(is_load ? execute_ldmatrix : execute_stmatrix, std::move(operands));
}

void execute_movmatrix(Warp& warp, const Instruction& instruction, u32) {
  Matrix matrix;
  const u32* from = warp.at<u32>(instruction.operands[1]);
  for (int lane = 0; lane < kLanes; ++lane) put_fragment(matrix, lane, false, from[lane]);
  u32* to = warp.at<u32>(instruction.operands[0]);
  for (int lane = 0; lane < kLanes; ++lane) to[lane] = fragment(matrix, lane, true);
}

void decode_movmatrix(Decoder& d) {
  take_matrix_modifiers(d);
  d.instruction().counted_as = InstructionClass::kMove;
  if (d.take_type() != Type::kB16 || d.instruction().option2 != 1) d.fail(".trans.b16 expected");
  d.set(execute_movmatrix, {d.value(0, Type::kB32), d.value(1, Type::kB32)});
}

}  // namespace

void add_matrix_opcodes(OpcodeTable& table) {
  table["ldmatrix"] = [](Decoder& d) { decode_matrix_access(d, true); };
  table["stmatrix"] = [](Decoder& d) { decode_matrix_access(d, false); };
  table["movmatrix"] = decode_movmatrix;
}

}  // namespace segue::ptx
