#include "tests/ptx/decoder.h"

#include <algorithm>

#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

u64 round_up(u64 value, u64 to) { return (value + to - 1) / to * to; }

}  // namespace

const OpcodeTable& opcode_table() {
  static const OpcodeTable table = [] {
    OpcodeTable all;
    add_integer_opcodes(all);
    add_bit_opcodes(all);
    add_float_opcodes(all);
    add_comparison_opcodes(all);
    add_conversion_opcodes(all);
    add_move_opcodes(all);
    add_memory_opcodes(all);
    add_atomic_opcodes(all);
    add_warp_opcodes(all);
    add_control_opcodes(all);
    add_tensor_opcodes(all);
    add_matrix_opcodes(all);
    add_async_copy_opcodes(all);
    add_mbarrier_opcodes(all);
    add_wgmma_opcodes(all);
    return all;
  }();
  return table;
}

Decoder::Decoder(const ModuleText& module, const Function& entry, AddressOf address_of)
    : module_(module), entry_(entry), address_of_(std::move(address_of)) {}

std::unique_ptr<Kernel> Decoder::decode() {
  kernel_ = std::make_unique<Kernel>();
  kernel_->name = std::string(entry_.name);
  kernel_->text = &module_;
  kernel_->max_threads = entry_.max_threads;
  kernel_->required_threads = entry_.required_threads;
  scope_ = open_scope(-1);
  for (const Variable& variable : module_.variables)
    if (variable.space == "shared") declare(variable);
  for (const Variable& parameter : entry_.parameters) {
    const u64 offset = round_up(kernel_->parameter_bytes, std::max<u64>(parameter.align, 1));
    kernel_->parameters.push_back({offset, parameter.bytes});
    kernel_->parameter_bytes = offset + parameter.bytes;
    scopes_[static_cast<std::size_t>(scope_)].symbols[parameter.name] = {Symbol::Kind::kParameter, parameter.type,
                                                                         offset};
  }
  decode_body(entry_);
  // Running off the end is like `ret`; the label after the last instruction needs a place too.
  Instruction end;
  end.flow = Flow::kExit;
  end.counted_as = InstructionClass::kControl;
  kernel_->code.push_back(end);
  resolve_labels();
  if (has_wgmma_) find_wgmma_registers();
  // Dynamic shared memory lies behind all static variables.
  if (uses_dynamic_shared_) kernel_->static_shared_bytes = round_up(kernel_->static_shared_bytes, dynamic_align_);
  return std::move(kernel_);
}

int Decoder::open_scope(int parent) {
  scopes_.push_back({{}, parent});
  return static_cast<int>(scopes_.size()) - 1;
}

void Decoder::decode_body(const Function& function) {
  functions_.push_back(&function);
  returns_.emplace_back();
  const int outer = scope_;
  scope_ = open_scope(scope_);
  for (const Item& item : function.body) decode_item(item);
  for (std::size_t branch : returns_.back()) kernel_->code[branch].target = static_cast<u32>(kernel_->code.size());
  scope_ = outer;
  returns_.pop_back();
  functions_.pop_back();
}

void Decoder::decode_item(const Item& item) {
  item_ = &item;
  auto& symbols = scopes_[static_cast<std::size_t>(scope_)].symbols;
  switch (item.kind) {
    case Item::Kind::kOpen: scope_ = open_scope(scope_); break;
    case Item::Kind::kClose: scope_ = scopes_[static_cast<std::size_t>(scope_)].parent; break;
    case Item::Kind::kVariable: declare(item.variable); break;
    case Item::Kind::kLabel: symbols[item.opcode] = {Symbol::Kind::kLabel, Type::kNone, kernel_->code.size()}; break;
    case Item::Kind::kBranchTargets:
      symbols[item.opcode] = {Symbol::Kind::kLabel, Type::kNone, kernel_->jump_tables.size()};
      kernel_->jump_tables.emplace_back(item.operands.size());
      for (std::size_t i = 0; i < item.operands.size(); ++i)
        fixups_.push_back({0, kernel_->jump_tables.size() - 1, i, item.operands[i].name, scope_, item.line});
      break;
    case Item::Kind::kInstruction: decode_instruction(item); break;
  }
}

