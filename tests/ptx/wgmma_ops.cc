// wgmma: D = A x B + D for four warps, 64 rows by N columns. Each warp computes its own 16 rows, by itself. Between
// wgmma.mma_async and the wait for its group the operands are being read and the accumulators are not there: what the
// product is made of is read at a time that the seed chooses, at once or at that wait.

#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "tests/ptx/barriers.h"
#include "tests/ptx/elementwise.h"
#include "tests/ptx/matrix_descriptor.h"
#include "tests/ptx/mma_fragments.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

constexpr int kRows = 16, kMostColumns = 256, kRowBytes = 32, kMostDepth = 32, kChunkBytes = 16;
constexpr int kFragments = 4;  // registers of A

/// What a shape and its types say, packed into Instruction::immediate.
struct Form {
  int columns;
  Type a, b;
  bool a_is_fragment;
  bool negates_a, negates_b;
  bool saturates;

  static Form of(const Instruction& instruction) {
    const i64 bits = instruction.immediate;
    return {static_cast<int>(bits & 0xFFFF),
            static_cast<Type>(bits >> 16 & 0xFF),
            static_cast<Type>(bits >> 24 & 0xFF),
            (bits >> 32 & 1) != 0,
            (bits >> 33 & 1) != 0,
            (bits >> 34 & 1) != 0,
            (bits >> 35 & 1) != 0};
  }
  i64 packed() const {
    return i64{columns} | static_cast<i64>(a) << 16 | static_cast<i64>(b) << 24 | i64{a_is_fragment} << 32 |
           i64{negates_a} << 33 | i64{negates_b} << 34 | i64{saturates} << 35;
  }
  int element_bytes() const { return a == Type::kTf32 ? 4 : width_of(a); }
  int depth() const { return kRowBytes / element_bytes(); }
  int n_accumulators() const { return columns / 2; }
  bool is_integer() const { return !is_float(a); }
  u32 shape() const { return static_cast<u32>(columns) << 8 | static_cast<u32>(depth()); }
};

// Instruction::operands: the accumulators, A (four registers or a descriptor), the descriptor of B, scale-d.
const Operand* operand_a(const Instruction& instruction, const Form& form) {
  return instruction.operands + form.n_accumulators();
}
const Operand* operand_b(const Instruction& instruction, const Form& form) {
  return operand_a(instruction, form) + (form.a_is_fragment ? kFragments : 1);
}

double element(const u8* bytes, Type type) {
  switch (type) {
    case Type::kF16: {
      u16 bits;
      std::memcpy(&bits, bytes, sizeof bits);
      return static_cast<double>(_cvtsh_ss(bits));
    }
    case Type::kBf16: {
      u16 bits;
      std::memcpy(&bits, bytes, sizeof bits);
      return static_cast<double>(bits_as<float>(u32{bits} << 16));
    }
    // The hardware reads 19 bits of a tf32.
    case Type::kTf32: {
      u32 bits;
      std::memcpy(&bits, bytes, sizeof bits);
      return static_cast<double>(bits_as<float>(bits & 0xFFFFE000U));
    }
    case Type::kS8: return static_cast<double>(static_cast<i8>(*bytes));
    default: return static_cast<double>(*bytes);
  }
}

/// Calls `body(row, which, address, lane)` for each chunk of 16 bytes; the lanes take turns as those that read.
template <class Body>
void for_each_chunk(const MatrixDescriptor& matrix, int first_row, int n_rows, Body body) {
  for (int row = 0; row < n_rows; ++row)
    for (int which = 0; which < kRowBytes / kChunkBytes; ++which)
      body(row, which, matrix.chunk(first_row + row, which), (2 * row + which) % kLanes);
}

template <class Body>
void for_each_chunk_of_operands(const Warp& warp, const Multiplication& multiplication, Body body) {
  const Form form = Form::of(*multiplication.instruction);
  const auto with_address = [&](int, int, u64 address, int lane) { body(address, lane); };
  if (!form.a_is_fragment)
    for_each_chunk(MatrixDescriptor(multiplication.a), static_cast<int>(warp.index % 4) * kRows, kRows, with_address);
  for_each_chunk(MatrixDescriptor(multiplication.b), 0, form.columns, with_address);
}

using Left = double[kRows][kMostDepth];
using Right = double[kMostDepth][kMostColumns];

