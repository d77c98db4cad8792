#pragma once

#include "tests/ptx/block.h"
#include "tests/ptx/decoder.h"

namespace segue::ptx {

// Instructions that treat every lane alike: destination = F(sources). A full warp takes a loop that the compiler turns
// into vector instructions.

template <class Body>
inline void each_lane(u32 mask, Body body) {
  if (mask == kAllLanes) {
#pragma GCC ivdep
    for (int lane = 0; lane < kLanes; ++lane) body(lane);
  } else {
    for_each_lane(mask, body);
  }
}

template <class D, class A, class F>
void map1(Warp& warp, const Instruction& instruction, u32 mask) {
  D* d = warp.at<D>(instruction.operands[0]);
  const A* a = warp.at<A>(instruction.operands[1]);
  each_lane(mask, [=](int lane) { d[lane] = static_cast<D>(F{}(a[lane])); });
}

template <class D, class A, class B, class F>
void map2(Warp& warp, const Instruction& instruction, u32 mask) {
  D* d = warp.at<D>(instruction.operands[0]);
  const A* a = warp.at<A>(instruction.operands[1]);
  const B* b = warp.at<B>(instruction.operands[2]);
  each_lane(mask, [=](int lane) { d[lane] = static_cast<D>(F{}(a[lane], b[lane])); });
}

template <class D, class A, class B, class C, class F>
void map3(Warp& warp, const Instruction& instruction, u32 mask) {
  D* d = warp.at<D>(instruction.operands[0]);
  const A* a = warp.at<A>(instruction.operands[1]);
  const B* b = warp.at<B>(instruction.operands[2]);
  const C* c = warp.at<C>(instruction.operands[3]);
  each_lane(mask, [=](int lane) { d[lane] = static_cast<D>(F{}(a[lane], b[lane], c[lane])); });
}

/// The instance for an integer type; bits count as unsigned.
#define SEGUE_PTX_INTEGER_TYPES(type, instance) \
  switch (type) {                               \
    case Type::kB16:                            \
    case Type::kU16: return instance(u16);      \
    case Type::kS16: return instance(i16);      \
    case Type::kB32:                            \
    case Type::kU32: return instance(u32);      \
    case Type::kS32: return instance(i32);      \
    case Type::kB64:                            \
    case Type::kU64: return instance(u64);      \
    case Type::kS64: return instance(i64);      \
    default: return nullptr;                    \
  }

template <class F>
Execute integer1(Type type) {
#define SEGUE_PTX_INSTANCE(T) map1<T, T, F>
  SEGUE_PTX_INTEGER_TYPES(type, SEGUE_PTX_INSTANCE)
#undef SEGUE_PTX_INSTANCE
}

template <class F>
Execute integer2(Type type) {
#define SEGUE_PTX_INSTANCE(T) map2<T, T, T, F>
  SEGUE_PTX_INTEGER_TYPES(type, SEGUE_PTX_INSTANCE)
#undef SEGUE_PTX_INSTANCE
}

template <class F>
Execute integer3(Type type) {
#define SEGUE_PTX_INSTANCE(T) map3<T, T, T, T, F>
  SEGUE_PTX_INTEGER_TYPES(type, SEGUE_PTX_INSTANCE)
#undef SEGUE_PTX_INSTANCE
}

/// Sets an instruction whose operands all have one type, or refuses the type.
inline void set_same_type(Decoder& d, Execute execute, Type type, std::size_t n_operands, InstructionClass counted_as) {
  if (execute == nullptr) d.fail("a type that this opcode does not take");
  std::vector<Operand> operands;
  for (std::size_t i = 0; i < n_operands; ++i) operands.push_back(d.value(i, type));
  d.instruction().counted_as = counted_as;
  d.set(execute, std::move(operands));
}

}  // namespace segue::ptx
