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

ItemFilter::ItemFilter(const features::Vocabulary& items, const std::string& allow_list, const std::string& deny_list,
                       std::span<const std::int64_t> from_ms, std::span<const std::int64_t> until_ms)
    : from_ms_(from_ms), until_ms_(until_ms), n_items_(items.size()) {
  changes_.assign(from_ms.begin(), from_ms.end());
  changes_.insert(changes_.end(), until_ms.begin(), until_ms.end());
  std::sort(changes_.begin(), changes_.end());
  changes_.erase(std::unique(changes_.begin(), changes_.end()), changes_.end());
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
    if (is_listed(row)) return;
  }
  throw DataError((allow_list.empty() ? deny_list : allow_list) +
                  ": no item is left to recommend; the list needs ids that the model knows, one a line as in items.txt "
                  "of the bundle, without quotes");
}

std::size_t ItemFilter::period_of(std::int64_t time_ms) const {
  return static_cast<std::size_t>(std::upper_bound(changes_.begin(), changes_.end(), time_ms) - changes_.begin());
}

const std::uint32_t* ItemFilter::words(std::int64_t time_ms, std::vector<std::uint32_t>& made) const {
  if (!has_intervals()) return words_.empty() ? nullptr : words_.data();
  made.assign((static_cast<std::size_t>(n_items_) + 31) / 32, 0);
  for (std::int32_t row = 0; row < n_items_; ++row)
    if (allows(row, time_ms)) made[static_cast<std::size_t>(row) / 32] |= 1U << (row % 32);
  return made.data();
}

}  // namespace segue::recommend