void Decoder::decode_instruction(const Item& item) {
  instruction_ = {};
  instruction_.line = item.line;
  instruction_.location = item.location;
  taken_.assign(item.modifiers.size(), false);
  next_type_ = 0;
  if (!item.guard.empty()) {
    OperandText guard;
    guard.name = item.guard;
    instruction_.guard = predicate(guard);
    instruction_.guard.negated = item.guard_negated;
    instruction_.is_guarded = true;
  }
  const auto opcode = opcode_table().find(item.opcode);
  if (opcode == opcode_table().end()) fail("an unknown opcode");
  opcode->second(*this);
  item_ = &item;
  if (item.opcode == "call" && instruction_.execute == nullptr) return;  // decoded in place
  for (std::size_t i = 0; i < taken_.size(); ++i)
    if (!taken_[i]) fail("an unknown modifier ." + std::string(item.modifiers[i]));
  kernel_->code.push_back(instruction_);
}

void Decoder::declare(const Variable& variable) {
  if (variable.n_names == 0) {
    declare_name(variable.name, variable);
    return;
  }
  // The names of `%r<8>` must outlive the text that has only the prefix.
  static std::deque<std::string> names;
  static std::unordered_map<std::string, std::string_view> known;
  for (int i = 0; i < variable.n_names; ++i) {
    const std::string name = std::string(variable.name) + std::to_string(i);
    auto& kept = known[name];
    if (kept.empty()) kept = names.emplace_back(name);
    declare_name(kept, variable);
  }
}

void Decoder::declare_name(std::string_view name, const Variable& variable) {
  Symbol symbol{Symbol::Kind::kRegister, variable.type, 0};
  if (variable.space == "reg") {
    symbol.place = registers_.size();
    registers_.push_back({variable.type, false, {}});
  } else if (variable.space == "shared") {
    symbol.kind = Symbol::Kind::kShared;
    if (variable.is_unsized) {
      symbol.place = ~u64{0};  // dynamic shared memory: its place is known once all static variables are
      dynamic_align_ = std::max<u64>(dynamic_align_, variable.align);
    } else {
      if (uses_dynamic_shared_) fail("a shared variable after the first use of dynamic shared memory");
      const u64 offset = round_up(kernel_->static_shared_bytes, std::max<u64>(variable.align, 1));
      symbol.place = kSharedBase + offset;
      kernel_->static_shared_bytes = offset + variable.bytes;
    }
  } else if (variable.space == "local" || variable.space == "param") {
    symbol.kind = Symbol::Kind::kLocal;
    const u64 offset = round_up(kernel_->local_bytes, std::max<u64>(variable.align, 8));
    symbol.place = kLocalBase + offset;
    kernel_->local_bytes = offset + variable.bytes;
  } else {
    fail("a variable of the space ." + std::string(variable.space) + " inside a function");
  }
  scopes_[static_cast<std::size_t>(scope_)].symbols[name] = symbol;
}

const Decoder::Symbol* Decoder::find(std::string_view name, int scope) const {
  for (; scope >= 0; scope = scopes_[static_cast<std::size_t>(scope)].parent) {
    const auto& symbols = scopes_[static_cast<std::size_t>(scope)].symbols;
    if (const auto found = symbols.find(name); found != symbols.end()) return &found->second;
  }
  return nullptr;
}

Operand Decoder::register_operand(u64 index) {
  Register& entry = registers_[index];
  if (!entry.is_placed) {
    const int width =
        entry.type == Type::kB8 || entry.type == Type::kU8 || entry.type == Type::kS8 ? 2 : width_of(entry.type);
    entry.operand = {static_cast<u32>(kernel_->register_bytes), 0, static_cast<u8>(width), false};
    kernel_->register_bytes += entry.type == Type::kPred ? 64 : static_cast<std::size_t>(width) * kLanes;
    entry.is_placed = true;
  }
  return entry.operand;
}

