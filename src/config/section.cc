#include "config/section.h"

#include <charconv>
#include <cmath>
#include <type_traits>

#include "config/node.h"
#include "support/errors.h"

namespace segue::config {
namespace {

using Kind = Value::Kind;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : ", ") + words[i];
  return text;
}

std::string default_text(const Doc& doc, const std::string& value) { return doc.required ? "" : value; }

}  // namespace

template <class T>
T Section::Node::parse_number(const Value& at, const std::string& key, const Doc& doc) const {
  const std::string& text = at.scalar;
  T number{};
  if constexpr (std::is_floating_point_v<T>) {
    if (text == ".inf" || text == "-.inf") {
      number = text[0] == '-' ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
      check_range(at, key, static_cast<double>(number), doc);
      return number;
    }
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) fail_at(at.place, key, text + " is beyond what can be stored");
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if constexpr (std::is_floating_point_v<T>) {
    if (!whole || !std::isfinite(number)) fail_at(at.place, key, "expected a number, got '" + text + "'");
  } else {
    if (!whole) {
      const char* expected =
          std::is_signed_v<T> ? "expected a whole number, got '" : "expected a whole number from 0, got '";
      fail_at(at.place, key, expected + text + "'");
    }
  }
  check_range(at, key, static_cast<double>(number), doc);
  return number;
}

template <class T>
void Section::Node::read_number(const std::string& key, T& number, const char* type, const Doc& doc) {
  const auto text = [](T n) {
    if constexpr (std::is_floating_point_v<T>)
      return number_text(n);
    else
      return std::to_string(n);
  };
  const std::string default_value = default_text(doc, text(number));
  if (const Value* found = scalar_of(key)) number = parse_number<T>(*found, key, doc);
  const auto [entry, again] = note(key, Entry::Kind::kScalar, type, doc);
  if (again) return;
  entry->info.default_value = default_value;
  entry->scalar = text(number);
}

void Section::read(const std::string& key, bool& value, const Doc& doc) {
  const std::string default_value = default_text(doc, value ? "true" : "false");
  if (const Value* found = node_->scalar_of(key)) {
    if (found->scalar != "true" && found->scalar != "false")
      fail(key, "expected true or false, got '" + found->scalar + "'");
    value = found->scalar == "true";
  }
  const auto [entry, again] = node_->note(key, Node::Entry::Kind::kScalar, "true or false", doc);
  if (again) return;
  entry->info.default_value = default_value;
  entry->scalar = value ? "true" : "false";
}

void Section::read(const std::string& key, std::int64_t& value, const Doc& doc) {
  node_->read_number(key, value, "whole number", doc);
}
void Section::read(const std::string& key, int& value, const Doc& doc) {
  node_->read_number(key, value, "whole number", doc);
}
void Section::read(const std::string& key, std::uint64_t& value, const Doc& doc) {
  node_->read_number(key, value, "whole number", doc);
}
void Section::read(const std::string& key, double& value, const Doc& doc) {
  node_->read_number(key, value, "number", doc);
}

void Section::read(const std::string& key, std::string& value, const Doc& doc) {
  const std::string default_value = default_text(doc, value);
  if (const Value* found = node_->scalar_of(key)) {
    if (doc.required && found->scalar.empty()) fail(key, "must not be empty: " + doc.meaning);
    value = found->scalar;
  }
  const auto [entry, again] = node_->note(key, Node::Entry::Kind::kScalar, "text", doc);
  if (again) return;
  entry->info.default_value = default_value;
  entry->scalar = value;
}

void Section::read(const std::string& key, std::vector<std::string>& value, const Doc& doc) {
  const std::string default_value = default_text(doc, "[" + joined(value) + "]");
  std::vector<const Value*> elements;
  if (node_->list_of(key, elements)) {
    value.clear();
    for (const Value* element : elements) value.push_back(element->scalar);
    if (doc.required && value.empty()) fail(key, "must not be empty: " + doc.meaning);
  }
  const auto [entry, again] = node_->note(key, Node::Entry::Kind::kList, "list of text", doc);
  if (again) return;
  entry->info.default_value = default_value;
  entry->elements = value;
}

void Section::read(const std::string& key, std::vector<std::int64_t>& value, const Doc& doc) {
  const auto texts = [](const std::vector<std::int64_t>& numbers) {
    std::vector<std::string> words;
    for (const std::int64_t number : numbers) words.push_back(std::to_string(number));
    return words;
  };
  const std::string default_value = default_text(doc, "[" + joined(texts(value)) + "]");
  std::vector<const Value*> elements;
  if (node_->list_of(key, elements)) {
    value.clear();
    for (const Value* element : elements) value.push_back(node_->parse_number<std::int64_t>(*element, key, doc));
    if (doc.required && value.empty()) fail(key, "must not be empty: " + doc.meaning);
  }
  const auto [entry, again] = node_->note(key, Node::Entry::Kind::kList, "list of whole numbers", doc);
  if (again) return;
  entry->info.default_value = default_value;
  entry->elements = texts(value);
}

