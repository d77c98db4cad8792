// mma.sync: D = A x B + C for a warp. Fragments are those of the manual's figures for m16n8k4 to m16n8k32: a lane's
// group is lane / 4, its place in the group lane % 4.

#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "tests/ptx/barriers.h"
#include "tests/ptx/elementwise.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/mma_fragments.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

constexpr int kM = 16, kN = 8, kMostK = 32;

/// What a shape and its types say.
struct Form {
  Type a, b;
  int k;
  int bits;  ///< of an element of a and b
  bool half_accumulators;
  bool saturates;
};

/// Instruction::option2 holds the type of a, immediate the rest.
Form form_of(const Instruction& instruction) {
  Form form;
  form.a = static_cast<Type>(instruction.option2);
  form.b = static_cast<Type>(instruction.immediate >> 8 & 0xFF);
  form.k = static_cast<int>(instruction.immediate & 0xFF);
  form.bits = form.a == Type::kTf32 ? 32 : 8 * width_of(form.a);
  form.half_accumulators = (instruction.immediate >> 16 & 1) != 0;
  form.saturates = (instruction.immediate >> 17 & 1) != 0;
  return form;
}

float element(u32 bits, Type type) {
  switch (type) {
    case Type::kF16: return _cvtsh_ss(static_cast<unsigned short>(bits));
    case Type::kBf16: return bits_as<float>(bits << 16);
    // The hardware reads 19 bits of a tf32.
    case Type::kTf32: return bits_as<float>(bits & 0xFFFFE000U);
    case Type::kS8: return static_cast<float>(static_cast<i8>(bits));
    default: return static_cast<float>(bits & 0xFF);
  }
}

/// Operands: D, A, B, C, as many registers as each has.
void execute_mma(Warp& warp, const Instruction& instruction, u32 mask) {
  if (mask != kAllLanes) throw KernelFault(FaultKind::kDivergence, -1, "mma.sync without all 32 lanes");
  const Form form = form_of(instruction);
  const int per_register = 32 / form.bits;
  const int n_a = kM * form.k / kLanes / per_register, n_b = form.k * kN / kLanes / per_register,
            n_c = form.half_accumulators ? 2 : 4;
  const Operand* const d = instruction.operands;
  const Operand* const a = d + n_c;
  const Operand* const b = a + n_a;
  const Operand* const c = b + n_b;
  float left[kM][kMostK], right[kMostK][kN];
  const u32 ones = form.bits == 32 ? ~0U : (1U << form.bits) - 1;
  for (int i = 0; i < n_a * per_register; ++i) {
    const u32* from = warp.at<u32>(a[i / per_register]);
    const int shift = i % per_register * form.bits;
    for (int lane = 0; lane < kLanes; ++lane) {
      const Element at = element_of_a(form.bits, lane, i);
      left[at.row][at.column] = element(from[lane] >> shift & ones, form.a);
    }
  }
  for (int i = 0; i < n_b * per_register; ++i) {
    const u32* from = warp.at<u32>(b[i / per_register]);
    const int shift = i % per_register * form.bits;
    for (int lane = 0; lane < kLanes; ++lane) {
      const Element at = element_of_b(form.bits, lane, i);
      right[at.row][at.column] = element(from[lane] >> shift & ones, form.b);
    }
  }
  double sums[kM][kN] = {}, magnitudes[kM][kN] = {};
  Launch& launch = *warp.block->launch;
  const bool perturbs = launch.options->perturb_mma && is_float(form.a);
  for (int row = 0; row < kM; ++row) {
    for (int k = 0; k < form.k; ++k) {
      const double value = left[row][k];
      for (int column = 0; column < kN; ++column) sums[row][column] += value * static_cast<double>(right[k][column]);
      if (perturbs)
        for (int column = 0; column < kN; ++column)
          magnitudes[row][column] += std::fabs(value * static_cast<double>(right[k][column]));
    }
  }
  const double bound = (form.k + 16) * 0x1p-22;
  u32 results[4][kLanes] = {};
  for (int i = 0; i < 4; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const Element at = element_of_c(lane, i);
      const double sum = sums[at.row][at.column];
      if (!is_float(form.a)) {
        const i64 whole = static_cast<i64>(sum) + static_cast<i32>(warp.at<u32>(c[i])[lane]);
        results[i][lane] = static_cast<u32>(form.saturates ? std::clamp<i64>(whole, INT32_MIN, INT32_MAX) : whole);
        continue;
      }
      const double start = form.half_accumulators
                               ? half_value(static_cast<u16>(warp.at<u32>(c[i / 2])[lane] >> (i % 2 * 16)))
                               : static_cast<double>(bits_as<float>(warp.at<u32>(c[i])[lane]));
      double value = start + sum;
      if (perturbs && std::isfinite(value))
        value += (2 * launch.random->unit() - 1) * bound * (magnitudes[at.row][at.column] + std::fabs(start));
      if (form.half_accumulators) {
        results[i / 2][lane] |= u32{half_bits(value)} << (i % 2 * 16);
      } else {
        results[i][lane] = value != value ? 0x7FFFFFFFU : bits_as<u32>(static_cast<float>(value));
      }
    }
  }
  for (int i = 0; i < n_c; ++i) std::memcpy(warp.at<u32>(d[i]), results[i], sizeof results[i]);
  if (launch.counters != nullptr) {
    ++launch.counters->n_mma;
    launch.counters->mma_flop += static_cast<u64>(2 * kM * kN * form.k);
  }
}

