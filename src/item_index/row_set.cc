#include "item_index/row_set.h"

namespace segue::item_index {
namespace {

std::size_t n_words(std::int64_t n) { return static_cast<std::size_t>((n + 31) / 32); }

}  // namespace

RowSet::RowSet(std::int64_t n) : words_(n_words(n), ~0U) {}

RowSet::RowSet(const std::uint32_t* words, std::int64_t first, std::int64_t n) : words_(n_words(n)) {
  const std::int64_t shift = first & 31;
  const std::int64_t last_word = n == 0 ? 0 : (first + n - 1) >> 5;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::int64_t from = (first >> 5) + static_cast<std::int64_t>(i);
    words_[i] = words[from] >> shift;
    // The caller's set ends with the word of its last row.
    if (shift != 0 && from < last_word) words_[i] |= words[from + 1] << (32 - shift);
  }
}

void RowSet::intersect(const RowSet& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
}

}  // namespace segue::item_index
