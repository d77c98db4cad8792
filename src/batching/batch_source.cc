#include "batching/batch_source.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "support/errors.h"
#include "support/random.h"

namespace segue::batching {
namespace {

constexpr std::size_t kBatchesAhead = 4;
constexpr std::uint64_t kTargetStream = 0x74617267657473ULL;

/// Inputs [begin, begin + length) of one sequence; the event after them is the last target.
struct Window {
  std::int64_t sequence = 0, begin = 0, length = 0;
};

/// All batches of an epoch: batch i holds windows [ends[i-1], ends[i]).
struct Plan {
  std::int64_t epoch = -1;
  std::vector<Window> windows;
  std::vector<std::pair<std::size_t, std::size_t>> batches;
};

}  // namespace

struct BatchSource::State {
  State(const Dataset& data, BatchSourceOptions source_options, std::uint64_t source_seed)
      : dataset(data), options(source_options), seed(source_seed), columns(feature_columns(data)) {}

  const Dataset& dataset;
  BatchSourceOptions options;
  std::uint64_t seed;
  FeatureColumns columns;
  Plan plan;

  std::thread thread;
  std::mutex mutex;
  std::condition_variable room, ready;
  std::deque<Batch> queue;
  std::exception_ptr failure;
  bool stop = false, done = true;

  std::int64_t training_end_ms = 0;
  double mean_reward = 1;

  void make_plan(std::int64_t epoch);
  void survey_training();
  [[nodiscard]] std::vector<std::uint8_t> choose(const Window& window) const;
  void run(std::size_t first);
  void halt();
};

void BatchSource::State::make_plan(std::int64_t epoch) {
  if (plan.epoch == epoch) return;
  Random random(seed, static_cast<std::uint64_t>(epoch));
  Plan next;
  next.epoch = epoch;
  const auto begins = dataset.begins();
  const auto ends = options.include_validation ? dataset.valid_ends() : dataset.train_ends();
  std::vector<Window> windows;
  for (std::int64_t sequence = 0; sequence < dataset.n_sequences(); ++sequence) {
    const auto s = static_cast<std::size_t>(sequence);
    const std::int64_t n_inputs = ends[s] - begins[s] - 1;
    if (n_inputs < 1) continue;
    Window window{sequence, begins[s], n_inputs};
    if (n_inputs > options.max_length) {
      const std::int64_t spare = n_inputs - options.max_length;
      const bool crop = random.uniform() < options.random_crop;
      window.begin += crop ? static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(spare) + 1)) : spare;
      window.length = options.max_length;
    }
    windows.push_back(window);
  }
  random.shuffle(windows);
  // Sorting (key, index) pairs keeps the comparison cheap; the shuffle before it breaks ties.
  std::vector<std::pair<double, std::size_t>> order(windows.size());
  for (std::size_t i = 0; i < windows.size(); ++i) {
    order[i] = {static_cast<double>(windows[i].length) + options.length_jitter * (2 * random.uniform() - 1), i};
  }
  std::sort(order.begin(), order.end());
  next.windows.reserve(windows.size());
  for (const auto& [key, index] : order) next.windows.push_back(windows[index]);

  const auto most_sequences = static_cast<std::size_t>(options.batch_sequences);
  std::size_t begin = 0;
  std::int64_t positions = 0;
  for (std::size_t i = 0; i < next.windows.size(); ++i) {
    const bool full =
        (most_sequences > 0 && i - begin >= most_sequences) ||
        (options.batch_positions > 0 && i > begin && positions + next.windows[i].length > options.batch_positions);
    if (full) {
      next.batches.emplace_back(begin, i);
      begin = i;
      positions = 0;
    }
    positions += next.windows[i].length;
  }
  if (begin < next.windows.size()) next.batches.emplace_back(begin, next.windows.size());
  random.shuffle(next.batches);
  plan = std::move(next);
}

/// When training ends, and what its events are worth on average.
void BatchSource::State::survey_training() {
  const auto begins = dataset.begins();
  const auto ends = options.include_validation ? dataset.valid_ends() : dataset.train_ends();
  double sum = 0;
  std::int64_t n = 0;
  for (std::size_t s = 0; s < ends.size(); ++s) {
    if (ends[s] == begins[s]) continue;
    if (options.example_age)
      training_end_ms = std::max(training_end_ms, dataset.times_ms()[static_cast<std::size_t>(ends[s] - 1)]);
    if (!options.reward_weighting) continue;
    for (std::int64_t event = begins[s] + 1; event < ends[s]; ++event)
      sum += static_cast<double>(dataset.rewards()[static_cast<std::size_t>(event)]);
    n += ends[s] - begins[s] - 1;
  }
  if (options.reward_weighting && !(sum > 0))
    throw DataError(
        "no training event has a reward above 0 (data.columns.reward): training.reward_weighting would leave "
        "nothing to learn from; set it to false, or name another column");
  if (sum > 0) mean_reward = sum / static_cast<double>(n);
}

