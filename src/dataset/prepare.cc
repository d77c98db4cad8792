#include "dataset/prepare.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <optional>
#include <utility>

#include "dataset/column_file.h"
#include "dataset/dataset.h"
#include "dataset/input_files.h"
#include "dataset/item_features.h"
#include "dataset/known_items.h"
#include "dataset/partitions.h"
#include "dataset/prepared_format.h"
#include "dataset/protocol.h"
#include "dataset/spilled_values.h"
#include "dataset/split.h"
#include "dataset/table_prefetch.h"
#include "events/text_values.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "support/progress.h"
#include "support/storage.h"
#include "support/threads.h"

namespace segue {
namespace {

namespace fs = std::filesystem;
using dataset::Cuts;
using dataset::InputFiles;
using dataset::Kept;
using dataset::Partitions;

constexpr std::int64_t kNever = INT64_MAX;

void stop_if_interrupted() {
  if (const int signal = interrupt_signal(); signal != 0) {
    throw Interrupted(signal, "stopped; nothing was written. Run the same command again to prepare the data");
  }
}

/// One run of prepare: reads, cuts, counts, writes.
class Preparation {
 public:
  Preparation(const DataOptions& options, int n_threads, InputFiles files, fs::path directory)
      : options_(options),
        n_threads_(std::max(n_threads, 1)),
        files_(std::move(files)),
        directory_(std::move(directory)),
        pipeline_(options.features, options.source.time_column),
        has_times_(!options.source.time_column.empty()),
        has_rewards_(!options.source.reward_column.empty()),
        partitions_(scratch() / "partitions", dataset::choose_partitions(options, files_),
                    dataset::columns_of_events(pipeline_, options.source), has_times_,
                    options.source.format == events::Format::kSessionLines),
        moments_(scratch() / "moments") {}

  Json run() {
    read();
    choose_cuts();
    count();
    describe_items();
    write();
    fs::remove_all(scratch());
    return manifest();
  }

 private:
  const DataOptions& options_;
  int n_threads_;
  InputFiles files_;
  fs::path directory_;
  features::FeaturePipeline pipeline_;
  bool has_times_, has_rewards_;
  Partitions partitions_;
  dataset::SpilledValues moments_;  // what the split orders by
  Cuts cuts_;
  events::SkippedRows skipped_;
  bool item_is_integer_ = true, sequence_is_integer_ = true;
  // Of the items by their number in partitions_:
  std::vector<std::int64_t> n_training_, first_training_;
  std::int64_t training_end_ms_ = events::kMissingTime;  // the latest time of a training event
  std::vector<ItemRow> row_of_item_;
  std::int32_t n_trained_ = 0;  // items with training events, the first ones
  features::Vocabulary items_;
  std::optional<dataset::ItemFeatures> item_features_;
  // Counted in write():
  struct PartCounts {
    std::int64_t events = 0, unknown = 0, sequences = 0;
  };
  std::array<PartCounts, 3> parts_{};
  std::int64_t n_events_ = 0, n_sequences_ = 0, n_read_sequences_ = 0;

  [[nodiscard]] fs::path scratch() const { return directory_ / "scratch"; }

  void add_skipped(const events::SkippedRows& skipped) {
    skipped_.n += skipped.n;
    for (const auto& example : skipped.examples) {
      if (skipped_.examples.size() < 10) skipped_.examples.push_back(example);
    }
  }

  void read() {
    std::int64_t bytes_total = 0;
    for (const auto& file : files_.events()) bytes_total += static_cast<std::int64_t>(fs::file_size(file));
    Progress progress("reading events", bytes_total, "bytes");
    bool item_is_string = false;
    for (int part = 0; part < 3; ++part) {
      if (files_.of_part[static_cast<std::size_t>(part)].empty()) continue;
      events::EventReader reader(files_.of_part[static_cast<std::size_t>(part)], options_.source,
                                 dataset::columns_of_events(pipeline_, options_.source));
      {
        dataset::TablePrefetch blocks(reader);
        events::EventTable table;
        for (std::int64_t seen = 0; blocks.next(table);) {
          stop_if_interrupted();
          partitions_.append(table, static_cast<Part>(part));
          if (options_.split == SplitKind::kTime) {
            for (const auto time : table.times_ms) moments_.add(time);
          }
          const auto rate = static_cast<double>(partitions_.n_rows()) / std::max(progress.seconds(), 1e-3);
          progress.advance(blocks.bytes_read() - seen, with_thousands(partitions_.n_rows()) + " events, " +
                                                           with_thousands(static_cast<std::int64_t>(rate)) +
                                                           " events/s");
          seen = blocks.bytes_read();
        }
      }
      add_skipped(reader.skipped());
      item_is_string = item_is_string || reader.item_column_is_string();
      sequence_is_integer_ = sequence_is_integer_ && reader.sequence_is_integer();
    }
    item_is_integer_ = !item_is_string;
    partitions_.finish();
    progress.finish();
    if (partitions_.n_rows() == 0) {
      throw DataError(files_.events().front().string() + ": no events to prepare (" +
                      std::to_string(files_.events().size()) + " files read, " + std::to_string(skipped_.n) +
                      " rows skipped)");
    }
    if (skipped_.n > 0) {
      log_warning(with_thousands(skipped_.n) +
                  " bad rows were left out (data.on_bad_row: skip); the first: " + skipped_.examples.front());
    }
  }

