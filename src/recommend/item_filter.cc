#include "recommend/item_filter.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "recommend/item_categories.h"
#include "support/errors.h"
#include "support/ids.h"
#include "support/storage.h"

namespace segue::recommend {
namespace {

/// Of every item whether a file lists it.
std::vector<bool> listed_items(const features::Vocabulary& items, const std::string& path, std::int64_t& n_unknown) {
  const std::string text = storage::read_file(path);
  std::vector<bool> listed(static_cast<std::size_t>(items.size()));
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
      listed[static_cast<std::size_t>(row)] = true;
    }
  }
  return listed;
}

}  // namespace

void ItemFilter::keep_if(std::int32_t n_items, const std::function<bool(std::int32_t)>& keep) {
  for (std::int32_t row = 0; row < n_items; ++row)
    if (!keep(row)) words_[static_cast<std::size_t>(row) / 32] &= ~(1U << (row % 32));
}

void ItemFilter::apply(const model_file::Bundle& bundle, const ItemCondition& condition) {
  const ItemCategories categories(bundle, condition.feature);
  std::set<std::int32_t> wanted;
  for (const auto& value : condition.values) {
    const auto code = categories.code_of(value);
    if (code == 0)
      unknown_values_.push_back(condition.feature + " '" + value + "'");
    else
      wanted.insert(code);
  }
  keep_if(bundle.items.size(), [&](std::int32_t row) {
    const auto codes = categories.codes_of(row);
    const bool has = std::any_of(codes.begin(), codes.end(), [&](auto code) { return wanted.contains(code); });
    return has != condition.exclude;
  });
}

ItemFilter::ItemFilter(const model_file::Bundle& bundle, const std::string& allow_list, const std::string& deny_list,
                       const std::vector<ItemCondition>& where)
    : from_ms_(bundle.available_from_ms), until_ms_(bundle.available_until_ms), n_items_(bundle.items.size()) {
  changes_.assign(from_ms_.begin(), from_ms_.end());
  changes_.insert(changes_.end(), until_ms_.begin(), until_ms_.end());
  std::sort(changes_.begin(), changes_.end());
  changes_.erase(std::unique(changes_.begin(), changes_.end()), changes_.end());
  if (allow_list.empty() && deny_list.empty() && where.empty()) return;
  const auto& items = bundle.items;
  words_.assign((static_cast<std::size_t>(items.size()) + 31) / 32, ~0U);
  if (!allow_list.empty()) {
    const auto listed = listed_items(items, allow_list, n_unknown_);
    keep_if(items.size(), [&](std::int32_t row) { return listed[static_cast<std::size_t>(row)]; });
  }
  if (!deny_list.empty()) {
    const auto listed = listed_items(items, deny_list, n_unknown_);
    keep_if(items.size(), [&](std::int32_t row) { return !listed[static_cast<std::size_t>(row)]; });
  }
  for (const auto& condition : where) apply(bundle, condition);
  for (std::int32_t row = 0; row < items.size(); ++row) {
    if (is_listed(row)) return;
  }
  std::string names, unknown;
  for (const auto& name : {allow_list, deny_list, std::string(where.empty() ? "" : "recommend.where")})
    if (!name.empty()) names += (names.empty() ? "" : ", ") + name;
  for (const auto& value : unknown_values_) unknown += (unknown.empty() ? "; no item has the " : ", ") + value;
  throw DataError(names + ": no item is left to recommend" + unknown +
                  (allow_list.empty() && deny_list.empty()
                       ? ""
                       : "; a list needs ids that the model knows, one a line as in items.txt of the bundle, without "
                         "quotes"));
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