void read_a(const Warp& warp, const Multiplication& multiplication, const Form& form, Left& left) {
  const int size = form.element_bytes(), in_chunk = kChunkBytes / size;
  if (form.a_is_fragment) {
    const Operand* const registers = operand_a(*multiplication.instruction, form);
    const int in_register = 4 / size;
    for (int i = 0; i < kFragments * in_register; ++i) {
      const u8* const from = warp.at<u8>(registers[i / in_register]) + i % in_register * size;
      for (int lane = 0; lane < kLanes; ++lane) {
        const Element at = element_of_a(8 * size, lane, i);
        left[at.row][at.column] = element(from + 4 * lane, form.a);
      }
    }
  } else {
    const auto first_row = static_cast<int>(warp.index % 4) * kRows;
    for_each_chunk(MatrixDescriptor(multiplication.a), first_row, kRows, [&](int row, int which, u64 address, int) {
      const u8* const from = warp.block->shared.data() + (address - kSharedBase);
      for (int i = 0; i < in_chunk; ++i) left[row][which * in_chunk + i] = element(from + i * size, form.a);
    });
  }
  if (form.negates_a != form.negates_b)
    for (auto& row : left)
      for (double& value : row) value = -value;
}

void read_b(const Warp& warp, const Multiplication& multiplication, const Form& form, Right& right) {
  const int size = form.element_bytes(), in_chunk = kChunkBytes / size;
  for_each_chunk(MatrixDescriptor(multiplication.b), 0, form.columns, [&](int column, int which, u64 address, int) {
    const u8* const from = warp.block->shared.data() + (address - kSharedBase);
    for (int i = 0; i < in_chunk; ++i) right[which * in_chunk + i][column] = element(from + i * size, form.b);
  });
}

u32 integer_result(double sum, u32 start, bool saturates) {
  const i64 whole = static_cast<i64>(sum) + static_cast<i32>(start);
  return static_cast<u32>(saturates ? std::clamp<i64>(whole, INT32_MIN, INT32_MAX) : whole);
}

/// The warp's rows of the product: operands are read and accumulators written, now.
void land(Warp& warp, Multiplication& multiplication) {
  if (multiplication.has_landed) return;
  multiplication.has_landed = true;
  const Instruction& instruction = *multiplication.instruction;
  const Form form = Form::of(instruction);
  static thread_local Right right;
  Left left = {};
  read_a(warp, multiplication, form, left);
  read_b(warp, multiplication, form, right);
  Launch& launch = *warp.block->launch;
  const bool perturbs = launch.options->perturb_mma && !form.is_integer();
  const double bound = (form.depth() + 16) * 0x1p-22;
  for (int row = 0; row < kRows; ++row) {
    double sums[kMostColumns] = {}, magnitudes[kMostColumns] = {};
    for (int k = 0; k < form.depth(); ++k) {
      const double value = left[row][k];
      for (int column = 0; column < form.columns; ++column) sums[column] += value * right[k][column];
      if (perturbs)
        for (int column = 0; column < form.columns; ++column) magnitudes[column] += std::fabs(value * right[k][column]);
    }
    // Row r is held by the four lanes of group r % 8, in registers 0 and 1 of four, from row 8 on in 2 and 3.
    for (int column = 0; column < form.columns; ++column) {
      const int lane = row % 8 * 4 + column % 8 / 2, i = column / 8 * 4 + row / 8 * 2 + column % 2;
      u32& result = warp.at<u32>(instruction.operands[i])[lane];
      const u32 before = multiplication.accumulates ? result : 0;
      if (form.is_integer()) {
        result = integer_result(sums[column], before, form.saturates);
        continue;
      }
      const auto start = static_cast<double>(bits_as<float>(before));
      double value = start + sums[column];
      if (perturbs && std::isfinite(value))
        value += (2 * launch.random->unit() - 1) * bound * (magnitudes[column] + std::fabs(start));
      result = value != value ? 0x7FFFFFFFU : bits_as<u32>(static_cast<float>(value));
    }
  }
}

/// The value that all lanes must give.
u64 uniform(const Warp& warp, const Operand& operand, const char* what) {
  const u64* const values = warp.at<u64>(operand);
  for (int lane = 1; lane < kLanes; ++lane)
    if (values[lane] != values[0])
      throw KernelFault(FaultKind::kDivergence, lane, std::string("lanes give different values of ") + what);
  return values[0];
}

