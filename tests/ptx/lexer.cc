#include "tests/ptx/lexer.h"

#include "tests/ptx/ptx_text.h"

namespace segue::ptx {
namespace {

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%' || c == '.';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return is_name_start(c) || is_digit(c); }

}  // namespace

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  u32 line = 1;
  const auto peek = [&](std::size_t ahead) { return at + ahead < text.size() ? text[at + ahead] : '\0'; };
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\n') ++line;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0') {
      ++at;
      continue;
    }
    if (c == '/' && peek(1) == '/') {
      while (at < text.size() && text[at] != '\n') ++at;
      continue;
    }
    if (c == '/' && peek(1) == '*') {
      for (at += 2; at < text.size() && !(text[at] == '*' && peek(1) == '/'); ++at) line += text[at] == '\n' ? 1 : 0;
      at += 2;
      continue;
    }
    const std::size_t begin = at;
    Token token{Token::Kind::kPunctuation, {}, line};
    if (is_name_start(c)) {
      token.kind = Token::Kind::kName;
      while (is_name(peek(0)) || (peek(0) == ':' && peek(1) == ':')) at += peek(0) == ':' ? 2 : 1;
    } else if (is_digit(c)) {
      token.kind = Token::Kind::kNumber;
      const bool is_hexadecimal = c == '0' && (peek(1) == 'x' || peek(1) == 'X');
      while (is_name(peek(0)) ||
             ((peek(0) == '-' || peek(0) == '+') && !is_hexadecimal && peek(1) != ' ' && at > begin &&
              (text[at - 1] == 'e' || text[at - 1] == 'E') && text[begin + 1] != 'f' && text[begin + 1] != 'd'))
        ++at;
    } else if (c == '"') {
      token.kind = Token::Kind::kString;
      for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\' ? 1 : 0;
      token.text = text.substr(begin + 1, at - begin - 1);
      ++at;
      tokens.push_back(token);
      continue;
    } else {
      ++at;
    }
    token.text = text.substr(begin, at - begin);
    tokens.push_back(token);
  }
  tokens.push_back({Token::Kind::kEnd, {}, line});
  return tokens;
}

}  // namespace segue::ptx