Operand Decoder::special_register(std::string_view name, Type type) {
  const auto known = special_register_names().find(name);
  if (known == special_register_names().end()) fail("an unknown name " + std::string(name));
  const int width = width_of(type);
  Operand& operand = special_[std::string(name) + std::to_string(width)];
  if (operand.width == 0) {
    operand = {static_cast<u32>(kernel_->register_bytes), 0, static_cast<u8>(width), false};
    kernel_->register_bytes += static_cast<std::size_t>(width) * kLanes;
    kernel_->special_registers.emplace_back(known->second, operand);
  }
  return operand;
}

u64 Decoder::symbol_address(const OperandText& text, bool* is_found) {
  *is_found = true;
  if (const Symbol* symbol = find(text.name, scope_); symbol != nullptr && symbol->kind != Symbol::Kind::kRegister) {
    if (symbol->kind == Symbol::Kind::kShared && symbol->place == ~u64{0}) {
      // All static variables stand at the top of their functions: by the first use their size is known.
      uses_dynamic_shared_ = true;
      return kSharedBase + round_up(kernel_->static_shared_bytes, dynamic_align_) + static_cast<u64>(text.offset);
    }
    return symbol->place + static_cast<u64>(text.offset);
  }
  for (const Variable& variable : module_.variables)
    if (variable.name == text.name) return address_of_(text.name) + static_cast<u64>(text.offset);
  *is_found = false;
  return 0;
}

const OperandText& Decoder::text(std::size_t i) const {
  if (i >= item_->operands.size()) fail("an operand is missing");
  return item_->operands[i];
}

Operand Decoder::constant(u64 bits, int width) {
  Operand& operand = constants_[{bits, width}];
  if (operand.width == 0) {
    operand = {static_cast<u32>(kernel_->constants.size()), 1, static_cast<u8>(width), false};
    kernel_->constants.resize(kernel_->constants.size() +
                              std::max<std::size_t>(64, static_cast<std::size_t>(width) * kLanes));
    u8* lanes = kernel_->constants.data() + operand.offset;
    for (int lane = 0; lane < kLanes; ++lane)
      std::memcpy(lanes + lane * width, &bits, static_cast<std::size_t>(width < 8 ? width : 8));
  }
  return operand;
}

Operand Decoder::loose(const OperandText& text, Type type) {
  switch (text.kind) {
    case OperandText::Kind::kInteger: return constant(text.bits, width_of(type));
    case OperandText::Kind::kFloat: {
      const double as_double =
          text.float_width == 4 ? bits_as<float>(static_cast<u32>(text.bits)) : bits_as<double>(text.bits);
      if (type == Type::kF64) return constant(bits_as<u64>(as_double), 8);
      if (text.float_width == 4) return constant(text.bits, width_of(type));
      if (width_of(type) == 4) return constant(bits_as<u32>(static_cast<float>(as_double)), 4);
      return constant(text.bits, width_of(type));
    }
    case OperandText::Kind::kName: break;
    default: fail("a register or a constant expected");
  }
  if (text.name == "_") return {};
  if (text.negated) fail("a negated operand");
  if (text.name == "WARP_SZ") return constant(kLanes, width_of(type));
  if (const Symbol* symbol = find(text.name, scope_); symbol != nullptr && symbol->kind == Symbol::Kind::kRegister)
    return register_operand(symbol->place);
  bool is_found = false;
  const u64 at = symbol_address(text, &is_found);
  if (is_found) return constant(at, width_of(type));
  return special_register(text.name, type);
}

Operand Decoder::value(const OperandText& text, Type type) {
  const Operand operand = loose(text, type);
  const int width = width_of(type) == 1 ? 2 : width_of(type);
  if (operand.bank == 0 && operand.width != 0 && operand.width != width)
    fail("the register " + std::string(text.name) + " has " + std::to_string(operand.width * 8) + " bits");
  return operand;
}

bool Decoder::is_predicate(const OperandText& text) const {
  const Symbol* symbol = text.kind == OperandText::Kind::kName ? find(text.name, scope_) : nullptr;
  return symbol != nullptr && symbol->kind == Symbol::Kind::kRegister && symbol->type == Type::kPred;
}