void decode_mma(Decoder& d) {
  Instruction& instruction = d.instruction();
  if (!d.accept("sync") || !d.accept("aligned")) d.fail(".sync.aligned expected");
  const std::string_view shape = d.accept_one_of({"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32"});
  if (shape.empty() || !d.accept("row") || !d.accept("col")) d.fail("a shape that this interpreter does not know");
  const bool saturates = d.accept("satfinite");
  const Type type_d = d.take_type(), type_a = d.take_type(), type_b = d.take_type(), type_c = d.take_type();
  const int k = std::stoi(std::string(shape.substr(6)));
  const bool is_half = (type_a == Type::kF16 || type_a == Type::kBf16) && type_a == type_b && (k == 8 || k == 16);
  const bool is_tf32 = type_a == Type::kTf32 && type_b == Type::kTf32 && (k == 4 || k == 8);
  const auto is_byte = [](Type type) { return type == Type::kS8 || type == Type::kU8; };
  const bool is_integer_form = is_byte(type_a) && is_byte(type_b) && (k == 16 || k == 32);
  const bool half_accumulators = type_d == Type::kF16;
  if (type_c != type_d || (!is_half && !is_tf32 && !is_integer_form) || (is_integer_form && type_d != Type::kS32) ||
      (!is_integer_form && type_d != Type::kF32 && !(half_accumulators && type_a == Type::kF16)))
    d.fail("types that this interpreter does not know");
  instruction.option = kSyncNeedsAll;
  instruction.option2 = static_cast<u8>(type_a);
  instruction.immediate =
      k | static_cast<i64>(type_b) << 8 | (half_accumulators ? 1 << 16 : 0) | (saturates ? 1 << 17 : 0);
  instruction.flow = Flow::kWarpSync;
  instruction.counted_as = InstructionClass::kTensor;
  const Form form = form_of(instruction);
  const auto per_register = static_cast<std::size_t>(32 / form.bits);
  const std::size_t n_a = static_cast<std::size_t>(kM * k / kLanes) / per_register,
                    n_b = static_cast<std::size_t>(k * kN / kLanes) / per_register;
  const std::size_t n_c = half_accumulators ? 2 : 4;
  const std::size_t sizes[] = {n_c, n_a, n_b, n_c};
  std::vector<Operand> operands;
  for (std::size_t i = 0; i < 4; ++i) {
    if (d.text(i).kind != OperandText::Kind::kVector || d.text(i).parts.size() != sizes[i])
      d.fail("operand " + std::to_string(i) + " must have " + std::to_string(sizes[i]) + " registers");
    for (const OperandText& part : d.text(i).parts) operands.push_back(d.value(part, Type::kB32));
  }
  d.set(execute_mma, std::move(operands));
}

}  // namespace

void add_tensor_opcodes(OpcodeTable& table) { table["mma"] = decode_mma; }

}  // namespace segue::ptx
