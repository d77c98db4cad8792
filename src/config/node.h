#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/section.h"
#include "config/value.h"

namespace YAML {
class Emitter;
}

namespace segue::config {

/// One mapping of the configuration: what the file says, and what was read of it so far.
struct Section::Node {
  /// A key that somebody read, with the value it has, defaults filled in.
  struct Entry {
    enum class Kind { kScalar, kList, kSection, kSectionList, kNamedSections, kWords };
    Kind kind = Kind::kScalar;
    std::string key;
    KeyInfo info;
    bool missing = false;   ///< required, and not there
    bool left_out = false;  ///< of the resolved configuration
    std::string scalar;
    std::vector<std::string> elements;
    std::vector<std::pair<std::string, std::string>> words;
    std::vector<std::shared_ptr<Node>>
        nodes;                       ///< kSection: one; kSectionList: one an element; kNamedSections: one a name
    std::vector<std::string> names;  ///< of kNamedSections
  };

  std::string origin;                  ///< file name, for messages about what is absent
  std::string path;                    ///< "data.columns"; empty at the root
  bool describing = false;             ///< nothing is there, and nothing is missed
  std::shared_ptr<const Value> value;  ///< nullptr: absent
  std::vector<Entry> entries;          ///< in the order read

  [[nodiscard]] std::string path_of(const std::string& key) const { return path.empty() ? key : path + "." + key; }
  [[nodiscard]] const Value* find(const std::string& key) const;
  [[noreturn]] void fail_at(const Place& place, const std::string& key, const std::string& message) const;
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;
  [[nodiscard]] std::shared_ptr<Node> child(std::string child_path, const Value* child_value) const;

  /// The entry of `key`, and whether it was read before (a second reader gets the same value and adds nothing).
  std::pair<Entry*, bool> note(const std::string& key, Entry::Kind kind, const std::string& type, const Doc& doc);
  /// The scalar of `key`, or nullptr when the default stays.
  const Value* scalar_of(const std::string& key) const;
  /// The scalars of `key` (a single one counts as a list), or nothing when the default stays.
  bool list_of(const std::string& key, std::vector<const Value*>& elements) const;
  void check_range(const Value& at, const std::string& key, double number, const Doc& doc) const;

  template <class T>
  void read_number(const std::string& key, T& number, const char* type, const Doc& doc);
  template <class T>
  T parse_number(const Value& at, const std::string& key, const Doc& doc) const;

  /// ConfigError for the first key of the file that is not among the entries.
  void check_known(const Node& root) const;
  /// ConfigError for the first required key that is not there. Asked last: a misspelt key is better called unknown than
  /// missing.
  void check_present() const;
  void find_paths(const std::string& key, std::vector<std::string>& paths) const;
  void emit(YAML::Emitter& out) const;
  void list_keys(std::vector<KeyInfo>& keys) const;
};

}  // namespace segue::config