Operand Decoder::predicate(const OperandText& text) {
  if (text.kind == OperandText::Kind::kInteger) return constant(text.bits != 0 ? ~u64{0} : 0, 4);
  if (text.kind != OperandText::Kind::kName) fail("a predicate expected");
  if (text.name == "_") return {};
  const Symbol* symbol = find(text.name, scope_);
  if (symbol == nullptr || symbol->kind != Symbol::Kind::kRegister || symbol->type != Type::kPred)
    fail("a predicate expected, not " + std::string(text.name));
  Operand operand = register_operand(symbol->place);
  operand.negated = text.negated;
  return operand;
}

Operand Decoder::carry_flag() {
  if (carry_flag_.width == 0) {
    carry_flag_ = {static_cast<u32>(kernel_->register_bytes), 0, 4, false};
    kernel_->register_bytes += 64;
  }
  return carry_flag_;
}

Operand Decoder::wgmma_register(const OperandText& text) {
  const Operand operand = value(text, Type::kB32);
  if (operand.bank != 0 || operand.width != 4) fail("a register of 32 bits expected");
  wgmma_offsets_.push_back(operand.offset);
  return operand;
}

void Decoder::find_wgmma_registers() {
  kernel_->wgmma_registers.assign(kernel_->register_bytes / 64 + 1, 0);
  for (u32 offset : wgmma_offsets_) {
    u16& number = kernel_->wgmma_registers[offset / 64];
    if (number == 0) number = static_cast<u16>(++kernel_->n_wgmma_registers);
  }
  for (Instruction& instruction : kernel_->code) {
    for (std::size_t i = 0; i < instruction.n_operands; ++i) {
      const Operand& operand = instruction.operands[i];
      if (instruction.wgmma_role == WgmmaRole::kNone && operand.bank == 0 && operand.width != 0 &&
          kernel_->wgmma_registers[operand.offset / 64] != 0)
        instruction.wgmma_role = WgmmaRole::kTouches;
    }
  }
}

Operand Decoder::address(const OperandText& text) {
  if (text.kind != OperandText::Kind::kAddress) fail("an address expected");
  instruction_.immediate = text.offset;
  if (text.name.empty()) return constant(0, 8);
  const Symbol* symbol = find(text.name, scope_);
  if (symbol != nullptr && symbol->kind == Symbol::Kind::kRegister) {
    const Operand operand = register_operand(symbol->place);
    if (operand.width != 4 && operand.width != 8) fail("an address of 32 or 64 bits expected");
    return operand;
  }
  if (symbol != nullptr && symbol->kind == Symbol::Kind::kLocal && instruction_.space == Space::kParam)
    instruction_.space = Space::kLocal;
  OperandText base = text;
  base.offset = 0;
  bool is_found = false;
  const u64 at = symbol_address(base, &is_found);
  if (!is_found) fail("an unknown name " + std::string(text.name));
  return constant(at, 8);
}

i64 Decoder::integer(const OperandText& text) {
  if (text.kind != OperandText::Kind::kInteger) fail("a constant expected");
  return static_cast<i64>(text.bits);
}

u32 Decoder::label(const OperandText& text) {
  fixups_.push_back({kernel_->code.size(), kNoTable, 0, text.name, scope_, item_->line});
  return 0;
}

u32 Decoder::jump_table(const OperandText& text) {
  const Symbol* symbol = find(text.name, scope_);
  if (symbol == nullptr) fail("an unknown list of branch targets");
  return static_cast<u32>(symbol->place);
}

void Decoder::resolve_labels() {
  for (const Fixup& fixup : fixups_) {
    const Symbol* symbol = find(fixup.label, fixup.scope);
    if (symbol == nullptr || symbol->kind != Symbol::Kind::kLabel)
      throw PtxError("PTX line " + std::to_string(fixup.line) + ": an unknown label " + std::string(fixup.label));
    if (fixup.table == kNoTable) {
      kernel_->code[fixup.instruction].target = static_cast<u32>(symbol->place);
    } else {
      kernel_->jump_tables[fixup.table][fixup.slot] = static_cast<u32>(symbol->place);
    }
  }
}