void want_whole_warp(u32 mask, const char* what) {
  if (mask != kAllLanes) throw KernelFault(FaultKind::kDivergence, -1, std::string(what) + " without all 32 lanes");
}

void execute_mma_async(Warp& warp, const Instruction& instruction, u32 mask) {
  want_whole_warp(mask, "wgmma.mma_async");
  const Form form = Form::of(instruction);
  const Operand *const a = operand_a(instruction, form), *const b = operand_b(instruction, form);
  const u32 scale_d = warp.predicate(b[1]);
  if (scale_d != 0 && scale_d != kAllLanes)
    throw KernelFault(FaultKind::kDivergence, -1, "lanes give different values of scale-d");
  WgmmaOfWarp& state = *warp.wgmma;
  Multiplication multiplication;
  multiplication.instruction = &instruction;
  multiplication.pc = warp.pc;
  multiplication.group = state.n_committed;
  multiplication.a = form.a_is_fragment ? 0 : uniform(warp, a[0], "the descriptor of A");
  multiplication.b = uniform(warp, b[0], "the descriptor of B");
  multiplication.accumulates = scale_d != 0;
  meet_in_warp_group(warp, {warp.pc, multiplication.a, multiplication.b, multiplication.accumulates});
  for (int i = 0; i < form.n_accumulators(); ++i) take_wgmma_register(warp, instruction.operands[i], form.shape(), i);
  for (int i = 0; form.a_is_fragment && i < kFragments; ++i) take_wgmma_register(warp, a[i], form.shape(), -1);
  for_each_chunk_of_operands(warp, multiplication,
                             [&](u64 address, int lane) { warp.block->async_proxy->begin_read(warp, lane, address); });
  state.under_way.push_back(multiplication);
  Launch& launch = *warp.block->launch;
  if (launch.options->seed != 0 && launch.random->one_in(2))  // and so all before, whose sums it may go on with
    for (Multiplication& each : state.under_way) land(warp, each);
  if (launch.counters != nullptr) {
    ++launch.counters->n_mma;
    launch.counters->mma_flop += static_cast<u64>(2 * kRows * form.columns * form.depth());
  }
}

void execute_fence(Warp& warp, const Instruction&, u32 mask) {
  want_whole_warp(mask, "wgmma.fence");
  meet_in_warp_group(warp, {warp.pc, 0, 0, false});
  fence_wgmma_registers(warp);
}

void execute_commit_group(Warp& warp, const Instruction&, u32 mask) {
  want_whole_warp(mask, "wgmma.commit_group");
  meet_in_warp_group(warp, {warp.pc, 0, 0, false});
  ++warp.wgmma->n_committed;
}

/// immediate: how many groups may stay under way.
void execute_wait_group(Warp& warp, const Instruction& instruction, u32 mask) {
  want_whole_warp(mask, "wgmma.wait_group");
  meet_in_warp_group(warp, {warp.pc, 0, 0, false});
  WgmmaOfWarp& state = *warp.wgmma;
  ++warp.clocks.async_clock;
  while (!state.under_way.empty() && state.under_way.front().group + instruction.immediate < state.n_committed) {
    Multiplication& done = state.under_way.front();
    land(warp, done);
    const Form form = Form::of(*done.instruction);
    for_each_chunk_of_operands(warp, done,
                               [&](u64 address, int) { warp.block->async_proxy->end_read(warp, address, done.pc); });
    const int n_registers = form.n_accumulators() + (form.a_is_fragment ? kFragments : 0);
    for (int i = 0; i < n_registers; ++i) give_wgmma_register(warp, done.instruction->operands[i]);
    state.under_way.pop_front();
  }
}

void take_sync_aligned(Decoder& d) {
  if (!d.accept("sync") || !d.accept("aligned")) d.fail(".sync.aligned expected");
  d.instruction().flow = Flow::kWarpSync;
  d.instruction().option = kSyncNeedsAll;
  d.instruction().wgmma_role = WgmmaRole::kMultiplies;
  d.needs_wgmma_state();
}

