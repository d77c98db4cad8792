#include "tests/ptx/ptx_text.h"

#include <charconv>
#include <cstdlib>

#include "tests/ptx/lexer.h"

namespace segue::ptx {
namespace {

constexpr std::string_view kSpaces[] = {"reg", "shared", "global", "const", "local", "param"};

class Parser {
 public:
  explicit Parser(ModuleText& module) : module_(module), tokens_(tokens_of(module.text)) {}

  void parse_module() {
    while (here().kind != Token::Kind::kEnd) parse_directive();
  }

 private:
  const Token& here(std::size_t ahead = 0) const {
    return tokens_[at_ + ahead < tokens_.size() ? at_ + ahead : tokens_.size() - 1];
  }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool accept(std::string_view what) {
    if (!here().is(what)) return false;
    take();
    return true;
  }
  void expect(std::string_view what) {
    if (!accept(what)) fail("'" + std::string(what) + "' expected");
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw PtxError("PTX line " + std::to_string(here().line) + ": " + why + " at '" + std::string(here().text) + "'");
  }
  u64 number() {
    const OperandText value = parse_number();
    return value.bits;
  }

  static std::string_view space_of(const Token& token) {
    for (std::string_view space : kSpaces)
      if (token.text.size() == space.size() + 1 && token.text[0] == '.' && token.text.substr(1) == space) return space;
    return {};
  }

  void parse_directive() {
    if (accept(".version")) {
      take();
    } else if (accept(".target")) {
      module_.target = std::string(take().text);
      while (accept(",")) take();
    } else if (accept(".address_size")) {
      if (number() != 64) fail("addresses of 64 bits alone are known");
    } else if (accept(".file")) {
      const auto index = static_cast<u32>(number());
      module_.files[index] = std::string(take().text);
      while (accept(",")) take();
    } else if (accept(".section")) {
      take();
      skip_braces();
    } else if (accept(".pragma")) {
      take();
      accept(";");
    } else if (accept(".loc")) {
      parse_location();
    } else {
      parse_definition();
    }
  }

  void skip_braces() {
    expect("{");
    for (int depth = 1; depth > 0;) {
      if (here().kind == Token::Kind::kEnd) fail("'}' expected");
      const Token& token = take();
      depth += token.is("{") ? 1 : token.is("}") ? -1 : 0;
    }
  }

  void parse_definition() {
    bool is_external = false;
    for (;;) {
      if (accept(".extern")) {
        is_external = true;
      } else if (!accept(".visible") && !accept(".weak") && !accept(".common")) {
        break;
      }
    }
    if (here().is(".entry") || here().is(".func")) {
      parse_function();
    } else {
      const std::string_view space = space_of(here());
      if (space.empty() || space == "reg") fail("an unknown directive");
      take();
      for (Variable& variable : parse_variables(space)) {
        variable.is_external = is_external;
        module_.variables.push_back(std::move(variable));
      }
      expect(";");
    }
  }

  void parse_function() {
    Function function;
    function.is_entry = take().is(".entry");
    if (accept(".attribute")) skip_parentheses();
    if (here().is("(")) function.results = parse_parameters();
    function.name = take().text;
    if (here().is("(")) function.parameters = parse_parameters();
    while (!here().is("{") && !here().is(";")) {
      if (here().is(".maxntid") || here().is(".reqntid")) {
        const bool required = take().is(".reqntid");
        u64 threads = number();
        while (accept(",")) threads *= number();
        function.max_threads = static_cast<u32>(threads);
        if (required) function.required_threads = function.max_threads;
      } else if (accept(".minnctapersm") || accept(".maxnreg") || accept(".maxnctapersm")) {
        number();
      } else if (accept(".pragma")) {
        take();
        accept(";");
      } else if (!accept(".noreturn")) {
        fail("an unknown directive of a function");
      }
    }
    if (accept(";")) {
      module_.functions.push_back(std::move(function));
      return;
    }
    function.has_body = true;
    expect("{");
    location_ = {};
    for (int depth = 1; depth > 0;) parse_item(function, depth);
    module_.functions.push_back(std::move(function));
  }

  void skip_parentheses() {
    expect("(");
    while (!accept(")")) take();
  }

  std::vector<Variable> parse_parameters() {
    std::vector<Variable> parameters;
    expect("(");
    while (!accept(")")) {
      if (space_of(here()).empty()) fail("a parameter expected");
      const std::string_view space = space_of(take());
      parameters.push_back(parse_variables(space).front());
      accept(",");
      // A list of one space's names would swallow the next parameter: it begins with its own `.param`.
    }
    return parameters;
  }

