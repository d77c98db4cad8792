#include "batching/batch_source.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <set>
#include <thread>

#include "support/random.h"

namespace segue::batching {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kSeed = 12;

/// Sequences whose every event is an item of its own: a target says which event it is. Parts of every length, also
/// empty ones.
EventsInMemory make_events(int n_sequences = 60, std::int64_t longest = 12) {
  Random random(3);
  EventsInMemory events;
  for (int s = 0; s < n_sequences; ++s) {
    const auto begin = events.begins.back();
    events.train_ends.push_back(begin +
                                static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(longest) + 1)));
    events.valid_ends.push_back(events.train_ends.back() + static_cast<std::int64_t>(random.below(3)));
    events.begins.push_back(events.valid_ends.back() + static_cast<std::int64_t>(random.below(3)));
  }
  events.item_rows.resize(static_cast<std::size_t>(events.begins.back()));
  std::iota(events.item_rows.begin(), events.item_rows.end(), 0);
  events.n_items = static_cast<std::int32_t>(events.item_rows.size());
  return events;
}

/// A batch as plain numbers, and what it says of itself.
struct PlainBatch {
  std::vector<std::int64_t> sequences, lengths, items, targets;
  std::int64_t n_targets = 0;
  bool operator==(const PlainBatch&) const = default;
};

std::vector<std::int64_t> values(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<std::int64_t>(), tensor.const_data_ptr<std::int64_t>() + tensor.numel()};
}

/// The batches that are left of the epoch.
std::vector<PlainBatch> drain(BatchSource& source) {
  std::vector<PlainBatch> batches;
  for (Batch batch; source.next(batch);)
    batches.push_back({batch.sequences, batch.lengths, values(batch.items), values(batch.targets), batch.n_targets});
  return batches;
}

std::vector<PlainBatch> epoch_of(BatchSource& source, std::int64_t epoch, std::int64_t first = 0) {
  source.start(epoch, first);
  return drain(source);
}