  /// Runs work(partition) for all, side by side, and then done(partition) in their order, in waves that bound memory.
  template <class Work, class Done>
  void for_partitions(Work work, Done done) {
    const auto n = partitions_.size();
    for (std::int64_t first = 0; first < n; first += n_threads_) {
      stop_if_interrupted();
      const auto wave = std::min<std::int64_t>(n_threads_, n - first);
      parallel_ranges(wave, 1, n_threads_, [&](std::int64_t begin, std::int64_t end, int) {
        for (auto i = begin; i < end; ++i) work(first + i, static_cast<std::size_t>(i));
      });
      for (std::int64_t i = 0; i < wave; ++i) done(static_cast<std::size_t>(i));
    }
  }

  /// The moment at which the last `share` of those gathered begins; kNever when that is none of them.
  std::int64_t moment_of_last(double share) {
    const auto n_last = std::llround(share * static_cast<double>(moments_.size()));
    return n_last == 0 ? kNever : moments_.at_rank(std::max<std::int64_t>(moments_.size() - n_last, 0));
  }

  void choose_cuts() {
    const bool fraction_of_training = options_.split == SplitKind::kFiles && files_.of_part[1].empty();
    if (options_.split == SplitKind::kLastItem) {
      log_warning(
          "data.split.kind last_item lets training see events later than those tested: figures are for comparison with"
          " published ones; prefer a split by time");
      return;
    }
    if (options_.split == SplitKind::kLastSequences || fraction_of_training) {
      std::vector<std::vector<std::int64_t>> found(static_cast<std::size_t>(n_threads_));
      for_partitions(
          [&](std::int64_t partition, std::size_t slot) {
            const auto loaded = partitions_.load(partition);
            for (const auto& kept : split_sequences(loaded, options_, {})) {
              if (options_.split == SplitKind::kFiles && loaded.parts[kept.sequence] != Part::kTrain) continue;
              found[slot].push_back(last_moment(loaded, kept.sequence, options_.split));
            }
          },
          [&](std::size_t slot) {
            for (const auto moment : found[slot]) moments_.add(moment);
            found[slot].clear();
          });
    } else if (options_.split != SplitKind::kTime) {
      return;
    }
    if (moments_.size() == 0) return;
    const auto given = [&](const std::string& text, const std::string& key) -> std::optional<std::int64_t> {
      if (text.empty() || options_.split != SplitKind::kTime) return std::nullopt;
      auto time = events::parse_time(text, options_.source.time_format);
      if (!time) time = events::parse_time(text, events::TimeFormat::kAuto);
      if (!time)
        throw ConfigError("data.split." + key + ": '" + text +
                          "' is not a time; write it as 2016-08-13 or like the times of the events");
      return time;
    };
    const double test_share = options_.split == SplitKind::kFiles ? 0.0 : options_.test_fraction;
    const auto test = given(options_.test_from, "test_from");
    const auto validation = given(options_.validation_from, "validation_from");
    cuts_.test = test ? *test : moment_of_last(test_share);
    if (validation) {
      cuts_.validation = *validation;
    } else if (test) {
      // The share before a given test: counted among all events, as without a date.
      std::int64_t low = 0, high = moments_.size();
      while (low < high) {
        const auto middle = low + (high - low) / 2;
        if (moments_.at_rank(middle) < *test)
          low = middle + 1;
        else
          high = middle;
      }
      const auto wanted = std::llround(options_.validation_fraction * static_cast<double>(moments_.size()));
      cuts_.validation =
          wanted == 0 || low == 0 ? cuts_.test : moments_.at_rank(std::max<std::int64_t>(low - wanted, 0));
    } else {
      cuts_.validation = std::min(moment_of_last(test_share + options_.validation_fraction), cuts_.test);
    }
    if (cuts_.validation > cuts_.test)
      throw ConfigError("data.split.validation_from must not lie after data.split.test_from");
    if (cuts_.validation <= moments_.at_rank(0) && options_.split != SplitKind::kFiles) {
      throw ConfigError("data.split leaves nothing to train on: every event is of " +
                        std::string("the first moment or later than the cut; ") +
                        "choose smaller fractions, later dates, or another split");
    }
  }