std::size_t Section::read_word(const std::string& key, std::size_t default_index, const std::vector<std::string>& words,
                               const Doc& doc) {
  std::size_t index = default_index;
  if (const Value* found = node_->scalar_of(key)) {
    for (index = 0; index < words.size() && words[index] != found->scalar; ++index) {
    }
    if (index == words.size()) {
      const std::string nearest = nearest_word(found->scalar, words);
      fail(key, "'" + found->scalar + "' is none of " + joined(words) +
                    (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
    }
  }
  const auto [entry, again] = node_->note(key, Node::Entry::Kind::kScalar, "word", doc);
  if (again) return index;
  entry->info.default_value = default_text(doc, words[default_index]);
  entry->info.choices = words;
  entry->scalar = words[index];
  return index;
}

Section Section::section(const std::string& key, const std::string& meaning) {
  const Value* found = node_->find(key);
  if (found != nullptr && found->kind != Kind::kMapping) {
    // "data:" with nothing under it is a section with all defaults.
    if (found->kind != Kind::kNull)
      fail(key, std::string("expected a section (key: value below it), this is ") + found->kind_name());
  }
  const auto [entry, again] = node_->note(key, Node::Entry::Kind::kSection, "section", {.meaning = meaning});
  if (!again) entry->nodes.push_back(node_->child(node_->path_of(key), found));
  return Section(entry->nodes.front());
}

Section Section::optional_section(const std::string& key, const std::string& meaning) {
  Section made = section(key, meaning);
  node_->note(key, Node::Entry::Kind::kSection, "section", {}).first->left_out = !has(key);
  return made;
}

Section Section::unkept_section(const std::string& key, const std::string& meaning) {
  Section made = section(key, meaning);
  node_->note(key, Node::Entry::Kind::kSection, "section", {}).first->left_out = true;
  return made;
}

std::vector<std::pair<std::string, Section>> Section::named_sections(const std::string& key, const std::string& word,
                                                                     const std::string& meaning) {
  const Value* found = node_->find(key);
  if (found != nullptr && found->kind != Kind::kMapping && found->kind != Kind::kNull)
    fail(key, std::string("expected a mapping (") + word + ": ...), this is " + found->kind_name());
  const auto [entry, again] =
      node_->note(key, Node::Entry::Kind::kNamedSections, "mapping of sections", {.meaning = meaning});
  if (!again) {
    entry->info.default_value = "{}";
    const auto add = [&, added = entry](const std::string& name, const Value* value) {
      added->names.push_back(name);
      added->nodes.push_back(node_->child(node_->path_of(key) + "." + name, value));
    };
    if (node_->describing) add("<" + word + ">", nullptr);
    for (std::size_t i = 0; found != nullptr && i < found->entries.size(); ++i) {
      const Value::Entry& named = found->entries[i];
      if (named.value.kind != Kind::kMapping) {
        node_->fail_at(named.value.place, key + "." + named.key,
                       std::string("expected a mapping (key: value), this is ") + named.value.kind_name());
      }
      add(named.key, &named.value);
    }
  }
  std::vector<std::pair<std::string, Section>> sections;
  for (std::size_t i = 0; i < entry->nodes.size(); ++i)
    sections.emplace_back(entry->names[i], Section(entry->nodes[i]));
  return sections;
}

std::vector<Section> Section::list(const std::string& key, const std::string& meaning) {
  const Value* found = node_->find(key);
  if (found != nullptr && found->kind != Kind::kList && found->kind != Kind::kNull) {
    fail(key, std::string("expected a list of mappings (lines that begin with '-'), this is ") + found->kind_name());
  }
  const auto [entry, again] =
      node_->note(key, Node::Entry::Kind::kSectionList, "list of sections", {.meaning = meaning});
  if (!again) {
    entry->info.default_value = "[]";
    if (node_->describing) entry->nodes.push_back(node_->child(node_->path_of(key) + "[]", nullptr));
    for (std::size_t i = 0; found != nullptr && i < found->elements.size(); ++i) {
      const Value& element = found->elements[i];
      const std::string path = node_->path_of(key) + "[" + std::to_string(i) + "]";
      if (element.kind != Kind::kMapping) {
        throw ConfigError(element.place.text() + ": " + path + ": expected a mapping (key: value), this is " +
                          element.kind_name());
      }
      entry->nodes.push_back(node_->child(path, &element));
    }
  }
  std::vector<Section> sections;
  for (const auto& node : entry->nodes) sections.push_back(Section(node));
  return sections;
}

std::vector<std::pair<std::string, std::string>> Section::words(const std::string& key, const std::string& meaning) {
  const Value* found = node_->find(key);
  if (found != nullptr && found->kind != Kind::kMapping && found->kind != Kind::kNull) {
    fail(key, std::string("expected a mapping (word: value), this is ") + found->kind_name());
  }
  const auto [entry, again] = node_->note(key, Node::Entry::Kind::kWords, "mapping of words", {.meaning = meaning});
  if (!again) {
    entry->info.default_value = "{}";
    for (std::size_t i = 0; found != nullptr && i < found->entries.size(); ++i) {
      const Value::Entry& word = found->entries[i];
      if (word.value.kind != Kind::kScalar) {
        node_->fail_at(word.value.place, key + "." + word.key,
                       std::string("expected a single value, this is ") + word.value.kind_name());
      }
      entry->words.emplace_back(word.key, word.value.scalar);
    }
  }
  return entry->words;
}

bool Section::has(const std::string& key) const { return node_->find(key) != nullptr; }

bool Section::has_word(const std::string& key, const std::string& word) const {
  const Value* found = node_->find(key);
  return found != nullptr && found->kind == Kind::kScalar && found->scalar == word;
}

std::string Section::path() const { return node_->path; }

std::string Section::place() const { return node_->value == nullptr ? node_->origin : node_->value->place.text(); }

void Section::fail(const std::string& key, const std::string& message) const { node_->fail(key, message); }

}  // namespace segue::config
