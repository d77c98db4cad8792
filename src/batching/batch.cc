#include "batching/batch.h"

#include <algorithm>
#include <stdexcept>

#include "batching/upload.h"

namespace segue::batching {
namespace {

constexpr double kMillisecondsADay = 86'400'000.0;

/// Distinct items of a history, most recent first, as it grows: a move-to-front list.
class VisitedList {
 public:
  void visit(std::int64_t item) {
    const auto found = std::find(items_.begin(), items_.end(), item);
    if (found == items_.end()) {
      items_.insert(items_.begin(), item);
    } else {
      std::rotate(items_.begin(), found, found + 1);
    }
  }
  [[nodiscard]] const std::vector<std::int64_t>& items() const { return items_; }

 private:
  std::vector<std::int64_t> items_;
};

/// Where the steps begin in packed order, and where each event of each row goes.
struct Packing {
  std::vector<std::int64_t> batch_sizes, step_begins;  // [n_steps], [n_steps + 1]
  [[nodiscard]] std::int64_t position(std::size_t row, std::int64_t step) const {
    return step_begins[static_cast<std::size_t>(step)] + static_cast<std::int64_t>(row);
  }
};

Packing pack(const std::vector<SequenceView>& sequences) {
  Packing packing;
  const std::int64_t n_steps = sequences.front().length;
  packing.batch_sizes.assign(static_cast<std::size_t>(n_steps), 0);
  std::size_t running = sequences.size();
  packing.step_begins.push_back(0);
  for (std::int64_t step = 0; step < n_steps; ++step) {
    while (sequences[running - 1].length <= step) --running;
    packing.batch_sizes[static_cast<std::size_t>(step)] = static_cast<std::int64_t>(running);
    packing.step_begins.push_back(packing.step_begins.back() + static_cast<std::int64_t>(running));
  }
  return packing;
}

void fill_visited(const std::vector<SequenceView>& sequences, const Packing& packing, Batch& batch) {
  const std::int64_t n_positions = packing.step_begins.back();
  std::vector<std::int64_t> counts(static_cast<std::size_t>(n_positions) + 1, 0);
  std::vector<std::vector<std::int64_t>> lists(static_cast<std::size_t>(n_positions));
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    VisitedList visited;
    for (std::int64_t step = 0; step < sequences[row].length; ++step) {
      visited.visit(sequences[row].items[step]);
      const auto position = static_cast<std::size_t>(packing.position(row, step));
      lists[position] = visited.items();
      counts[position + 1] = static_cast<std::int64_t>(lists[position].size());
    }
  }
  for (std::size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
  batch.visited_offsets = at::empty({n_positions + 1}, at::kLong);
  std::copy(counts.begin(), counts.end(), batch.visited_offsets.mutable_data_ptr<std::int64_t>());
  batch.visited_items = at::empty({counts.back()}, at::kLong);
  auto* out = batch.visited_items.mutable_data_ptr<std::int64_t>();
  for (const auto& list : lists) out = std::copy(list.begin(), list.end(), out);
}

/// One feature at (event + shift) for every position; 0 where that event may not be read.
at::Tensor feature_tensor(const std::vector<SequenceView>& sequences, const Packing& packing, const std::int32_t* codes,
                          const float* values, std::int64_t shift) {
  const std::int64_t n_positions = packing.step_begins.back();
  const auto fill = [&](auto* out, const auto* column) {
    using Out = std::remove_pointer_t<decltype(out)>;
    for (std::size_t row = 0; row < sequences.size(); ++row) {
      const SequenceView& view = sequences[row];
      const std::int64_t readable = view.length + view.n_more;
      for (std::int64_t step = 0; step < view.length; ++step) {
        const std::int64_t event = step + shift;
        out[packing.position(row, step)] = event < readable ? static_cast<Out>(column[view.offset + event]) : Out{0};
      }
    }
  };
  at::Tensor tensor = at::empty({n_positions}, codes != nullptr ? at::kLong : at::kFloat);
  if (codes != nullptr) {
    fill(tensor.mutable_data_ptr<std::int64_t>(), codes);
  } else {
    fill(tensor.mutable_data_ptr<float>(), values);
  }
  return tensor;
}

/// A number of the event after every position; 0 where there is none.
template <class Number>
at::Tensor of_next_event(const std::vector<SequenceView>& sequences, const Packing& packing, const Number& number) {
  at::Tensor tensor = at::zeros({packing.step_begins.back()}, at::kFloat);
  auto* out = tensor.mutable_data_ptr<float>();
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    const SequenceView& view = sequences[row];
    for (std::int64_t step = 0; step < view.length && step + 1 < view.length + view.n_more; ++step)
      out[packing.position(row, step)] = number(view.offset + step + 1);
  }
  return tensor;
}

}  // namespace

