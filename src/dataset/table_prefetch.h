#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "events/event_reader.h"
#include "events/event_table.h"

namespace segue::dataset {

/// Reads blocks ahead on a thread of its own, in order. The reader belongs to that thread until next() has returned
/// false.
class TablePrefetch {
 public:
  explicit TablePrefetch(events::EventReader& reader);
  ~TablePrefetch();
  TablePrefetch(const TablePrefetch&) = delete;
  TablePrefetch& operator=(const TablePrefetch&) = delete;
  /// Swaps the next block into `table`; false at the end. What the reader throws is thrown here.
  bool next(events::EventTable& table);
  [[nodiscard]] std::int64_t bytes_read() const;  ///< by the block returned last

 private:
  struct Block {
    events::EventTable table;
    std::int64_t bytes_read = 0;
  };
  static constexpr std::size_t kAhead = 3;
  events::EventReader& reader_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Block> ready_;
  std::deque<events::EventTable> used_;  // their memory is used again
  std::exception_ptr error_;
  std::int64_t bytes_read_ = 0;
  bool ended_ = false, stop_ = false;
  std::thread thread_;
  void run();
};

}  // namespace segue::dataset