/// Which events after those of a window are targets in this epoch, [length]; empty: all of them. It depends on (seed,
/// epoch, sequence) alone.
std::vector<std::uint8_t> BatchSource::State::choose(const Window& window) const {
  const std::int64_t wanted = options.targets_per_sequence;
  if (wanted == 0 || window.length <= wanted) return {};
  std::vector<std::uint8_t> chosen(static_cast<std::size_t>(window.length), 0);
  std::fill_n(chosen.begin(), wanted, 1);
  Random random(seed ^ kTargetStream,
                (static_cast<std::uint64_t>(plan.epoch) << 40U) ^ static_cast<std::uint64_t>(window.sequence));
  random.shuffle(chosen);
  return chosen;
}

void BatchSource::State::run(std::size_t first) {
  try {
    const auto rows = dataset.item_rows();
    BatchOptions batch_options;
    batch_options.n_items = dataset.n_items();
    batch_options.visited = options.visited;
    if (options.example_age) {
      batch_options.times_ms = dataset.times_ms().data();
      batch_options.training_end_ms = training_end_ms;
    }
    if (options.reward_weighting) {
      batch_options.rewards = dataset.rewards().data();
      batch_options.mean_reward = mean_reward;
    }
    for (std::size_t i = first; i < plan.batches.size(); ++i) {
      std::vector<SequenceView> views;
      std::vector<std::vector<std::uint8_t>> chosen;
      for (std::size_t w = plan.batches[i].first; w < plan.batches[i].second; ++w) {
        const Window& window = plan.windows[w];
        views.push_back({window.sequence, rows.data() + window.begin, window.length, 1, window.begin});
        chosen.push_back(choose(window));
        if (!chosen.back().empty()) views.back().chosen = chosen.back().data();
      }
      Batch batch = make_batch(std::move(views), columns, batch_options);
      std::unique_lock lock(mutex);
      room.wait(lock, [&] { return stop || queue.size() < kBatchesAhead; });
      if (stop) return;
      queue.push_back(std::move(batch));
      ready.notify_one();
    }
  } catch (...) {
    const std::lock_guard lock(mutex);
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex);
  done = true;
  ready.notify_one();
}

void BatchSource::State::halt() {
  {
    const std::lock_guard lock(mutex);
    stop = true;
    room.notify_all();
  }
  if (thread.joinable()) thread.join();
  queue.clear();
  failure = nullptr;
  stop = false;
  done = true;
}

BatchSource::BatchSource(const Dataset& dataset, BatchSourceOptions options, std::uint64_t seed)
    : state_(std::make_unique<State>(dataset, options, seed)) {
  if (options.batch_sequences < 0 || options.batch_positions < 0 || options.max_length < 1 ||
      (options.batch_sequences == 0 && options.batch_positions == 0)) {
    throw std::invalid_argument("BatchSource: batches need a limit of sequences or positions, and max_length >= 1");
  }
  if (options.example_age && dataset.times_ms().empty())
    throw std::invalid_argument("BatchSource: example_age needs the times of events");
  if (options.reward_weighting && dataset.rewards().empty())
    throw std::invalid_argument("BatchSource: reward_weighting needs the rewards of events");
  state_->survey_training();
}

BatchSource::~BatchSource() { state_->halt(); }

std::int64_t BatchSource::n_batches(std::int64_t epoch) {
  if (state_->plan.epoch != epoch) state_->halt();
  state_->make_plan(epoch);
  return static_cast<std::int64_t>(state_->plan.batches.size());
}

std::int64_t BatchSource::n_targets(std::int64_t epoch) {
  static_cast<void>(n_batches(epoch));
  const auto rows = state_->dataset.item_rows();
  const ItemRow n_items = state_->dataset.n_items();
  std::int64_t n = 0;
  for (const Window& window : state_->plan.windows) {
    const auto chosen = state_->choose(window);
    for (std::int64_t i = 0; i < window.length; ++i) {
      const bool is_target = chosen.empty() || chosen[static_cast<std::size_t>(i)] != 0;
      n += is_target && rows[static_cast<std::size_t>(window.begin + i + 1)] < n_items ? 1 : 0;
    }
  }
  return n;
}

void BatchSource::start(std::int64_t epoch, std::int64_t first) {
  if (epoch < 0 || first < 0) throw std::invalid_argument("BatchSource::start: epoch and first batch count from 0");
  state_->halt();
  state_->make_plan(epoch);
  state_->done = false;
  state_->thread = std::thread([state = state_.get(), first] { state->run(static_cast<std::size_t>(first)); });
}

bool BatchSource::next(Batch& batch) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.ready.wait(lock, [&] { return state.done || !state.queue.empty(); });
  if (!state.queue.empty()) {
    batch = std::move(state.queue.front());
    state.queue.pop_front();
    state.room.notify_one();
    return true;
  }
  if (state.failure) std::rethrow_exception(std::exchange(state.failure, nullptr));
  return false;
}

FeatureColumns feature_columns(const Dataset& dataset) {
  FeatureColumns columns;
  for (const MappedFeature& feature : dataset.features()) {
    columns.specs.push_back(feature.spec);
    columns.codes.push_back(feature.spec.categorical ? feature.codes.data() : nullptr);
    columns.values.push_back(feature.spec.categorical ? nullptr : feature.values.data());
  }
  return columns;
}

}  // namespace segue::batching
