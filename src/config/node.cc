#include "config/node.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "support/errors.h"

namespace segue::config {
namespace {

std::string range_text(const Doc& doc) {
  const bool low = std::isfinite(doc.low), high = std::isfinite(doc.high);
  if (low && high) return number_text(doc.low) + " to " + number_text(doc.high);
  if (low) return "at least " + number_text(doc.low);
  if (high) return "at most " + number_text(doc.high);
  return {};
}

}  // namespace

const Value* Section::Node::find(const std::string& key) const { return value == nullptr ? nullptr : value->find(key); }

void Section::Node::fail_at(const Place& place, const std::string& key, const std::string& message) const {
  throw ConfigError(place.text() + ": " + path_of(key) + ": " + message);
}

void Section::Node::fail(const std::string& key, const std::string& message) const {
  const Value* at = find(key);
  fail_at(at != nullptr ? at->place : value != nullptr ? value->place : Place{origin, 0, 0}, key, message);
}

std::shared_ptr<Section::Node> Section::Node::child(std::string child_path, const Value* child_value) const {
  auto node = std::make_shared<Node>();
  node->origin = origin;
  node->path = std::move(child_path);
  node->describing = describing;
  if (child_value != nullptr) node->value = std::shared_ptr<const Value>(value, child_value);
  return node;
}

std::pair<Section::Node::Entry*, bool> Section::Node::note(const std::string& key, Entry::Kind kind,
                                                           const std::string& type, const Doc& doc) {
  for (Entry& entry : entries) {
    if (entry.key == key) return {&entry, true};
  }
  Entry entry;
  entry.kind = kind;
  entry.key = key;
  entry.missing = doc.required && !describing && find(key) == nullptr;
  entry.info = {path_of(key), type, {}, doc.unit, range_text(doc), doc.meaning, {}};
  entries.push_back(std::move(entry));
  return {&entries.back(), false};
}

const Value* Section::Node::scalar_of(const std::string& key) const {
  const Value* found = find(key);
  if (found == nullptr) return nullptr;
  if (found->kind == Value::Kind::kNull)
    fail(key, "no value is given; leave the key out for the default, or write \"\" for an empty one");
  if (found->kind != Value::Kind::kScalar)
    fail(key, std::string("expected a single value, this is ") + found->kind_name());
  return found;
}

bool Section::Node::list_of(const std::string& key, std::vector<const Value*>& elements) const {
  const Value* found = find(key);
  if (found == nullptr) return false;
  if (found->kind == Value::Kind::kMapping) fail(key, "expected a list, this is a mapping");
  if (found->kind == Value::Kind::kScalar && !found->scalar.empty()) elements.push_back(found);
  for (const Value& element : found->elements) {
    if (element.kind != Value::Kind::kScalar) {
      fail_at(element.place, key, std::string("expected single values in the list, this is ") + element.kind_name());
    }
    elements.push_back(&element);
  }
  return true;
}

void Section::Node::check_range(const Value& at, const std::string& key, double number, const Doc& doc) const {
  if (number >= doc.low && number <= doc.high) return;
  fail_at(at.place, key, at.scalar + " is out of range: " + range_text(doc) + (doc.unit.empty() ? "" : " " + doc.unit));
}

void Section::Node::check_known(const Node& root) const {
  if (value == nullptr) return;
  for (const Value::Entry& written : value->entries) {
    const auto entry =
        std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == written.key; });
    if (entry != entries.end()) {
      for (const auto& node : entry->nodes) node->check_known(root);
      continue;
    }
    std::vector<std::string> known;
    for (const Entry& e : entries) known.push_back(e.key);
    std::string advice;
    std::vector<std::string> elsewhere;
    root.find_paths(written.key, elsewhere);
    if (const std::string nearest = nearest_word(written.key, known); !nearest.empty()) {
      advice = "; did you mean '" + nearest + "'?";
    } else if (!elsewhere.empty()) {
      advice = "; did you mean '" + elsewhere.front() + "'?";
    } else {
      advice = "; known here:";
      for (std::size_t i = 0; i < known.size(); ++i) advice += (i == 0 ? " " : ", ") + known[i];
    }
    throw ConfigError(written.place.text() + ": unknown key '" + path_of(written.key) + "'" + advice);
  }
}

void Section::Node::check_present() const {
  for (const Entry& entry : entries) {
    if (entry.missing) fail(entry.key, "missing: " + entry.info.meaning);
    for (const auto& node : entry.nodes) node->check_present();
  }
}

void Section::Node::find_paths(const std::string& key, std::vector<std::string>& paths) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) paths.push_back(entry.info.path);
    for (const auto& node : entry.nodes) node->find_paths(key, paths);
  }
}

void Section::Node::emit(YAML::Emitter& out) const {
  out << YAML::BeginMap;
  for (const Entry& entry : entries) {
    if (entry.left_out) continue;
    out << YAML::Key << entry.key << YAML::Value;
    switch (entry.kind) {
      case Entry::Kind::kScalar: out << entry.scalar; break;
      case Entry::Kind::kList: out << YAML::Flow << entry.elements; break;
      case Entry::Kind::kSection: entry.nodes.front()->emit(out); break;
      case Entry::Kind::kSectionList:
        if (entry.nodes.empty()) out << YAML::Flow;
        out << YAML::BeginSeq;
        for (const auto& node : entry.nodes) node->emit(out);
        out << YAML::EndSeq;
        break;
      case Entry::Kind::kNamedSections:
        if (entry.nodes.empty()) out << YAML::Flow;
        out << YAML::BeginMap;
        for (std::size_t i = 0; i < entry.names.size(); ++i) {
          out << YAML::Key << entry.names[i] << YAML::Value;
          entry.nodes[i]->emit(out);
        }
        out << YAML::EndMap;
        break;
      case Entry::Kind::kWords:
        if (entry.words.empty()) out << YAML::Flow;
        out << YAML::BeginMap;
        for (const auto& [word, meaning] : entry.words) out << YAML::Key << word << YAML::Value << meaning;
        out << YAML::EndMap;
        break;
    }
  }
  out << YAML::EndMap;
}

void Section::Node::list_keys(std::vector<KeyInfo>& keys) const {
  for (const Entry& entry : entries) {
    keys.push_back(entry.info);
    for (const auto& node : entry.nodes) node->list_keys(keys);
  }
}

}  // namespace segue::config
