#include "dataset/table_prefetch.h"

#include <utility>

namespace segue::dataset {

TablePrefetch::TablePrefetch(events::EventReader& reader) : reader_(reader), thread_([this] { run(); }) {}

TablePrefetch::~TablePrefetch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TablePrefetch::run() {
  std::exception_ptr error;
  try {
    for (;;) {
      Block block;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stop_ || ready_.size() < kAhead; });
        if (stop_) return;
        if (!used_.empty()) {
          block.table = std::move(used_.front());
          used_.pop_front();
        }
      }
      if (!reader_.next(block.table)) break;
      block.bytes_read = reader_.bytes_read();
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(block));
      changed_.notify_all();
    }
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  error_ = error;
  ended_ = true;
  changed_.notify_all();
}

bool TablePrefetch::next(events::EventTable& table) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || !ready_.empty(); });
  if (ready_.empty()) {
    if (error_) std::rethrow_exception(error_);
    return false;
  }
  used_.push_back(std::move(table));
  table = std::move(ready_.front().table);
  bytes_read_ = ready_.front().bytes_read;
  ready_.pop_front();
  changed_.notify_all();
  return true;
}

std::int64_t TablePrefetch::bytes_read() const {
  const std::lock_guard lock(mutex_);
  return bytes_read_;
}

}  // namespace segue::dataset
