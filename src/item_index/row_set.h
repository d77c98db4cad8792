#pragma once

#include <cstdint>
#include <vector>

namespace segue::item_index {

/// A set of the rows [0, n), in the form of kernels::ItemMatrix::allowed.
class RowSet {
 public:
  RowSet() = default;
  /// All rows.
  explicit RowSet(std::int64_t n);
  /// The rows [first, first + n) of a larger set, numbered from 0.
  RowSet(const std::uint32_t* words, std::int64_t first, std::int64_t n);

  void erase(std::int64_t row) { words_[static_cast<std::size_t>(row >> 5)] &= ~(1U << (row & 31)); }
  [[nodiscard]] bool contains(std::int64_t row) const {
    return ((words_[static_cast<std::size_t>(row >> 5)] >> (row & 31)) & 1U) != 0;
  }
  void intersect(const RowSet& other);                         ///< of as many rows
  [[nodiscard]] bool empty() const { return words_.empty(); }  ///< made of no rows
  [[nodiscard]] const std::uint32_t* words() const { return words_.data(); }

 private:
  std::vector<std::uint32_t> words_;
};

/// How many of the rows [0, n) a set of that form holds.
std::int64_t count_rows(const std::uint32_t* words, std::int64_t n);

}  // namespace segue::item_index
