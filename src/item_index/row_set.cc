#include "item_index/row_set.h"

#include <bit>

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

std::int64_t count_rows(const std::uint32_t* words, std::int64_t n) {
  std::int64_t n_held = 0;
  for (std::int64_t word = 0; word < n / 32; ++word) n_held += std::popcount(words[word]);
  const auto n_last = static_cast<std::uint32_t>(n % 32);
  if (n_last != 0) n_held += std::popcount(words[n / 32] & ((1U << n_last) - 1U));
  return n_held;
}

}  // namespace segue::item_index