  /// What training events teach: counts and first appearance of items, and the transforms of features.
  void count() {
    const auto n_items = static_cast<std::size_t>(partitions_.items().size());
    n_training_.assign(n_items, 0);
    first_training_.assign(n_items, kNever);
    Progress progress("counting training events", partitions_.n_rows(), "events");
    std::mutex mutex;  // counting is short beside sorting; and its result does not depend on the order
    for_partitions(
        [&](std::int64_t partition, std::size_t) {
          const auto loaded = partitions_.load(partition);
          std::vector<std::uint8_t> is_training(loaded.items.size());
          const auto table = partitions_.table(loaded);
          const auto kept = split_sequences(loaded, options_, cuts_);
          const std::lock_guard lock(mutex);
          for (const auto& sequence : kept) {
            for (auto e = sequence.bounds.begin; e < sequence.bounds.train_end; ++e) {
              const auto event = static_cast<std::size_t>(e);
              const auto item = static_cast<std::size_t>(loaded.items[event]);
              is_training[event] = 1;
              ++n_training_[item];
              first_training_[item] = std::min(first_training_[item], loaded.inputs[event]);
              if (has_times_) training_end_ms_ = std::max(training_end_ms_, loaded.times_ms[event]);
            }
          }
          pipeline_.fit(table, is_training);
          progress.advance(static_cast<std::int64_t>(loaded.items.size()));
        },
        [](std::size_t) {});
    pipeline_.finish_fit();
    auto known = dataset::choose_known_items(options_, partitions_.items(), {n_training_, first_training_},
                                             files_.of_items, item_is_integer_);
    items_ = std::move(known.items);
    n_trained_ = known.n_trained;
    row_of_item_ = std::move(known.row_of_item);
    item_is_integer_ = items_.is_integer;
    std::vector<dataset::ColumnWriter> columns;
    columns.emplace_back(scratch(), "n_training", dataset::ValueType::kInt64)
        .append(std::span<const std::int64_t>(known.counts));
    dataset::write_arrow_file(directory_ / dataset::kCountsFile, std::move(columns));
    storage::write_file(directory_ / dataset::kItemsFile, items_.to_text());
    write_json(directory_ / dataset::kFeaturesFile, pipeline_.to_json());
  }

  void describe_items() {
    if (files_.of_items.empty()) return;
    item_features_ = dataset::read_item_features(options_, files_.of_items, items_, n_trained_, training_end_ms_);
    add_skipped(item_features_->skipped);
    dataset::write_item_features(*item_features_, directory_, scratch());
    item_features_->columns.clear();
  }

  /// What one partition gives to the prepared files.
  struct Piece {
    std::vector<ItemRow> items;
    std::vector<std::int64_t> times;
    std::vector<float> rewards;
    std::vector<features::FeatureColumn> features;
    std::vector<SequenceBounds> bounds;  // events counted within the piece
    events::StringColumn ids;
    std::array<PartCounts, 3> parts{};
    std::int64_t n_read_sequences = 0;
  };