/// m64n<columns>k<depth>
void take_shape(Decoder& d, Form& form) {
  int depth = 0, end = 0;
  const std::string shape(d.item().modifiers.size() > 3 ? d.item().modifiers[3] : "");
  if (std::sscanf(shape.c_str(), "m64n%dk%d%n", &form.columns, &depth, &end) != 2 ||
      end != static_cast<int>(shape.size()) || !d.accept(shape))
    d.fail("a shape that this interpreter does not know");
  form.saturates = d.accept("satfinite");
  const Type type_d = d.take_type();
  form.a = d.take_type();
  form.b = d.take_type();
  const auto is_byte = [](Type type) { return type == Type::kS8 || type == Type::kU8; };
  const bool is_float_form = form.a == form.b && type_d == Type::kF32 && !form.saturates &&
                             (form.a == Type::kF16 || form.a == Type::kBf16 || form.a == Type::kTf32);
  const bool is_integer_form = is_byte(form.a) && is_byte(form.b) && type_d == Type::kS32;
  if (!is_float_form && !is_integer_form) d.fail("types that this interpreter does not know");
  // Of bytes not every number of columns exists: multiples of 16 above 32.
  const bool has_columns = form.columns % 8 == 0 && form.columns >= 8 && form.columns <= kMostColumns &&
                           (!is_integer_form || form.columns <= 24 || form.columns % 16 == 0);
  if (!has_columns || depth != form.depth()) d.fail("a shape that these types do not have");
}

bool negates(Decoder& d, const OperandText& scale) {
  const i64 value = d.integer(scale);
  if (value != 1 && value != -1) d.fail("1 or -1 expected for imm-scale-a and imm-scale-b");
  return value == -1;
}

void decode_mma_async(Decoder& d) {
  Instruction& instruction = d.instruction();
  instruction.counted_as = InstructionClass::kTensor;
  take_sync_aligned(d);
  Form form{};
  take_shape(d, form);
  std::vector<Operand> operands;
  const auto n_accumulators = static_cast<std::size_t>(form.n_accumulators());
  if (d.text(0).kind != OperandText::Kind::kVector || d.text(0).parts.size() != n_accumulators)
    d.fail(std::to_string(n_accumulators) + " accumulators expected");
  for (const OperandText& part : d.text(0).parts) operands.push_back(d.wgmma_register(part));
  form.a_is_fragment = d.text(1).kind == OperandText::Kind::kVector;
  if (form.a_is_fragment) {
    if (d.text(1).parts.size() != kFragments) d.fail("four registers expected for A");
    for (const OperandText& part : d.text(1).parts) operands.push_back(d.wgmma_register(part));
  } else {
    operands.push_back(d.value(1, Type::kB64));
  }
  for (std::size_t i = 0; i < operands.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (operands[i].bank == 0 && operands[j].offset == operands[i].offset && operands[j].bank == 0)
        d.fail("one register in two places");
  operands.push_back(d.value(2, Type::kB64));
  operands.push_back(d.predicate(d.text(3)));
  std::size_t n_given = 4;
  if (!form.is_integer()) {
    form.negates_a = negates(d, d.text(n_given++));
    form.negates_b = negates(d, d.text(n_given++));
    if (form.a != Type::kTf32) {
      if (!form.a_is_fragment && d.integer(d.text(n_given++)) != 0)
        d.fail("an unknown modifier imm-trans-a: a transposed operand");
      if (d.integer(d.text(n_given++)) != 0) d.fail("an unknown modifier imm-trans-b: a transposed operand");
    }
  }
  if (d.n_operands() != n_given) d.fail("another number of operands than these types have");
  instruction.immediate = form.packed();
  d.set(execute_mma_async, std::move(operands));
}

void decode_wgmma(Decoder& d) {
  d.instruction().counted_as = InstructionClass::kSync;
  if (d.accept("mma_async")) return decode_mma_async(d);
  if (d.accept("fence")) {
    take_sync_aligned(d);
    return d.set(execute_fence, {});
  }
  if (d.accept("commit_group")) {
    take_sync_aligned(d);
    return d.set(execute_commit_group, {});
  }
  if (!d.accept("wait_group")) d.fail("a wgmma operation that this interpreter does not know");
  take_sync_aligned(d);
  d.instruction().immediate = d.integer(d.text(0));
  d.set(execute_wait_group, {});
}

}  // namespace

void add_wgmma_opcodes(OpcodeTable& table) { table["wgmma"] = decode_wgmma; }

}  // namespace segue::ptx
