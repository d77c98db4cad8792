#pragma once

#include "tests/ptx/decoder.h"

namespace segue::ptx {

using FloatDecode = void (*)(Decoder& decoder);

// The floating point forms of opcodes that integers have too (float_ops.cc). f16 and bf16 go on to half_ops.cc.
void decode_float_add(Decoder& d);
void decode_float_sub(Decoder& d);
void decode_float_mul(Decoder& d);
void decode_float_fma(Decoder& d);
void decode_float_div(Decoder& d);
void decode_float_min(Decoder& d);
void decode_float_max(Decoder& d);
void decode_float_abs(Decoder& d);
void decode_float_neg(Decoder& d);

}  // namespace segue::ptx
