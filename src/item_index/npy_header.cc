#include "item_index/npy_header.h"

#include <charconv>
#include <set>
#include <stdexcept>

namespace segue::item_index {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;

/// Reads the Python literal {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class Literal {
 public:
  explicit Literal(std::string_view text) : text_(text) {}

  void expect(char c) {
    if (!accept(c)) fail(std::string("expected '") + c + "'");
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string quoted() {
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const auto end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a text does not end");
    std::string found(text_.substr(at_, end - at_));
    if (found.find('\\') != std::string::npos) fail("a text holds a backslash");
    at_ = end + 1;
    return found;
  }
  bool truth() {
    skip_space();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    }
    fail("expected True or False");
  }
  std::int64_t count() {
    skip_space();
    std::int64_t value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) fail("expected a whole number from 0");
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!accept(')')) {
      values.push_back(count());
      if (accept(',')) continue;
      // (3) is a number to Python, and no tuple.
      if (values.size() == 1) fail("expected ','");
      expect(')');
      break;
    }
    return values;
  }
  void end() {
    skip_space();
    if (at_ != text_.size()) fail("something follows its end");
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("its header cannot be read: " + what + " at character " + std::to_string(at_));
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view file) {
  if (!file.starts_with(kMagic)) throw std::runtime_error("it does not begin as a .npy file does");
  if (file.size() < kMagic.size() + 2) throw std::runtime_error("it ends inside its header");
  const int major = static_cast<unsigned char>(file[kMagic.size()]);
  const int minor = static_cast<unsigned char>(file[kMagic.size() + 1]);
  if (major < 1 || major > 3 || minor != 0)
    throw std::runtime_error("its format is version " + std::to_string(major) + "." + std::to_string(minor) +
                             ", which is none of 1.0, 2.0 and 3.0");
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  const std::size_t begin = kMagic.size() + 2 + length_bytes;
  if (file.size() < begin) throw std::runtime_error("it ends inside its header");
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) {
    length |= static_cast<std::size_t>(static_cast<unsigned char>(file[kMagic.size() + 2 + i])) << (8 * i);
  }
  if (length > file.size() - begin) throw std::runtime_error("it ends inside its header");

  NpyHeader header;
  header.n_bytes = begin + length;
  Literal literal(file.substr(begin, length));
  std::set<std::string> keys;
  literal.expect('{');
  while (!literal.accept('}')) {
    const auto key = literal.quoted();
    literal.expect(':');
    if (!keys.insert(key).second) literal.fail("the key '" + key + "' comes twice");
    if (key == "descr") {
      if (literal.accept('['))
        throw std::runtime_error("its elements are records (a structured dtype), not single numbers");
      header.descr = literal.quoted();
    } else if (key == "fortran_order") {
      header.fortran_order = literal.truth();
    } else if (key == "shape") {
      header.shape = literal.tuple();
    } else {
      literal.fail("the key '" + key + "' is unknown");
    }
    if (literal.accept(',')) continue;
    literal.expect('}');
    break;
  }
  literal.end();
  if (keys.size() != 3) literal.fail("one of descr, fortran_order and shape is missing");
  return header;
}

std::string npy_header_text(const std::string& descr, const std::vector<std::int64_t>& shape) {
  std::string literal = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t extent : shape) literal += std::to_string(extent) + ", ";
  literal += "), }";
  const std::size_t before = kMagic.size() + 4;
  literal.append(kAlignment - 1 - (before + literal.size()) % kAlignment, ' ');
  literal += '\n';
  std::string text(kMagic);
  text += '\1';
  text += '\0';
  text += static_cast<char>(literal.size() & 0xff);
  text += static_cast<char>(literal.size() >> 8);
  return text + literal;
}

}  // namespace segue::item_index
