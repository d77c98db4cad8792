#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/ptx/kernel.h"

namespace segue::ptx {

class Decoder;
using DecodeOpcode = void (*)(Decoder& decoder);
using OpcodeTable = std::unordered_map<std::string_view, DecodeOpcode>;

/// Every opcode that the interpreter knows.
const OpcodeTable& opcode_table();

/// Turns one entry function into instructions. Calls of other functions of the module are decoded in place, each call
/// with registers of its own, so that running needs no call stack; recursion is refused.
class Decoder {
 public:
  /// `address_of` gives the device address of a global or constant variable of the module.
  using AddressOf = std::function<u64(std::string_view name)>;
  Decoder(const ModuleText& module, const Function& entry, AddressOf address_of);

  std::unique_ptr<Kernel> decode();

  // For the opcodes' own decode functions. Every modifier must be taken, or the instruction is refused.

  const Item& item() const { return *item_; }
  Instruction& instruction() { return instruction_; }
  bool accept(std::string_view modifier);
  bool accept_any(std::initializer_list<std::string_view> modifiers);  ///< takes all of these that are there
  std::string_view accept_one_of(std::initializer_list<std::string_view> modifiers);  ///< empty if none
  Type take_type();      ///< the next modifier, which must be a type
  Type accept_type();    ///< kNone if the next modifier is none
  Space accept_space();  ///< `.shared`, `.shared::cta`, ...; kGeneric if there is none

  std::size_t n_operands() const { return item_->operands.size(); }
  const OperandText& text(std::size_t i) const;
  Operand value(std::size_t i, Type type) { return value(text(i), type); }
  /// A register of exactly the type's width, or a constant.
  Operand value(const OperandText& text, Type type);
  /// A register of any width (`ld`, `st`, `cvt` take wider ones), or a constant of the type.
  Operand loose(const OperandText& text, Type type);
  Operand predicate(const OperandText& text);
  bool is_predicate(const OperandText& text) const;
  Operand constant(u64 bits, int width);
  /// The carry flag of add.cc and its like: a mask for the lanes, without a name in PTX.
  Operand carry_flag();
  /// A 32-bit register that wgmma takes for itself while it is under way.
  Operand wgmma_register(const OperandText& text);
  void needs_wgmma_state() { has_wgmma_ = true; }
  /// Sets the address of an instruction: its operand (4 or 8 bytes wide) and `instruction().immediate`.
  Operand address(const OperandText& text);
  i64 integer(const OperandText& text);  ///< an immediate
  u32 label(const OperandText& text);    ///< for Instruction::target: resolved when all is decoded
  u32 jump_table(const OperandText& text);

  void set(Execute execute, std::initializer_list<Operand> operands);
  void set(Execute execute, std::vector<Operand> operands);
  [[noreturn]] void fail(const std::string& why) const;

  /// Branches out of the function that is being decoded in place; false in the entry itself.
  bool leave_function();
  void call();

 private:
  struct Symbol {
    enum class Kind { kRegister, kShared, kLocal, kParameter, kLabel } kind;
    Type type;
    u64 place;  ///< register: index; memory: address; label: pc
  };
  struct Register {
    Type type;
    bool is_placed;
    Operand operand;
  };
  struct Scope {
    std::unordered_map<std::string_view, Symbol> symbols;
    int parent;
  };
  struct Fixup {
    std::size_t instruction;
    std::size_t table;  ///< of jump_tables, or kNoTable
    std::size_t slot;
    std::string_view label;
    int scope;
    u32 line;
  };
  static constexpr std::size_t kNoTable = ~std::size_t{0};

  void decode_body(const Function& function);
  void decode_item(const Item& item);
  void decode_instruction(const Item& item);
  void declare(const Variable& variable);
  void declare_name(std::string_view name, const Variable& variable);
  const Symbol* find(std::string_view name, int scope) const;
  Operand register_operand(u64 index);
  Operand special_register(std::string_view name, Type type);
  u64 symbol_address(const OperandText& text, bool* is_found);
  void resolve_labels();
  void find_wgmma_registers();
  int open_scope(int parent);

  const ModuleText& module_;
  const Function& entry_;
  AddressOf address_of_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<Scope> scopes_;
  int scope_ = 0;
  std::vector<Register> registers_;
  std::vector<Fixup> fixups_;
  std::map<std::pair<u64, int>, Operand> constants_;
  std::vector<const Function*> functions_;         ///< being decoded, the entry first
  std::vector<std::vector<std::size_t>> returns_;  ///< branches to the end of each function decoded in place
  std::unordered_map<std::string, Operand> special_;
  Operand carry_flag_;
  std::vector<u32> wgmma_offsets_;
  bool has_wgmma_ = false;
  u64 dynamic_align_ = 16;
  bool uses_dynamic_shared_ = false;

  const Item* item_ = nullptr;
  Instruction instruction_;
  std::vector<bool> taken_;
  std::size_t next_type_ = 0;
};

}  // namespace segue::ptx