  [[nodiscard]] Piece make_piece(std::int64_t partition) const {
    const auto loaded = partitions_.load(partition);
    std::vector<std::uint8_t> starts(loaded.items.size());
    for (std::size_t s = 0; s < loaded.n_sequences(); ++s) starts[static_cast<std::size_t>(loaded.begins[s])] = 1;
    const auto applied = pipeline_.apply(partitions_.table(loaded), starts);
    Piece piece;
    piece.n_read_sequences = static_cast<std::int64_t>(loaded.n_sequences());
    piece.features.resize(applied.size());
    for (const auto& [sequence, bounds] : split_sequences(loaded, options_, cuts_)) {
      const auto shift = static_cast<std::int64_t>(piece.items.size()) - bounds.begin;
      const auto begin = bounds.begin, end = bounds.end;
      for (auto e = begin; e < end; ++e) {
        const auto row = row_of_item_[static_cast<std::size_t>(loaded.items[static_cast<std::size_t>(e)])];
        auto& part = piece.parts[e < bounds.train_end ? 0 : e < bounds.valid_end ? 1 : 2];
        ++part.events;
        if (row == items_.size()) ++part.unknown;
        piece.items.push_back(row);
      }
      piece.parts[0].sequences += bounds.train_end > begin;
      piece.parts[1].sequences += bounds.valid_end > bounds.train_end;
      piece.parts[2].sequences += end > bounds.valid_end;
      const auto take = [&](auto& to, const auto& from) {
        if (!from.empty()) to.insert(to.end(), from.begin() + begin, from.begin() + end);
      };
      take(piece.times, loaded.times_ms);
      if (has_rewards_) {
        for (auto e = begin; e < end; ++e)
          piece.rewards.push_back(
              static_cast<float>(std::bit_cast<double>(loaded.extras.back()[static_cast<std::size_t>(e)])));
      }
      for (std::size_t f = 0; f < applied.size(); ++f) {
        take(piece.features[f].codes, applied[f].codes);
        take(piece.features[f].values, applied[f].values);
      }
      piece.bounds.push_back({begin + shift, bounds.train_end + shift, bounds.valid_end + shift, end + shift});
      piece.ids.push_back(loaded.ids[sequence]);
    }
    return piece;
  }

  void write() {
    using dataset::ColumnWriter;
    using dataset::ValueType;
    const auto specs = pipeline_.specs();
    std::vector<ColumnWriter> events, sequences;
    events.emplace_back(scratch(), "item", ValueType::kInt32);
    if (has_times_) events.emplace_back(scratch(), "time_ms", ValueType::kInt64);
    const auto reward_column = events.size();
    if (has_rewards_) events.emplace_back(scratch(), "reward", ValueType::kFloat);
    const auto first_feature = events.size();
    for (const auto& spec : specs) {
      events.emplace_back(scratch(), "feature:" + spec.name, spec.categorical ? ValueType::kInt32 : ValueType::kFloat);
    }
    sequences.emplace_back(scratch(), "id", ValueType::kText);
    for (const auto* name : {"begin", "train_end", "valid_end"})
      sequences.emplace_back(scratch(), name, ValueType::kInt64);
    Progress progress("writing events", 0, "events");
    std::vector<Piece> pieces(static_cast<std::size_t>(n_threads_));
    std::array<std::vector<std::int64_t>, 3> bounds;
    for_partitions([&](std::int64_t partition, std::size_t slot) { pieces[slot] = make_piece(partition); },
                   [&](std::size_t slot) {
                     const auto piece = std::exchange(pieces[slot], {});
                     events[0].append(std::span<const ItemRow>(piece.items));
                     if (has_times_) events[1].append(std::span<const std::int64_t>(piece.times));
                     if (has_rewards_) events[reward_column].append(std::span<const float>(piece.rewards));
                     for (std::size_t f = 0; f < specs.size(); ++f) {
                       if (specs[f].categorical) {
                         events[first_feature + f].append(std::span<const std::int32_t>(piece.features[f].codes));
                       } else {
                         events[first_feature + f].append(std::span<const float>(piece.features[f].values));
                       }
                     }
                     for (auto& column : bounds) column.clear();
                     for (std::size_t s = 0; s < piece.bounds.size(); ++s) {
                       sequences[0].append(piece.ids[s]);
                       bounds[0].push_back(n_events_ + piece.bounds[s].begin);
                       bounds[1].push_back(n_events_ + piece.bounds[s].train_end);
                       bounds[2].push_back(n_events_ + piece.bounds[s].valid_end);
                     }
                     for (std::size_t c = 0; c < 3; ++c)
                       sequences[c + 1].append(std::span<const std::int64_t>(bounds[c]));
                     n_events_ += static_cast<std::int64_t>(piece.items.size());
                     n_sequences_ += static_cast<std::int64_t>(piece.bounds.size());
                     n_read_sequences_ += piece.n_read_sequences;
                     for (std::size_t p = 0; p < 3; ++p) {
                       parts_[p].events += piece.parts[p].events;
                       parts_[p].unknown += piece.parts[p].unknown;
                       parts_[p].sequences += piece.parts[p].sequences;
                     }
                     progress.advance(static_cast<std::int64_t>(piece.items.size()));
                   });
    // The row after the last sequence holds where the events end, so that a column alone gives begin and end of each.
    sequences[0].append(std::string_view());
    for (std::size_t c = 1; c < 4; ++c) sequences[c].append(std::span<const std::int64_t>(&n_events_, 1));
    dataset::write_arrow_file(directory_ / dataset::kEventsFile, std::move(events));
    dataset::write_arrow_file(directory_ / dataset::kSequencesFile, std::move(sequences));
  }