std::vector<std::int64_t> Batch::last_positions() const {
  const auto n_steps = static_cast<std::size_t>(batch_sizes.size(0));
  const auto* sizes = batch_sizes.const_data_ptr<std::int64_t>();
  std::vector<std::int64_t> step_begins(n_steps + 1, 0);
  for (std::size_t step = 0; step < n_steps; ++step) step_begins[step + 1] = step_begins[step] + sizes[step];
  std::vector<std::int64_t> positions(lengths.size());
  for (std::size_t row = 0; row < lengths.size(); ++row) {
    positions[row] = step_begins[static_cast<std::size_t>(lengths[row] - 1)] + static_cast<std::int64_t>(row);
  }
  return positions;
}

Batch Batch::to(at::Device device) const {
  Batch moved = *this;
  const auto move = [&](at::Tensor& tensor) { tensor = upload(tensor, device); };
  move(moved.items);
  move(moved.example_age);
  for (auto& tensor : moved.history) move(tensor);
  for (auto& tensor : moved.context) move(tensor);
  return moved;
}

Batch make_batch(std::vector<SequenceView> sequences, const FeatureColumns& features, const BatchOptions& options) {
  if (sequences.empty()) throw std::invalid_argument("make_batch: no sequences");
  for (const SequenceView& view : sequences) {
    if (view.length < 1 || view.n_more < 0) {
      throw std::invalid_argument("make_batch: sequence " + std::to_string(view.sequence) + " has length " +
                                  std::to_string(view.length) + " and " + std::to_string(view.n_more) +
                                  " more events; a batch row needs at least one event");
    }
  }
  if (features.codes.size() != features.specs.size() || features.values.size() != features.specs.size()) {
    throw std::invalid_argument("make_batch: codes and values need one entry for each of the feature specs");
  }
  for (SequenceView& view : sequences) view.n_more = std::min<std::int64_t>(view.n_more, 1);
  std::stable_sort(sequences.begin(), sequences.end(),
                   [](const SequenceView& a, const SequenceView& b) { return a.length > b.length; });
  const Packing packing = pack(sequences);
  const std::int64_t n_positions = packing.step_begins.back();

  Batch batch;
  batch.batch_sizes = at::empty({static_cast<std::int64_t>(packing.batch_sizes.size())}, at::kLong);
  std::copy(packing.batch_sizes.begin(), packing.batch_sizes.end(), batch.batch_sizes.mutable_data_ptr<std::int64_t>());
  batch.items = at::empty({n_positions}, at::kLong);
  batch.targets = at::empty({n_positions}, at::kLong);
  auto* items = batch.items.mutable_data_ptr<std::int64_t>();
  auto* targets = batch.targets.mutable_data_ptr<std::int64_t>();
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    const SequenceView& view = sequences[row];
    batch.sequences.push_back(view.sequence);
    batch.lengths.push_back(view.length);
    for (std::int64_t step = 0; step < view.length; ++step) {
      const std::int64_t position = packing.position(row, step);
      items[position] = std::min(view.items[step], options.n_items);
      std::int64_t target = -1;
      if (step + 1 < view.length + view.n_more) target = view.items[step + 1];
      if (target >= options.n_items || (view.chosen != nullptr && view.chosen[step] == 0)) target = -1;
      targets[position] = target;
      batch.n_targets += target >= 0 ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < features.specs.size(); ++i) {
    if (features.specs[i].history) {
      batch.history.push_back(feature_tensor(sequences, packing, features.codes[i], features.values[i], 0));
    }
    if (features.specs[i].context) {
      batch.context.push_back(feature_tensor(sequences, packing, features.codes[i], features.values[i], 1));
    }
  }
  if (options.times_ms != nullptr) {
    batch.example_age = of_next_event(sequences, packing, [&](std::int64_t event) {
      return static_cast<float>(std::max(0.0, static_cast<double>(options.training_end_ms - options.times_ms[event])) /
                                kMillisecondsADay);
    });
  }
  if (options.rewards != nullptr) {
    batch.weights = of_next_event(sequences, packing, [&](std::int64_t event) {
      return static_cast<float>(static_cast<double>(options.rewards[event]) / options.mean_reward);
    });
  }
  if (options.visited) fill_visited(sequences, packing, batch);
  return batch;
}

}  // namespace segue::batching
