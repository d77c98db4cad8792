#include "tests/ptx/stream_queues.h"

#include <algorithm>

#include "tests/ptx/machine.h"

namespace segue::ptx {

StreamQueues& streams() {
  static auto* const queues = new StreamQueues;
  return *queues;
}

StreamQueues::Stream* StreamQueues::find(void* handle, int device) {
  const auto value = reinterpret_cast<std::uintptr_t>(handle);
  if (value <= 2) {
    const auto slot = static_cast<std::size_t>(device) * 2 + (value == 2 ? 1 : 0);
    if (defaults_.size() <= slot) defaults_.resize(slot + 1);
    if (defaults_[slot] == nullptr) {
      defaults_[slot] = create(device, true);
      defaults_[slot]->is_legacy = value != 2;
    }
    return defaults_[slot];
  }
  for (const auto& stream : streams_)
    if (stream.get() == handle) return stream.get();
  return nullptr;
}

StreamQueues::Stream* StreamQueues::create(int device, bool is_blocking) {
  auto stream = std::make_unique<Stream>();
  stream->device = device;
  stream->is_blocking = is_blocking;
  streams_.push_back(std::move(stream));
  return streams_.back().get();
}

bool StreamQueues::destroy(Stream* stream) {
  // Work that is still there comes to its end first.
  drain(*stream);
  return std::erase_if(streams_, [&](const auto& each) { return each.get() == stream; }) != 0;
}

void StreamQueues::add(Stream& stream, std::function<void()> run, std::shared_ptr<const bool> waits_for) {
  stream.tasks.push_back({next_sequence_++, std::move(waits_for), std::move(run)});
}

bool StreamQueues::can_run(const Stream& stream) const {
  if (stream.tasks.empty()) return false;
  const Task& task = stream.tasks.front();
  if (task.waits_for != nullptr && !*task.waits_for) return false;
  for (const auto& other : streams_) {
    if (other.get() == &stream || other->device != stream.device || other->tasks.empty()) continue;
    if (other->tasks.front().sequence > task.sequence) continue;
    if (stream.is_legacy && other->is_blocking) return false;
    if (other->is_legacy && stream.is_blocking) return false;
  }
  return true;
}

bool StreamQueues::run_one() {
  std::vector<Stream*> able;
  for (const auto& stream : streams_)
    if (can_run(*stream)) able.push_back(stream.get());
  if (able.empty()) return false;
  Machine& all = machine();
  Stream& chosen = *able[all.options.seed == 0 ? 0 : all.random.below(able.size())];
  const Task task = std::move(chosen.tasks.front());
  chosen.tasks.pop_front();
  task.run();
  return true;
}

bool StreamQueues::drain_until(const std::function<bool()>& is_done) {
  while (!is_done())
    if (!run_one()) return false;
  return true;
}

bool StreamQueues::drain(const Stream& stream) {
  return drain_until([&] { return stream.tasks.empty(); });
}

bool StreamQueues::drain_device(int device) {
  return drain_until([&] {
    return std::all_of(streams_.begin(), streams_.end(),
                       [&](const auto& stream) { return stream->device != device || stream->tasks.empty(); });
  });
}

bool StreamQueues::drain_all() {
  return drain_until([&] {
    return std::all_of(streams_.begin(), streams_.end(), [](const auto& stream) { return stream->tasks.empty(); });
  });
}

void StreamQueues::reset() {
  for (const auto& stream : streams_) stream->tasks.clear();
}

}  // namespace segue::ptx
