#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/partitions.h"
#include "dataset/prepare.h"

namespace segue::dataset {

/// Where the parts meet, on the scale of the split: times of events (time), times or input numbers of the last events
/// of sequences (last_sequences; files, between training and validation). At or after a cut belongs to the later part.
struct Cuts {
  std::int64_t validation = std::numeric_limits<std::int64_t>::max();
  std::int64_t test = std::numeric_limits<std::int64_t>::max();
};

/// A kept sequence: its events [begin, end) of the loaded partition, cut into parts.
struct Kept {
  std::size_t sequence;
  SequenceBounds bounds;
};

/// The time of a sequence's last event, or its input number where there are no times.
std::int64_t last_moment(const Partitions::Loaded& loaded, std::size_t sequence, SplitKind split);

/// Where a split by users puts a whole sequence: a pure function of its id, the two shares and the seed. XXH3 of the
/// id, as a share of its range, is below test_fraction (test), below that plus validation_fraction (validation), or
/// above. So a user who is tested stays so when others come or go, and more are held out by a larger share.
Part part_of_user(std::string_view id, const DataOptions& options);

/// Applies the filters of length and the split to the sequences of a partition, in their order.
std::vector<Kept> split_sequences(const Partitions::Loaded& loaded, const DataOptions& options, const Cuts& cuts);

}  // namespace segue::dataset