/// All targets of the batches, sorted.
std::vector<std::int64_t> targets_of(const std::vector<PlainBatch>& batches) {
  std::vector<std::int64_t> targets;
  for (const PlainBatch& batch : batches) targets.insert(targets.end(), batch.targets.begin(), batch.targets.end());
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::vector<std::int64_t> events_with_history(const Dataset& dataset, std::span<const std::int64_t> ends) {
  std::vector<std::int64_t> events;
  for (std::size_t s = 0; s < ends.size(); ++s) {
    for (std::int64_t e = dataset.begins()[s] + 1; e < ends[s]; ++e) events.push_back(e);
  }
  return events;
}

BatchSourceOptions seven_a_batch() {
  BatchSourceOptions options;
  options.batch_sequences = 7;
  return options;
}

TEST(BatchSource, SeedAndEpochAloneFixTheOrder) {
  const Dataset dataset = Dataset::in_memory(make_events());
  BatchSource source(dataset, seven_a_batch(), kSeed), same(dataset, seven_a_batch(), kSeed),
      other(dataset, seven_a_batch(), kSeed + 1);
  const auto first = epoch_of(source, 0), second = epoch_of(source, 1);
  EXPECT_NE(first, second);
  EXPECT_EQ(epoch_of(same, 1), second);  // without the epoch before it
  EXPECT_EQ(epoch_of(source, 0), first);
  EXPECT_NE(epoch_of(other, 0), first);
  EXPECT_EQ(targets_of(first), targets_of(second));
}

TEST(BatchSource, StartingLaterSkipsBatches) {
  const Dataset dataset = Dataset::in_memory(make_events());
  BatchSource source(dataset, seven_a_batch(), kSeed);
  const auto whole = epoch_of(source, 3);
  const std::int64_t n = source.n_batches(3);
  ASSERT_EQ(static_cast<std::int64_t>(whole.size()), n);
  ASSERT_GT(n, 6);
  for (const std::int64_t skipped : {std::int64_t{1}, n / 2, n - 1, n, n + 5}) {
    BatchSource resumed(dataset, seven_a_batch(), kSeed);
    const auto rest = epoch_of(resumed, 3, skipped);
    EXPECT_EQ(rest, std::vector<PlainBatch>(whole.begin() + std::min(skipped, n), whole.end())) << skipped;
  }
}

TEST(BatchSource, EveryTrainingTargetOnceAndNoneOfLaterParts) {
  const Dataset dataset = Dataset::in_memory(make_events());
  BatchSource source(dataset, seven_a_batch(), kSeed);
  EXPECT_EQ(targets_of(epoch_of(source, 0)), events_with_history(dataset, dataset.train_ends()));
  auto options = seven_a_batch();
  options.include_validation = true;
  BatchSource with_validation(dataset, options, kSeed);
  EXPECT_EQ(targets_of(epoch_of(with_validation, 0)), events_with_history(dataset, dataset.valid_ends()));
}

TEST(BatchSource, InputsEndBeforeTheLastTarget) {
  const Dataset dataset = Dataset::in_memory({9, {0, 9}, {4}, {6}, {0, 1, 2, 3, 4, 5, 6, 7, 8}, {}});
  BatchSource source(dataset, {}, kSeed);
  const auto batches = epoch_of(source, 0);
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_THAT(batches[0].items, ElementsAre(0, 1, 2));
  EXPECT_THAT(batches[0].targets, ElementsAre(1, 2, 3));
}

TEST(BatchSource, BatchesAreFullOfSequences) {
  const Dataset dataset = Dataset::in_memory(make_events());
  BatchSource source(dataset, seven_a_batch(), kSeed);
  std::size_t n_sequences = 0, n_partial = 0;
  for (const PlainBatch& batch : epoch_of(source, 0)) {
    EXPECT_LE(batch.sequences.size(), 7U);
    n_partial += batch.sequences.size() < 7 ? 1 : 0;
    n_sequences += batch.sequences.size();
  }
  EXPECT_LE(n_partial, 1U);
  std::size_t n_trainable = 0;
  for (std::size_t s = 0; s < dataset.train_ends().size(); ++s)
    n_trainable += dataset.train_ends()[s] - dataset.begins()[s] >= 2 ? 1 : 0;
  EXPECT_EQ(n_sequences, n_trainable);
}

TEST(BatchSource, PositionsHaveALimitThatOneSequenceMayExceed) {
  const Dataset dataset = Dataset::in_memory(make_events());
  BatchSourceOptions options;
  options.batch_sequences = 0;
  options.batch_positions = 8;
  BatchSource source(dataset, options, kSeed);
  const auto batches = epoch_of(source, 0);
  bool several = false, longer = false;
  for (const PlainBatch& batch : batches) {
    const auto n_positions = std::accumulate(batch.lengths.begin(), batch.lengths.end(), std::int64_t{0});
    EXPECT_TRUE(n_positions <= 8 || batch.lengths.size() == 1) << n_positions;
    several = several || batch.lengths.size() > 1;
    longer = longer || n_positions > 8;
  }
  EXPECT_TRUE(several && longer);
  EXPECT_EQ(targets_of(batches), events_with_history(dataset, dataset.train_ends()));

  options.batch_sequences = 2;  // both limits
  BatchSource both(dataset, options, kSeed);
  for (const PlainBatch& batch : epoch_of(both, 0)) EXPECT_LE(batch.sequences.size(), 2U);
}

TEST(BatchSource, LikeLengthsShareABatchAndBatchesComeInAnyOrder) {
  const Dataset dataset = Dataset::in_memory(make_events(200));
  auto options = seven_a_batch();
  options.length_jitter = 0;
  BatchSource source(dataset, options, kSeed);
  std::vector<std::int64_t> longest;
  for (const PlainBatch& batch : epoch_of(source, 0)) {
    EXPECT_LE(batch.lengths.front() - batch.lengths.back(), 1);
    longest.push_back(batch.lengths.front());
  }
  EXPECT_FALSE(std::is_sorted(longest.begin(), longest.end()) || std::is_sorted(longest.rbegin(), longest.rend()));
}

TEST(BatchSource, LongSequencesKeepTheirLatestInputs) {
  const Dataset dataset = Dataset::in_memory({9, {0, 9}, {7}, {8}, {0, 1, 2, 3, 4, 5, 6, 7, 8}, {}});
  BatchSourceOptions options;
  options.max_length = 4;
  BatchSource source(dataset, options, kSeed);
  const auto batches = epoch_of(source, 0);
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_THAT(batches[0].items, ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(batches[0].targets, ElementsAre(3, 4, 5, 6));
}

TEST(BatchSource, RandomCropsLieInTheTrainingPart) {
  const Dataset dataset = Dataset::in_memory({9, {0, 9}, {7}, {8}, {0, 1, 2, 3, 4, 5, 6, 7, 8}, {}});
  BatchSourceOptions options;
  options.max_length = 4;
  for (const double share : {1.0, 0.3}) {
    options.random_crop = share;
    BatchSource source(dataset, options, kSeed);
    std::vector<int> n_of_begin(3, 0);
    constexpr int kEpochs = 600;
    for (int epoch = 0; epoch < kEpochs; ++epoch) {
      const auto batch = epoch_of(source, epoch).at(0);
      const std::int64_t begin = batch.items[0];
      ASSERT_TRUE(begin >= 0 && begin <= 2) << begin;
      for (std::int64_t i = 0; i < 4; ++i) {
        ASSERT_EQ(batch.items[static_cast<std::size_t>(i)], begin + i);
        ASSERT_EQ(batch.targets[static_cast<std::size_t>(i)], begin + i + 1);
      }
      ++n_of_begin[static_cast<std::size_t>(begin)];
    }
    // A crop begins anywhere alike; the rest begins at 2. Four standard deviations.
    const double expected = kEpochs * share / 3, spread = 4 * std::sqrt(expected);
    EXPECT_NEAR(n_of_begin[0], expected, spread);
    EXPECT_NEAR(n_of_begin[1], expected, spread);
  }
}

TEST(BatchSource, CountsTheTargetsThatItsBatchesHold) {
  auto events = make_events();
  for (std::size_t e = 0; e < events.item_rows.size(); e += 3) events.item_rows[e] = events.n_items;  // unknown
  const Dataset dataset = Dataset::in_memory(std::move(events));
  auto options = seven_a_batch();
  options.max_length = 5;
  options.random_crop = 0.5;
  BatchSource source(dataset, options, kSeed);
  std::set<std::int64_t> counts;
  for (const std::int64_t epoch : {0, 1, 2, 3}) {
    const std::int64_t expected = source.n_targets(epoch);
    std::int64_t n = 0, n_known = 0;
    for (const PlainBatch& batch : epoch_of(source, epoch)) {
      n += batch.n_targets;
      n_known += std::count_if(batch.targets.begin(), batch.targets.end(), [](std::int64_t t) { return t >= 0; });
    }
    EXPECT_EQ(n, expected);
    EXPECT_EQ(n_known, expected);
    EXPECT_EQ(source.n_targets(epoch), expected);
    counts.insert(expected);
  }
  EXPECT_GT(counts.size(), 1U) << "crops differ between epochs, and so do their targets";
}

TEST(BatchSource, NothingToTrainOnIsAnEmptyEpoch) {
  const Dataset dataset = Dataset::in_memory({3, {0, 3, 4}, {1, 4}, {3, 4}, {0, 1, 2, 0}, {}});
  BatchSource source(dataset, {}, kSeed);
  EXPECT_TRUE(epoch_of(source, 0).empty());
  EXPECT_EQ(source.n_batches(0), 0);
  EXPECT_EQ(source.n_targets(0), 0);
}

TEST(BatchSource, EndsWhileItsThreadWaitsForRoom) {
  const Dataset dataset = Dataset::in_memory(make_events());
  auto options = seven_a_batch();
  options.batch_sequences = 1;  // many more batches than are made ahead
  const auto wait = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  {
    BatchSource source(dataset, options, kSeed);
    source.start(0);
    wait();
  }
  {
    BatchSource source(dataset, options, kSeed);
    Batch batch;
    source.start(0);
    ASSERT_TRUE(source.next(batch));
    wait();
    EXPECT_EQ(epoch_of(source, 1).size(), static_cast<std::size_t>(source.n_batches(1)));  // in the middle of an epoch
    EXPECT_FALSE(source.next(batch));
  }
  BatchSource never_started(dataset, options, kSeed);
  Batch batch;
  EXPECT_FALSE(never_started.next(batch));
}

/// Memory that runs out: the allocation number `allowed` and those after it throw.
class ScarceMemory : public c10::Allocator {
 public:
  static ScarceMemory& instance() {
    static ScarceMemory memory;
    static const bool installed = [] {
      c10::SetCPUAllocator(&memory, /*priority=*/100);
      return true;
    }();
    static_cast<void>(installed);
    return memory;
  }
  c10::DataPtr allocate(std::size_t n) override {
    if (allowed.fetch_sub(1) <= 0) throw std::bad_alloc();
    return c10::GetDefaultCPUAllocator()->allocate(n);
  }
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return c10::GetDefaultCPUAllocator()->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t n) const override { default_copy_data(to, from, n); }
  std::atomic<std::int64_t> allowed{std::numeric_limits<std::int64_t>::max()};
};

TEST(BatchSource, WhatItsThreadThrowsSurfacesInNext) {
  const Dataset dataset = Dataset::in_memory(make_events());
  BatchSource source(dataset, seven_a_batch(), kSeed);
  auto expected = epoch_of(source, 0);
  expected.resize(2);
  ScarceMemory& memory = ScarceMemory::instance();
  memory.allowed = 2 * 3;  // batch_sizes, items and targets of two batches
  source.start(0);
  std::vector<PlainBatch> found;
  EXPECT_THROW(
      {
        for (Batch batch; source.next(batch);)
          found.push_back(
              {batch.sequences, batch.lengths, values(batch.items), values(batch.targets), batch.n_targets});
      },
      std::bad_alloc);
  memory.allowed = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(found, expected) << "what was made before the failure is good";
  Batch batch;
  EXPECT_FALSE(source.next(batch));
  EXPECT_EQ(epoch_of(source, 0).size(), static_cast<std::size_t>(source.n_batches(0)));  // it can start again
}

TEST(BatchSource, RefusesWrongUse) {
  const Dataset dataset = Dataset::in_memory(make_events());
  const auto with = [&](std::int64_t sequences, std::int64_t positions, std::int64_t max_length) {
    BatchSourceOptions options;
    options.batch_sequences = sequences;
    options.batch_positions = positions;
    options.max_length = max_length;
    const BatchSource source(dataset, options, kSeed);
  };
  EXPECT_NO_THROW(with(0, 1, 1));
  EXPECT_THROW(with(0, 0, 1), std::invalid_argument);
  EXPECT_THROW(with(-1, 5, 1), std::invalid_argument);
  EXPECT_THROW(with(5, -1, 1), std::invalid_argument);
  EXPECT_THROW(with(5, 0, 0), std::invalid_argument);
  BatchSource source(dataset, {}, kSeed);
  EXPECT_THROW(source.start(-1), std::invalid_argument);
  EXPECT_THROW(source.start(0, -1), std::invalid_argument);
}

// Inputs 0 .. 7 of one sequence, targets 1 .. 8: three of them an epoch, drawn anew, and in the end all of them.
TEST(BatchSource, DrawsSoManyTargetsOfASequenceAnEpoch) {
  const Dataset dataset = Dataset::in_memory({9, {0, 9}, {9}, {9}, {0, 1, 2, 3, 4, 5, 6, 7, 8}, {}});
  BatchSourceOptions options;
  options.targets_per_sequence = 3;
  BatchSource source(dataset, options, 5);
  std::set<std::int64_t> all;
  for (std::int64_t epoch = 0; epoch < 30; ++epoch) {
    EXPECT_EQ(source.n_targets(epoch), 3);
    source.start(epoch);
    Batch batch;
    ASSERT_TRUE(source.next(batch));
    EXPECT_EQ(batch.n_targets, 3);
    const auto* target = batch.targets.const_data_ptr<std::int64_t>();
    for (std::int64_t p = 0; p < batch.n_positions(); ++p) {
      if (target[p] < 0) continue;
      EXPECT_EQ(target[p], p + 1);
      all.insert(target[p]);
    }
    EXPECT_FALSE(source.next(batch));
  }
  EXPECT_EQ(all.size(), 8U);
}

TEST(BatchSource, RewardsThatAreAllZeroAreRefused) {
  EventsInMemory events{3, {0, 3}, {3}, {3}, {0, 1, 2}, {}};
  events.rewards = {5, 0, 0};  // of the first event, which is no target
  const Dataset dataset = Dataset::in_memory(std::move(events));
  BatchSourceOptions options;
  options.reward_weighting = true;
  EXPECT_THROW(BatchSource(dataset, options, 5), DataError);
}

}  // namespace
}  // namespace segue::batching