  [[nodiscard]] Json manifest() const {
    Json parts = Json::object();
    constexpr std::array names = {"train", "validation", "test"};
    for (std::size_t p = 0; p < 3; ++p) {
      const auto& part = parts_[p];
      parts[names[p]] = {
          {"events", part.events},
          {"sequences", part.sequences},
          {"unknown_items",
           part.events == 0 ? 0.0 : static_cast<double>(part.unknown) / static_cast<double>(part.events)}};
    }
    Json cuts = Json::object();
    const bool of_time =
        options_.split == SplitKind::kTime || (options_.split == SplitKind::kLastSequences && has_times_);
    const auto add_cut = [&](const char* name, std::int64_t cut) {
      if (cut == kNever) return;
      if (of_time)
        cuts[name] = events::format_time(cut);
      else
        cuts[name] = cut;
    };
    add_cut("validation_from", cuts_.validation);
    add_cut("test_from", cuts_.test);
    Json files = Json::object();
    std::string sums = dataset::protocol_of(options_).dump();
    std::vector written = {dataset::kEventsFile, dataset::kSequencesFile, dataset::kItemsFile, dataset::kCountsFile,
                           dataset::kFeaturesFile};
    if (item_features_) written.insert(written.end(), {dataset::kItemFeaturesFile, dataset::kItemTransformsFile});
    for (const auto* name : written) {
      const auto path = directory_ / name;
      const auto sum = storage::file_checksum(path);
      files[name] = {{"bytes", fs::file_size(path)}, {"checksum", sum}};
      sums += sum;
    }
    Json counts = {{"events", n_events_},
                   {"sequences", n_sequences_},
                   {"items", items_.size()},
                   {"events_read", partitions_.n_rows()},
                   {"sequences_left_out", n_read_sequences_ - n_sequences_},
                   {"parts", std::move(parts)}};
    if (item_features_) {
      counts["item_rows_read"] = item_features_->n_rows;
      counts["items_not_listed"] = item_features_->n_not_listed;
    }
    return {{"format", dataset::kFormat},
            {"version", dataset::version_of(options_)},
            {"fingerprint", storage::checksum(sums)},
            {"source", dataset::source_of(options_, files_)},
            {"counts", std::move(counts)},
            {"protocol", dataset::protocol_of(options_)},
            {"cuts", std::move(cuts)},
            {"sequence_is_integer", sequence_is_integer_},
            {"skipped_rows", {{"n", skipped_.n}, {"examples", skipped_.examples}}},
            {"files", std::move(files)}};
  }
};

/// The manifest in place when it is of the same configuration and input files, and its files are there.
std::optional<Json> current_manifest(const DataOptions& options, const InputFiles& files) {
  try {
    const fs::path directory(options.prepared);
    if (!fs::exists(directory / dataset::kManifestFile)) return std::nullopt;
    auto manifest = read_json(directory / dataset::kManifestFile);
    check_format(manifest, dataset::kFormat, dataset::kVersion, options.prepared);
    if (json_get<std::string>(manifest, "source", options.prepared) != dataset::source_of(options, files))
      return std::nullopt;
    Dataset::open(directory, false);
    return manifest;
  } catch (const DataError& damaged) {
    log_info(std::string("preparing again: ") + damaged.what());
    return std::nullopt;
  }
}

}  // namespace

Json prepare(const DataOptions& options, int n_threads, bool force) {
  if (options.prepared.empty()) throw ConfigError("data.prepared: missing; name the directory of the prepared dataset");
  if (options.split == SplitKind::kTime && options.source.time_column.empty()) {
    throw ConfigError(
        "data.split.kind time needs data.columns.time; without times choose last_sequences, users, last_item or files");
  }
  if (options.items.has_intervals() && options.source.time_column.empty()) {
    throw ConfigError(
        "data.items.available_from and available_until need data.columns.time: which items are available depends on"
        " when events happen");
  }
  const auto files = dataset::find_files(options);
  if (!force) {
    if (auto manifest = current_manifest(options, files)) {
      log_info(options.prepared + ": prepared already from the same configuration and files");
      return *manifest;
    }
  }
  Json manifest;
  storage::write_directory_with(options.prepared, [&](const fs::path& directory) {
    manifest = Preparation(options, n_threads, files, directory).run();
    write_json(directory / dataset::kManifestFile, manifest);
  });
  return manifest;
}

}  // namespace segue
