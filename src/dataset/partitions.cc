#include "dataset/partitions.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <utility>

#include "support/errors.h"
#include "support/storage.h"

namespace segue::dataset {
namespace {

using events::ColumnType;

/// The head of a row on disk; extras and the sequence's id follow.
struct Head {
  std::int64_t input, time_ms;
  std::int32_t item;
  std::uint32_t id_bytes_and_part;  // part in the two lowest bits
};

constexpr std::uint64_t kSeed = 0x5e60e;  // another hash than the vocabularies': their slots stay spread

std::uint64_t hash_of(std::string_view id, Part part, bool id_per_part) {
  return XXH3_64bits_withSeed(id.data(), id.size(), kSeed + (id_per_part ? static_cast<std::uint64_t>(part) + 1 : 0));
}

const char* name_of(Part part) {
  switch (part) {
    case Part::kTrain: return "data.events";
    case Part::kValidation: return "data.validation_events";
    case Part::kTest: return "data.test_events";
  }
  return "";
}

}  // namespace

Partitions::Partitions(std::filesystem::path folder, std::int64_t n, std::vector<events::ColumnRequest> requests,
                       bool has_times, bool id_per_part)
    : folder_(std::move(folder)), requests_(std::move(requests)), has_times_(has_times), id_per_part_(id_per_part) {
  std::filesystem::create_directories(folder_);
  for (std::int64_t i = 0; i < n; ++i) files_.push_back(folder_ / ("partition" + std::to_string(i)));
  buffers_.resize(files_.size());
  texts_.resize(requests_.size());
}

void Partitions::flush(std::size_t partition) {
  std::ofstream file(files_[partition], std::ios::binary | std::ios::app);
  file.write(buffers_[partition].data(), static_cast<std::streamsize>(buffers_[partition].size()));
  file.close();
  if (!file) throw DataError(files_[partition].string() + ": cannot be written; is there space left on the device?");
  buffers_[partition].clear();
}

void Partitions::append(const events::EventTable& table, Part part) {
  const std::size_t full = std::max<std::size_t>((std::size_t{64} << 20) / files_.size(), std::size_t{64} << 10);
  const bool one = files_.size() == 1;
  for (std::size_t row = 0; row < table.n_rows; ++row) {
    const auto id = table.sequence[row];
    const auto at = one ? 0 : static_cast<std::size_t>((hash_of(id, part, id_per_part_) >> 32) * files_.size() >> 32);
    auto& buffer = buffers_[at];
    const Head head{n_rows_++, has_times_ ? table.times_ms[row] : 0, items_.add(table.item[row]),
                    static_cast<std::uint32_t>(id.size()) << 2 | static_cast<std::uint32_t>(part)};
    buffer.append(reinterpret_cast<const char*>(&head), sizeof head);
    for (std::size_t c = 0; c < requests_.size(); ++c) {
      const auto& column = table.columns[c];
      std::int64_t value = 0;
      switch (requests_[c].type) {
        case ColumnType::kText: value = texts_[c].add(column.text[row]); break;
        case ColumnType::kNumber:
        case ColumnType::kAmount: value = std::bit_cast<std::int64_t>(column.numbers[row]); break;
        case ColumnType::kTime: value = column.times_ms[row]; break;
      }
      buffer.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    buffer.append(id);
    if (buffer.size() >= full) flush(at);
  }
}

void Partitions::finish() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    flush(i);
    std::string().swap(buffers_[i]);
  }
}