bool Decoder::accept(std::string_view modifier) {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i] && item_->modifiers[i] == modifier) {
      taken_[i] = true;
      return true;
    }
  }
  return false;
}

bool Decoder::accept_any(std::initializer_list<std::string_view> modifiers) {
  bool is_any = false;
  for (std::string_view modifier : modifiers) is_any = accept(modifier) || is_any;
  return is_any;
}

std::string_view Decoder::accept_one_of(std::initializer_list<std::string_view> modifiers) {
  for (std::string_view modifier : modifiers)
    if (accept(modifier)) return modifier;
  return {};
}

Type Decoder::accept_type() {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i]) continue;
    const Type type = type_named(item_->modifiers[i]);
    if (type == Type::kNone) continue;
    taken_[i] = true;
    return type;
  }
  return Type::kNone;
}

Type Decoder::take_type() {
  const Type type = accept_type();
  if (type == Type::kNone) fail("a type expected");
  return type;
}

Space Decoder::accept_space() {
  if (accept_any({"global"})) return Space::kGlobal;
  if (accept_any({"shared", "shared::cta"})) return Space::kShared;
  if (accept("local")) return Space::kLocal;
  if (accept("const")) return Space::kConst;
  if (accept_any({"param", "param::entry", "param::func"})) return Space::kParam;
  return Space::kGeneric;
}

void Decoder::set(Execute execute, std::vector<Operand> operands) {
  kernel_->operand_lists.push_back(std::move(operands));
  instruction_.execute = execute;
  instruction_.operands = kernel_->operand_lists.back().data();
  instruction_.n_operands = static_cast<u8>(kernel_->operand_lists.back().size());
}

void Decoder::set(Execute execute, std::initializer_list<Operand> operands) {
  set(execute, std::vector<Operand>(operands));
}

void Decoder::fail(const std::string& why) const {
  throw PtxError("PTX line " + std::to_string(item_->line) + " of " + std::string(entry_.name) + ": " + why + ": " +
                 std::string(item_->text));
}

bool Decoder::leave_function() {
  if (functions_.size() <= 1) return false;
  returns_.back().push_back(kernel_->code.size());
  return true;
}

void Decoder::call() {
  std::size_t at = 0;
  std::vector<OperandText> results, arguments;
  if (text(at).kind == OperandText::Kind::kList) results = text(at++).parts;
  const std::string_view name = text(at++).name;
  if (at < n_operands() && text(at).kind == OperandText::Kind::kList) arguments = text(at).parts;
  const Function* callee = module_.function(name);
  if (callee == nullptr || !callee->has_body) fail("a call of a function that is not in the module");
  if (std::find(functions_.begin(), functions_.end(), callee) != functions_.end()) fail("recursion");
  if (results.size() != callee->results.size() || arguments.size() != callee->parameters.size())
    fail("a call with another number of arguments");
  const Item* const call_item = item_;
  // Lanes that the guard leaves out jump over the whole function.
  std::size_t skip = kNoTable;
  if (instruction_.is_guarded) {
    Instruction branch = instruction_;
    branch.guard.negated = !branch.guard.negated;
    branch.flow = Flow::kBranch;
    branch.counted_as = InstructionClass::kControl;
    skip = kernel_->code.size();
    kernel_->code.push_back(branch);
  }
  const int outer = scope_;
  int module_scope = 0;
  const int inner = open_scope(module_scope);
  const auto bind = [&](const std::vector<OperandText>& actual, const std::vector<Variable>& formal) {
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const Symbol* symbol = find(actual[i].name, outer);
      if (symbol == nullptr || symbol->kind != Symbol::Kind::kLocal)
        fail("an argument that is not in the space .param");
      scopes_[static_cast<std::size_t>(inner)].symbols[formal[i].name] = *symbol;
    }
  };
  bind(results, callee->results);
  bind(arguments, callee->parameters);
  scope_ = inner;
  decode_body(*callee);
  scope_ = outer;
  item_ = call_item;
  instruction_ = {};
  if (skip != kNoTable) kernel_->code[skip].target = static_cast<u32>(kernel_->code.size());
}

}  // namespace segue::ptx