  /// What follows the state space: qualifiers, a type and names.
  std::vector<Variable> parse_variables(std::string_view space) {
    Variable pattern;
    pattern.space = space;
    for (;;) {
      if (accept(".align")) {
        pattern.align = number();
      } else if (accept(".ptr")) {
        while (here().is(".global") || here().is(".shared") || here().is(".const") || here().is(".local")) take();
      } else if (accept(".v2")) {
        pattern.vector_width = 2;
      } else if (accept(".v4")) {
        pattern.vector_width = 4;
      } else if (accept(".attribute")) {
        skip_parentheses();
      } else if (pattern.type == Type::kNone && here().text.size() > 1 &&
                 type_named(here().text.substr(1)) != Type::kNone) {
        pattern.type = type_named(take().text.substr(1));
      } else if (here().kind == Token::Kind::kName && here().text[0] != '.') {
        break;
      } else {
        fail("an unknown word in a declaration");
      }
    }
    std::vector<Variable> variables;
    do {
      if (here().kind != Token::Kind::kName || here().text[0] == '.') break;  // the next parameter of a list
      Variable variable = pattern;
      variable.name = take().text;
      const auto element = static_cast<std::size_t>(width_of(variable.type) * variable.vector_width);
      variable.bytes = element;
      if (variable.align == 0) variable.align = element;
      if (accept("<")) {
        variable.n_names = static_cast<int>(number());
        expect(">");
      }
      while (accept("[")) {
        if (accept("]")) {
          variable.is_unsized = true;
          variable.bytes = 0;
        } else {
          variable.bytes *= number();
          expect("]");
        }
      }
      if (accept("=")) parse_initial(variable);
      variables.push_back(std::move(variable));
    } while (space != "param" && accept(","));
    return variables;
  }

  void parse_initial(Variable& variable) {
    std::size_t position = 0;
    const auto width = static_cast<std::size_t>(width_of(variable.type));
    const auto put = [&] {
      const OperandText value = parse_operand();
      u64 bits = value.bits;
      if (value.kind == OperandText::Kind::kName) {
        variable.addresses.emplace_back(position, value);
      } else if (value.kind == OperandText::Kind::kFloat && value.float_width == 0) {
        bits = variable.type == Type::kF32 ? bits_as<u32>(static_cast<float>(bits_as<double>(value.bits))) : value.bits;
      }
      variable.initial.resize(position + width);
      std::memcpy(variable.initial.data() + position, &bits, width < 8 ? width : 8);
      position += width;
    };
    if (!accept("{")) {
      put();
    } else {
      while (!accept("}")) {
        if (!accept("{")) put();  // rows of a matrix are laid out one after another
        accept(",");
      }
    }
    if (variable.is_unsized) variable.bytes = position;
  }

  void parse_location() {
    location_.file = static_cast<u32>(number());
    location_.line = static_cast<u32>(number());
    number();
    while (accept(",")) {  // , function_name $label (+ number), inlined_at file line column
      if (accept("inlined_at")) {
        number(), number(), number();
      } else {
        take(), take();
        if (accept("+")) number();
      }
    }
  }

  void parse_item(Function& function, int& depth) {
    Item item;
    item.line = here().line;
    item.location = location_;
    const char* begin = here().text.data();
    if (here().kind == Token::Kind::kEnd) fail("'}' expected");
    if (accept("{")) {
      ++depth;
      item.kind = Item::Kind::kOpen;
    } else if (accept("}")) {
      if (--depth == 0) return;
      item.kind = Item::Kind::kClose;
    } else if (accept(".loc")) {
      parse_location();
      return;
    } else if (accept(".pragma")) {
      take();
      expect(";");
      return;
    } else if (!space_of(here()).empty()) {
      const std::string_view space = space_of(take());
      for (Variable& variable : parse_variables(space)) {
        item.kind = Item::Kind::kVariable;
        item.variable = std::move(variable);
        function.body.push_back(item);
      }
      expect(";");
      return;
    } else if (here(1).is(":")) {
      item.kind = Item::Kind::kLabel;
      item.opcode = take().text;
      take();
      if (accept(".branchtargets")) {
        item.kind = Item::Kind::kBranchTargets;
        do item.operands.push_back(parse_operand());
        while (accept(","));
        expect(";");
      } else if (here().is(".callprototype")) {
        while (!accept(";")) take();
        return;
      }
    } else {
      parse_instruction(item);
      item.text = std::string_view(begin, static_cast<std::size_t>(tokens_[at_ - 1].text.data() + 1 - begin));
    }
    function.body.push_back(std::move(item));
  }

