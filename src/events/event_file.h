#pragma once

#include <cstddef>
#include <cstdint>

#include "events/event_table.h"

namespace segue::events {

inline constexpr std::size_t kBlockRows = 65'536;

/// One file of events that is being read.
class EventFile {
 public:
  virtual ~EventFile() = default;
  /// Appends rows to an empty table; false when there are none left.
  virtual bool next(EventTable& table) = 0;
  [[nodiscard]] virtual std::int64_t bytes_read() const = 0;  ///< of the file on disk
};

}  // namespace segue::events