Partitions::Loaded Partitions::load(std::int64_t partition) const {
  const auto bytes = storage::read_file(files_[static_cast<std::size_t>(partition)]);
  const std::size_t extras_bytes = requests_.size() * sizeof(std::int64_t);

  // Rows of the file -> sequences, numbered in the order met.
  std::vector<std::size_t> offsets;  // of each row
  std::vector<std::uint32_t> sequence_of_row;
  std::vector<std::int64_t> lengths;
  Loaded loaded;
  std::vector<std::uint32_t> slots(1024);  // sequence + 1; 0 is free
  std::vector<std::uint64_t> hashes;       // of each sequence
  for (std::size_t at = 0; at < bytes.size();) {
    Head head;
    std::memcpy(&head, bytes.data() + at, sizeof head);
    const auto part = static_cast<Part>(head.id_bytes_and_part & 3U);
    const std::string_view id(bytes.data() + at + sizeof head + extras_bytes, head.id_bytes_and_part >> 2);
    const auto hash = hash_of(id, part, id_per_part_);
    auto mask = slots.size() - 1;
    auto slot = static_cast<std::size_t>(hash) & mask;
    std::uint32_t sequence = 0;
    for (;; slot = (slot + 1) & mask) {
      if (slots[slot] == 0) {
        sequence = static_cast<std::uint32_t>(loaded.parts.size());
        slots[slot] = sequence + 1;
        loaded.ids.push_back(id);
        loaded.parts.push_back(part);
        hashes.push_back(hash);
        lengths.push_back(0);
        if (loaded.parts.size() * 2 > slots.size()) {
          std::vector<std::uint32_t> larger(slots.size() * 2);
          for (std::size_t s = 0; s < hashes.size(); ++s) {
            auto free = static_cast<std::size_t>(hashes[s]) & (larger.size() - 1);
            while (larger[free] != 0) free = (free + 1) & (larger.size() - 1);
            larger[free] = static_cast<std::uint32_t>(s) + 1;
          }
          slots.swap(larger);
        }
        break;
      }
      sequence = slots[slot] - 1;
      if (hashes[sequence] == hash && loaded.ids[sequence] == id && (!id_per_part_ || loaded.parts[sequence] == part)) {
        if (loaded.parts[sequence] != part) {
          throw DataError("sequence '" + std::string(id) + "' stands in " + name_of(loaded.parts[sequence]) +
                          " and in " + name_of(part) +
                          "; a sequence belongs to one part: give it different ids, or split by time");
        }
        break;
      }
    }
    ++lengths[sequence];
    offsets.push_back(at);
    sequence_of_row.push_back(sequence);
    at += sizeof head + extras_bytes + id.size();
  }

  // Rows by sequence; the input order within each is kept, then made that of the times.
  const auto n = offsets.size();
  loaded.begins.assign(lengths.size() + 1, 0);
  std::partial_sum(lengths.begin(), lengths.end(), loaded.begins.begin() + 1);
  std::vector<std::int64_t> next(loaded.begins.begin(), loaded.begins.end() - 1);
  std::vector<std::size_t> order(n);
  for (std::size_t row = 0; row < n; ++row)
    order[static_cast<std::size_t>(next[sequence_of_row[row]]++)] = offsets[row];
  if (has_times_) {
    const auto time_at = [&](std::size_t offset) {
      std::int64_t time = 0;
      std::memcpy(&time, bytes.data() + offset + offsetof(Head, time_ms), sizeof time);
      return time;
    };
    const auto earlier = [&](std::size_t a, std::size_t b) { return time_at(a) < time_at(b); };
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      const auto first = order.begin() + loaded.begins[s], last = order.begin() + loaded.begins[s + 1];
      if (!std::is_sorted(first, last, earlier)) std::stable_sort(first, last, earlier);
    }
  }
  loaded.items.resize(n);
  loaded.inputs.resize(n);
  if (has_times_) loaded.times_ms.resize(n);
  loaded.extras.assign(requests_.size(), std::vector<std::int64_t>(n));
  for (std::size_t row = 0; row < n; ++row) {
    Head head;
    std::memcpy(&head, bytes.data() + order[row], sizeof head);
    loaded.items[row] = head.item;
    loaded.inputs[row] = head.input;
    if (has_times_) loaded.times_ms[row] = head.time_ms;
    for (std::size_t c = 0; c < requests_.size(); ++c) {
      std::memcpy(&loaded.extras[c][row], bytes.data() + order[row] + sizeof head + c * sizeof(std::int64_t),
                  sizeof(std::int64_t));
    }
  }
  return loaded;
}

events::EventTable Partitions::table(const Loaded& loaded) const {
  events::EventTable table;
  table.n_rows = loaded.items.size();
  table.times_ms = loaded.times_ms;
  for (std::size_t c = 0; c < requests_.size(); ++c) {
    auto& column = table.columns.emplace_back();
    column.name = requests_[c].name;
    column.type = requests_[c].type;
    const auto& values = loaded.extras[c];
    switch (column.type) {
      case ColumnType::kText:
        for (const auto value : values) column.text.push_back(texts_[c].id(static_cast<std::int32_t>(value)));
        break;
      case ColumnType::kNumber:
      case ColumnType::kAmount:
        for (const auto value : values) column.numbers.push_back(std::bit_cast<double>(value));
        break;
      case ColumnType::kTime: column.times_ms = values; break;
    }
  }
  return table;
}

}  // namespace segue::dataset
