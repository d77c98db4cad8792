#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/ptx/types.h"

namespace segue::ptx {

/// PTX that this interpreter does not know, or that is wrong. The message names line and text.
struct PtxError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An operand as it is written.
struct OperandText {
  enum class Kind : u8 { kName, kInteger, kFloat, kVector, kAddress, kPair, kList };
  Kind kind = Kind::kName;
  bool negated = false;            ///< `!%p`, or `-` before a name
  int float_width = 0;             ///< kFloat: 4 for 0f..., 8 for 0d..., 0 for a decimal number (bits: a double)
  std::string_view name;           ///< kName; kAddress: the base, empty for a bare number
  u64 bits = 0;                    ///< kInteger, kFloat
  i64 offset = 0;                  ///< kAddress; kName: `symbol+4`
  std::vector<OperandText> parts;  ///< kVector, kPair (`a|b`), kList (`(a, b)`); kAddress of a tensor: the coordinates
};

/// A variable, a parameter, or registers (`%r<8>` has n_names 8).
struct Variable {
  std::string_view space;  ///< "reg", "shared", "global", "const", "local", "param"
  Type type = Type::kNone;
  std::string_view name;
  std::size_t align = 0, bytes = 0;
  int vector_width = 1;
  int n_names = 0;
  bool is_external = false, is_unsized = false;
  std::vector<u8> initial;
  std::vector<std::pair<std::size_t, OperandText>> addresses;  ///< initial values that are addresses of others
};

struct Location {
  u32 file = 0, line = 0;
};

/// One element of a function's body, in the order of the text.
struct Item {
  enum class Kind : u8 { kInstruction, kLabel, kOpen, kClose, kVariable, kBranchTargets };
  Kind kind = Kind::kInstruction;
  bool guard_negated = false;
  u32 line = 0;                             ///< of the PTX text
  Location location;                        ///< of the source, from `.loc`
  std::string_view opcode;                  ///< `add`; of a label or a list of branch targets, its name
  std::vector<std::string_view> modifiers;  ///< `rn`, `f32`
  std::string_view guard;                   ///< `%p1`, or empty
  std::vector<OperandText> operands;
  Variable variable;
  std::string_view text;
};

struct Function {
  std::string_view name;
  bool is_entry = false, has_body = false;
  std::vector<Variable> parameters, results;
  std::vector<Item> body;
  u32 max_threads = 0;  ///< .maxntid or .reqntid, the product; 0 = not given
  u32 required_threads = 0;
};

/// A module's text, taken apart. The views point into `text`.
struct ModuleText {
  std::string text;
  std::string target;
  std::vector<Variable> variables;
  std::vector<Function> functions;
  std::unordered_map<u32, std::string> files;

  const Function* function(std::string_view name) const;
};

/// Takes a module apart; `result.text` must hold it already. PtxError for anything that is not PTX.
void parse(ModuleText& result);

}  // namespace segue::ptx
