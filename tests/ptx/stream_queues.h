#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "tests/ptx/numbers.h"

namespace segue::ptx {

/// Work that waits in streams. It runs as late as possible, when the host waits for something, and in an order that the
/// seed chooses among those that streams and events allow. Kernels run one after another, never at once.
class StreamQueues {
 public:
  struct Task {
    u64 sequence = 0;
    std::shared_ptr<const bool> waits_for;  ///< an event; null: nothing
    std::function<void()> run;
  };
  struct Stream {
    int device = 0;
    bool is_legacy = false;  ///< waits for all blocking streams of its device, and they for it
    bool is_blocking = true;
    std::deque<Task> tasks;
  };

  /// The stream of a handle: 0 and 1 are the legacy default stream of the device, 2 that of a thread. nullptr if
  /// unknown.
  Stream* find(void* handle, int device);
  Stream* create(int device, bool is_blocking);
  bool destroy(Stream* stream);

  void add(Stream& stream, std::function<void()> run, std::shared_ptr<const bool> waits_for = nullptr);
  /// Runs tasks until `is_done`. False if none can run before that: events and streams wait in a circle.
  bool drain_until(const std::function<bool()>& is_done);
  bool drain(const Stream& stream);
  bool drain_device(int device);
  bool drain_all();
  /// One task, if any can run: a host that polls makes progress.
  bool run_one();
  void reset();

 private:
  bool can_run(const Stream& stream) const;

  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<Stream*> defaults_;
  u64 next_sequence_ = 1;
};
StreamQueues& streams();

}  // namespace segue::ptx