  void parse_instruction(Item& item) {
    if (accept("@")) {
      item.guard_negated = accept("!");
      item.guard = take().text;
    }
    if (here().kind != Token::Kind::kName) fail("an instruction expected");
    std::string_view word = take().text;
    for (std::size_t dot = word.find('.');; dot = word.find('.')) {
      const std::string_view part = word.substr(0, dot);
      if (item.opcode.empty()) {
        item.opcode = part;
      } else {
        item.modifiers.push_back(part);
      }
      if (dot == std::string_view::npos) break;
      word = word.substr(dot + 1);
    }
    while (!accept(";")) {
      item.operands.push_back(parse_operand());
      if (accept("|")) {
        OperandText pair;
        pair.kind = OperandText::Kind::kPair;
        pair.parts = {item.operands.back(), parse_operand()};
        item.operands.back() = std::move(pair);
      }
      if (!accept(",") && !here().is(";")) fail("',' or ';' expected");
    }
  }

  OperandText parse_number() {
    OperandText value;
    value.kind = OperandText::Kind::kInteger;
    const bool negative = accept("-");
    std::string_view text = here().text;
    if (here().kind != Token::Kind::kNumber) fail("a number expected");
    const auto parse_as = [&](std::string_view digits, int base) {
      const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value.bits, base);
      if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) fail("not a number");
    };
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'f' || text[1] == 'F' || text[1] == 'd' || text[1] == 'D')) {
      value.kind = OperandText::Kind::kFloat;
      value.float_width = text[1] == 'f' || text[1] == 'F' ? 4 : 8;
      parse_as(text.substr(2), 16);
      if (negative) value.bits ^= value.float_width == 4 ? u64{1} << 31 : u64{1} << 63;
      take();
      return value;
    }
    const bool is_hexadecimal = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (!is_hexadecimal && text.find_first_of(".eE") != std::string_view::npos) {
      value.kind = OperandText::Kind::kFloat;
      const double decimal = std::strtod(std::string(text).c_str(), nullptr);
      value.bits = bits_as<u64>(negative ? -decimal : decimal);
      take();
      return value;
    }
    if (text.back() == 'U') text.remove_suffix(1);
    if (is_hexadecimal) {
      parse_as(text.substr(2), 16);
    } else if (text.size() > 2 && text[0] == '0' && (text[1] == 'b' || text[1] == 'B')) {
      parse_as(text.substr(2), 2);
    } else if (text.size() > 1 && text[0] == '0') {
      parse_as(text, 8);
    } else {
      parse_as(text, 10);
    }
    if (negative) value.bits = ~value.bits + 1;
    take();
    return value;
  }

  OperandText parse_operand() {
    OperandText operand;
    if (here().kind == Token::Kind::kNumber || (here().is("-") && here(1).kind == Token::Kind::kNumber))
      return parse_number();
    if (accept("{")) {
      operand.kind = OperandText::Kind::kVector;
      while (!accept("}")) {
        operand.parts.push_back(parse_operand());
        accept(",");
      }
      return operand;
    }
    if (accept("(")) {
      operand.kind = OperandText::Kind::kList;
      while (!accept(")")) {
        operand.parts.push_back(parse_operand());
        accept(",");
      }
      return operand;
    }
    if (accept("[")) {
      operand.kind = OperandText::Kind::kAddress;
      if (here().kind == Token::Kind::kName) {
        operand.name = take().text;
        accept("+");
      }
      if (here().kind == Token::Kind::kNumber || here().is("-")) operand.offset = static_cast<i64>(number());
      while (accept(",")) operand.parts.push_back(parse_operand());
      expect("]");
      return operand;
    }
    operand.negated = accept("!") || accept("-");
    if (here().kind != Token::Kind::kName) fail("an operand expected");
    operand.name = take().text;
    if (operand.name == "generic" && accept("(")) {
      operand = parse_operand();
      expect(")");
    }
    if (accept("+")) operand.offset = static_cast<i64>(number());
    return operand;
  }

  ModuleText& module_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  Location location_;
};

}  // namespace

const Function* ModuleText::function(std::string_view name) const {
  const Function* found = nullptr;
  for (const Function& candidate : functions)
    if (candidate.name == name && (found == nullptr || candidate.has_body)) found = &candidate;
  return found;
}

void parse(ModuleText& result) { Parser(result).parse_module(); }

}  // namespace segue::ptx
