#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/ids.h"
#include "support/json.h"

namespace segue::features {

/// Ids <-> rows. Rows count from 0 in the order of insertion.
class Vocabulary {
 public:
  Vocabulary();
  ~Vocabulary();
  Vocabulary(Vocabulary&&) noexcept;
  Vocabulary& operator=(Vocabulary&&) noexcept;
  std::int32_t add(std::string_view id);                       ///< the row, new or known
  [[nodiscard]] std::int32_t find(std::string_view id) const;  ///< kNoItem when unknown
  [[nodiscard]] std::string_view id(std::int32_t row) const;
  [[nodiscard]] std::int32_t size() const;
  bool is_integer = false;  ///< ids go back out as integers
  /// One id a line, escaped as JSON strings; the text is what is stored and checksummed.
  [[nodiscard]] std::string to_text() const;
  static Vocabulary from_text(std::string_view text, const std::string& where);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::features
