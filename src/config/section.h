#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace segue::config {

/// What configs/README.md says of a key, and the range that is checked.
struct Doc {
  std::string meaning;
  std::string unit = {};                                  ///< "events", "s", "share"; empty if none
  double low = -std::numeric_limits<double>::infinity();  ///< inclusive
  double high = std::numeric_limits<double>::infinity();  ///< inclusive
  bool required = false;                                  ///< no default: absence is an error, told by Document::finish
};

/// One key as listed by describe(): path "training.learning_rate", type "number", default, range, choices.
struct KeyInfo {
  std::string path, type, default_value, unit, range, meaning;
  std::vector<std::string> choices;
};

class Document;

/// A mapping of the configuration that a module reads its own options from. Every `read` keeps the value as it is (the
/// default) when the key is absent, and marks the key as known. All errors are ConfigError with "file:line:column:
/// key".
class Section {
 public:
  void read(const std::string& key, bool& value, const Doc& doc);
  void read(const std::string& key, std::int64_t& value, const Doc& doc);
  void read(const std::string& key, int& value, const Doc& doc);
  void read(const std::string& key, std::uint64_t& value, const Doc& doc);
  void read(const std::string& key, double& value, const Doc& doc);
  void read(const std::string& key, std::string& value, const Doc& doc);
  void read(const std::string& key, std::vector<std::string>& value,
            const Doc& doc);  ///< a single scalar is a list of one
  void read(const std::string& key, std::vector<std::int64_t>& value, const Doc& doc);

  /// One of a closed set of words.
  template <class E>
  void read_choice(const std::string& key, E& value, const std::vector<std::pair<std::string, E>>& choices,
                   const Doc& doc) {
    std::vector<std::string> words;
    std::size_t index = 0;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      words.push_back(choices[i].first);
      if (choices[i].second == value) index = i;
    }
    value = choices[read_word(key, index, words, doc)].second;
  }

  /// A nested mapping; empty (all defaults) when absent.
  Section section(const std::string& key, const std::string& meaning);
  /// The same for one whose presence means something: where it is absent, Document::resolved() leaves it out.
  Section optional_section(const std::string& key, const std::string& meaning);
  /// The same for one that is of no concern to what a run keeps: Document::resolved() leaves it out always.
  Section unkept_section(const std::string& key, const std::string& meaning);
  /// A mapping from the user's own words to mappings, in the order of the file; when describing, one with all defaults,
  /// shown as "key.<word>.".
  std::vector<std::pair<std::string, Section>> named_sections(const std::string& key, const std::string& word,
                                                              const std::string& meaning);
  /// A list of mappings; when describing, one element with all defaults, shown as "key[].".
  std::vector<Section> list(const std::string& key, const std::string& meaning);
  /// A mapping whose keys are the user's own words (column name -> something).
  std::vector<std::pair<std::string, std::string>> words(const std::string& key, const std::string& meaning);

  [[nodiscard]] bool has(const std::string& key) const;
  /// Whether the key has this word for its value, for a message of its own before read_choice() refuses it.
  [[nodiscard]] bool has_word(const std::string& key, const std::string& word) const;
  [[nodiscard]] std::string path() const;   ///< "data.columns"
  [[nodiscard]] std::string place() const;  ///< where it begins, "gru.yaml:3:7", or the file where it is not there
  /// ConfigError "file:line:column: path.key: message", placed at the key's value if it is there.
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;

 private:
  friend class Document;
  struct Node;
  explicit Section(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  std::size_t read_word(const std::string& key, std::size_t default_index, const std::vector<std::string>& words,
                        const Doc& doc);
  std::shared_ptr<Node> node_;
};

/// A configuration file with the overrides of the command line applied.
class Document {
 public:
  /// @param overrides  "training.learning_rate=3e-4": any key by its dotted path; the value is YAML; list elements by
  /// number
  /// @throws ConfigError  no such file, not YAML, a bad override
  static Document load(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});
  static Document parse(const std::string& yaml, const std::string& name,
                        const std::vector<std::string>& overrides = {});
  /// Nothing in it; reading from it lists the keys: see keys().
  static Document describe();

  Section root();
  /// Call after everything was read: ConfigError for the first key that nobody read, naming the nearest known one
  /// ("unknown key 'training.learning_rat'; did you mean 'learning_rate'?"); then for the first required key that is
  /// not there.
  void finish() const;
  /// The whole configuration as YAML, defaults filled in, in the order read; reading it again gives the same options.
  [[nodiscard]] std::string resolved() const;
  /// All keys read so far, in order (for configs/README.md).
  [[nodiscard]] std::vector<KeyInfo> keys() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The word of `candidates` nearest to `word` by edit distance, or empty when none is near.
std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace segue::config
