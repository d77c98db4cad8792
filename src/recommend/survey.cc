#include "recommend/survey.h"

#include <deque>
#include <functional>
#include <string>
#include <unordered_set>

#include "support/errors.h"
#include "support/interrupt.h"
#include "support/progress.h"

namespace segue::recommend {
namespace {

constexpr std::size_t kRemembered = 65536;

/// The latest sequences, by hash.
class RecentSequences {
 public:
  /// False when it is one of them already.
  bool add(std::string_view sequence) {
    const auto hash = std::hash<std::string_view>{}(sequence);
    if (!known_.insert(hash).second) return false;
    order_.push_back(hash);
    if (order_.size() > kRemembered) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  std::deque<std::size_t> order_;
  std::unordered_set<std::size_t> known_;
};

}  // namespace

Survey survey_histories(const std::vector<std::filesystem::path>& files, const events::SourceOptions& source,
                        const std::vector<events::ColumnRequest>& columns) {
  Survey survey;
  events::EventReader reader(files, source, columns, events::RowKind::kHistory);
  RecentSequences recent;
  std::string current;
  Progress progress("counting histories", 0, "rows");
  for (events::EventTable table; reader.next(table);) {
    if (const int signal = interrupt_signal(); signal != 0) {
      throw Interrupted(signal, "interrupted; nothing was written yet: run the command again");
    }
    for (std::size_t row = 0; row < table.n_rows; ++row) {
      const auto sequence = table.sequence[row];
      if (survey.n_histories > 0 && sequence == current) continue;
      current = sequence;
      ++survey.n_histories;
      if (recent.add(sequence)) continue;
      throw DataError(files[static_cast<std::size_t>(table.file)].string() + ": row " +
                      std::to_string(table.rows[row]) + ": history '" + current +
                      "' was there before, with other histories in between; the rows of one history must stand "
                      "together: sort the file by that column");
    }
    survey.n_rows += static_cast<std::int64_t>(table.n_rows);
    progress.advance(static_cast<std::int64_t>(table.n_rows));
  }
  progress.finish();
  if (survey.n_histories == 0) {
    throw DataError(files.front().string() + ": no history in it; it needs at least one row under its header");
  }
  survey.sequence_is_integer = reader.sequence_is_integer();
  survey.skipped = reader.skipped();
  return survey;
}

}  // namespace segue::recommend
