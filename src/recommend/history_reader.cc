#include "recommend/history_reader.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "support/errors.h"

namespace segue::recommend {
namespace {

/// Columns that the transforms read and those carried along, each once.
std::vector<events::ColumnRequest> requests_for(const std::vector<InputForm>& forms,
                                                const std::vector<std::string>& carry) {
  std::vector<events::ColumnRequest> requests;
  const auto ask = [&](const events::ColumnRequest& wanted) {
    const bool there = std::any_of(requests.begin(), requests.end(), [&](const auto& request) {
      return request.name == wanted.name && request.type == wanted.type;
    });
    if (!there) requests.push_back(wanted);
  };
  for (const auto& form : forms)
    for (const auto& request : form.pipeline.columns()) ask(request);
  for (const auto& name : carry) ask({name, events::ColumnType::kText});
  return requests;
}

std::vector<std::size_t> places_of(const std::vector<events::ColumnRequest>& requests,
                                   const std::vector<std::string>& carry) {
  std::vector<std::size_t> places;
  for (const auto& name : carry)
    for (std::size_t i = 0; i < requests.size(); ++i)
      if (requests[i].name == name && requests[i].type == events::ColumnType::kText) {
        places.push_back(i);
        break;
      }
  return places;
}

/// An empty table with the columns of `like`.
events::EventTable empty_like(const events::EventTable& like) {
  events::EventTable table;
  for (const auto& column : like.columns) table.columns.push_back({column.name, column.type, {}, {}, {}});
  table.file = like.file;
  return table;
}

void append_row(events::EventTable& to, const events::EventTable& from, std::size_t row, bool without_item = false) {
  ++to.n_rows;
  to.sequence.push_back(from.sequence[row]);
  to.item.push_back(without_item ? std::string_view() : from.item[row]);
  if (!from.times_ms.empty()) to.times_ms.push_back(from.times_ms[row]);
  if (!from.rows.empty()) to.rows.push_back(from.rows[row]);
  for (std::size_t i = 0; i < from.columns.size(); ++i) {
    const auto& column = from.columns[i];
    switch (column.type) {
      case events::ColumnType::kText: to.columns[i].text.push_back(column.text[row]); break;
      case events::ColumnType::kNumber:
      case events::ColumnType::kAmount: to.columns[i].numbers.push_back(column.numbers[row]); break;
      case events::ColumnType::kTime: to.columns[i].times_ms.push_back(column.times_ms[row]); break;
    }
  }
}

/// @param starts  != 0 at the first row of each history
ModelInput input_of(const events::EventTable& table, std::span<const std::uint8_t> starts, const InputForm& form) {
  ModelInput input;
  input.features = form.pipeline.apply(table, starts);
  input.items.reserve(table.n_rows);
  for (std::size_t row = 0; row < table.n_rows; ++row) {
    const auto id = table.item[row];
    const auto item = id.empty() ? kNoItem : form.items.find(id);
    if (item == kNoItem && !id.empty()) ++input.n_unknown;
    input.items.push_back(item == kNoItem ? form.items.size() : item);
  }
  return input;
}

}  // namespace

HistoryReader::HistoryReader(std::vector<std::filesystem::path> files, const events::SourceOptions& source,
                             std::vector<InputForm> forms, const std::vector<std::string>& carry)
    : requests_(requests_for(forms, carry)),
      carried_(places_of(requests_, carry)),
      reader_(std::move(files), source, requests_, events::RowKind::kHistory),
      forms_(std::move(forms)) {
  if (!source.time_column.empty()) return;
  for (const auto& form : forms_) {
    if (const auto column = form.pipeline.time_column_read(); !column.empty())
      throw ConfigError(
          "data.columns.time: none is named, but a feature of the model is read from the time of events (" + column +
          " in training): data.columns.time=" + column);
  }
}

/// Reads one more block behind the rows that are pending; false at the end of the files.
bool HistoryReader::refill() {
  if (at_end_) return false;
  events::EventTable block;
  if (!reader_.next(block)) {
    at_end_ = true;
    return false;
  }
  if (position_ >= pending_.n_rows) {
    pending_ = std::move(block);
  } else {
    auto rest = empty_like(pending_);
    for (auto row = position_; row < pending_.n_rows; ++row) append_row(rest, pending_, row);
    for (std::size_t row = 0; row < block.n_rows; ++row) append_row(rest, block, row);
    pending_ = std::move(rest);
  }
  position_ = 0;
  return true;
}

/// Adds the rows [begin, end) of one history, by time, the request row last.
void HistoryReader::take_history(std::size_t begin, std::size_t end, HistoryChunk& chunk) {
  std::vector<std::size_t> order(end - begin);
  std::iota(order.begin(), order.end(), begin);
  const auto is_request = [&](std::size_t row) { return pending_.item[row].empty(); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (is_request(a) != is_request(b)) return is_request(b);
    return !pending_.times_ms.empty() && pending_.times_ms[a] < pending_.times_ms[b];
  });
  HistoryChunk::History history;
  history.begin = chunk.table.n_rows;
  history.has_request = is_request(order.back());
  while (order.size() > 1 && is_request(order[order.size() - 2])) order.pop_back();  // one request a history
  history.was_empty = order.size() == 1 && history.has_request;
  if (history.was_empty) append_row(chunk.table, pending_, order[0], true);  // stands in as one unknown item
  for (const auto row : order) append_row(chunk.table, pending_, row);
  if (!chunk.table.times_ms.empty()) history.request_ms = chunk.table.times_ms.back();
  history.n_events = chunk.table.n_rows - history.begin - (history.has_request ? 1 : 0);
  chunk.histories.push_back(history);
}

bool HistoryReader::next(HistoryChunk& chunk, std::int64_t max_histories) {
  chunk = {};
  if (position_ >= pending_.n_rows && !refill()) return false;
  chunk.table = empty_like(pending_);
  while (static_cast<std::int64_t>(chunk.histories.size()) < max_histories) {
    if (position_ >= pending_.n_rows && !refill()) break;
    auto end = position_ + 1;
    while (true) {
      while (end < pending_.n_rows && pending_.sequence[end] == pending_.sequence[position_]) ++end;
      if (end < pending_.n_rows) break;
      const auto length = end - position_;
      if (!refill()) break;  // the history may go on in the next block
      end = position_ + length;
    }
    take_history(position_, end, chunk);
    position_ = end;
  }
  std::vector<std::uint8_t> starts(chunk.table.n_rows, 0);
  for (const auto& history : chunk.histories) starts[history.begin] = 1;
  for (const auto& form : forms_) chunk.inputs.push_back(input_of(chunk.table, starts, form));
  return true;
}

}  // namespace segue::recommend
