#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "events/event_reader.h"

namespace segue::recommend {

/// What a first pass over the histories finds, before anything is written.
struct Survey {
  std::int64_t n_histories = 0, n_rows = 0;
  bool sequence_is_integer = false;
  events::SkippedRows skipped;
};

/// Reads all files once.
/// @throws DataError  a bad row; no history at all; a history that comes back (within 65,536 others: memory is bounded)
Survey survey_histories(const std::vector<std::filesystem::path>& files, const events::SourceOptions& source,
                        const std::vector<events::ColumnRequest>& columns);

}  // namespace segue::recommend
