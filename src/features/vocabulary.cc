#include "features/vocabulary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>

#include "events/text_values.h"
#include "support/errors.h"

namespace segue::features {

/// Ids one after another in one string, found through open addressing with linear probing. A slot keeps the upper half
/// of the hash beside the row, so that a probe seldom touches the bytes of another id.
struct Vocabulary::State {
  struct Slot {
    std::uint32_t tag = 0;
    std::int32_t row = kNoItem;
  };
  std::string bytes;
  std::vector<std::size_t> ends;
  std::vector<Slot> slots = std::vector<Slot>(64);

  [[nodiscard]] std::string_view id(std::size_t row) const {
    const auto begin = row == 0 ? 0 : ends[row - 1];
    return std::string_view(bytes).substr(begin, ends[row] - begin);
  }

  /// The slot that holds the id, or the free one where it belongs.
  [[nodiscard]] std::size_t find(std::string_view wanted, std::uint64_t hash) const {
    const auto mask = slots.size() - 1;
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (auto at = static_cast<std::size_t>(hash) & mask;; at = (at + 1) & mask) {
      const auto& slot = slots[at];
      if (slot.row == kNoItem || (slot.tag == tag && id(static_cast<std::size_t>(slot.row)) == wanted)) return at;
    }
  }

  void grow() {
    std::vector<Slot> old(slots.size() * 2);
    old.swap(slots);
    const auto mask = slots.size() - 1;
    for (const auto& slot : old) {
      if (slot.row == kNoItem) continue;
      const auto text = id(static_cast<std::size_t>(slot.row));
      auto at = static_cast<std::size_t>(XXH3_64bits(text.data(), text.size())) & mask;
      while (slots[at].row != kNoItem) at = (at + 1) & mask;
      slots[at] = slot;
    }
  }
};

Vocabulary::Vocabulary() : state_(std::make_unique<State>()) {}
Vocabulary::~Vocabulary() = default;
Vocabulary::Vocabulary(Vocabulary&&) noexcept = default;
Vocabulary& Vocabulary::operator=(Vocabulary&&) noexcept = default;

std::int32_t Vocabulary::add(std::string_view id) {
  auto& s = *state_;
  const auto hash = XXH3_64bits(id.data(), id.size());
  const auto at = s.find(id, hash);
  if (s.slots[at].row != kNoItem) return s.slots[at].row;
  if (s.ends.size() >= static_cast<std::size_t>(INT32_MAX) - 1) {
    throw DataError("more than 2,147,483,646 different values in one column; is it the right column?");
  }
  const auto row = static_cast<std::int32_t>(s.ends.size());
  s.bytes.append(id);
  s.ends.push_back(s.bytes.size());
  s.slots[at] = {static_cast<std::uint32_t>(hash >> 32), row};
  if (s.ends.size() * 2 > s.slots.size()) s.grow();
  return row;
}

std::int32_t Vocabulary::find(std::string_view id) const {
  return state_->slots[state_->find(id, XXH3_64bits(id.data(), id.size()))].row;
}

std::string_view Vocabulary::id(std::int32_t row) const { return state_->id(static_cast<std::size_t>(row)); }

std::int32_t Vocabulary::size() const { return static_cast<std::int32_t>(state_->ends.size()); }

std::string Vocabulary::to_text() const {
  std::string text;
  for (std::int32_t row = 0; row < size(); ++row) {
    text += is_integer ? std::string(id(row)) : nlohmann::json(id(row)).dump();
    text += '\n';
  }
  return text;
}

Vocabulary Vocabulary::from_text(std::string_view text, const std::string& where) {
  Vocabulary vocabulary;
  std::int32_t line_number = 0;
  while (!text.empty()) {
    const auto stop = text.find('\n');
    ++line_number;
    const auto fail = [&](const std::string& cause) {
      throw DataError(where + ", line " + std::to_string(line_number) + ": " + cause + "; the file is damaged");
    };
    if (stop == std::string_view::npos) fail("the line does not end");
    const auto line = text.substr(0, stop);
    text.remove_prefix(stop + 1);
    const bool integer = events::is_canonical_integer(line);
    if (line_number > 1 && integer != vocabulary.is_integer) fail("strings and integers are mixed");
    vocabulary.is_integer = integer;
    std::int32_t row = kNoItem;
    if (integer) {
      row = vocabulary.add(line);
    } else {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      if (!json.is_string()) fail("neither an integer nor a quoted string");
      row = vocabulary.add(json.get_ref<const std::string&>());
    }
    if (row != line_number - 1) fail("an id that stood there before");
  }
  return vocabulary;
}

}  // namespace segue::features
