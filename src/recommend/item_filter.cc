#include "recommend/item_filter.h"

#include <algorithm>
#include <string_view>

#include "support/errors.h"
#include "support/ids.h"
#include "support/storage.h"

namespace segue::recommend {
namespace {

std::vector<std::int32_t> rows_of(const features::Vocabulary& items, const std::string& path, std::int64_t& n_unknown) {
  const std::string text = storage::read_file(path);
  std::vector<std::int32_t> rows;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    std::string_view id = std::string_view(text).substr(begin, end - begin);
    if (!id.empty() && id.back() == '\r') id.remove_suffix(1);
    begin = end + 1;
    if (id.empty()) continue;
    const auto row = items.find(id);
    if (row == kNoItem) {
      ++n_unknown;
    } else {
      rows.push_back(row);
    }
  }
  return rows;
}

}  // namespace

ItemFilter::ItemFilter(const features::Vocabulary& items, const std::string& allow_list, const std::string& deny_list) {
  if (allow_list.empty() && deny_list.empty()) return;
  const auto bit = [](std::int32_t row) { return 1U << (row % 32); };
  const auto word = [&](std::int32_t row) -> std::uint32_t& { return words_[static_cast<std::size_t>(row) / 32]; };
  words_.assign((static_cast<std::size_t>(items.size()) + 31) / 32, allow_list.empty() ? ~0U : 0U);
  if (!allow_list.empty()) {
    for (const auto row : rows_of(items, allow_list, n_unknown_)) word(row) |= bit(row);
  }
  if (!deny_list.empty()) {
    for (const auto row : rows_of(items, deny_list, n_unknown_)) word(row) &= ~bit(row);
  }
  for (std::int32_t row = 0; row < items.size(); ++row) {
    if (allows(row)) return;
  }
  throw DataError((allow_list.empty() ? deny_list : allow_list) +
                  ": no item is left to recommend; the list needs ids that the model knows, one a line as in items.txt "
                  "of the bundle, without quotes");
}

}  // namespace segue::recommend
