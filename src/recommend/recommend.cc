#include "recommend/recommend.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <limits>
#include <optional>
#include <set>

#include "recommend/bundle_index.h"
#include "recommend/bundle_model.h"
#include "recommend/history_reader.h"
#include "recommend/item_filter.h"
#include "recommend/list_ranker.h"
#include "recommend/output_directory.h"
#include "recommend/shard_writer.h"
#include "recommend/survey.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "support/progress.h"
#include "support/storage.h"
#include "support/threads.h"

namespace segue::recommend {
namespace {

constexpr std::int64_t kHistoriesPerBlock = 4096;  // read ahead while the one before is computed
constexpr std::int64_t kScoresPerBlock = 1 << 20;  // longer lists: smaller blocks
constexpr std::int64_t kHistoriesPerBatch = 64;    // one forward, on one thread

void check_carry(const std::vector<std::string>& carry) {
  std::set<std::string> names = {"sequence", "rank", "item", "score"};
  for (const auto& name : carry) {
    if (!names.insert(name).second) throw UsageError("recommend.carry: the output has a column '" + name + "' already");
  }
}

/// Where shards and blocks begin: a block never crosses into the next shard.
struct Plan {
  std::int64_t n_histories, per_shard, per_block;
  [[nodiscard]] std::int64_t n_shards() const { return (n_histories + per_shard - 1) / per_shard; }
  [[nodiscard]] std::int64_t block_size(std::int64_t first) const {
    if (first >= n_histories) return 0;
    return std::min({per_block, per_shard - first % per_shard, n_histories - first});
  }
};

/// Equal for two runs that write the same bytes.
Json identity_of(const model_file::Bundle& bundle, const item_index::ItemIndex* index,
                 const std::vector<std::filesystem::path>& files, const events::SourceOptions& source,
                 const RecommendOptions& options, const Plan& plan) {
  Json identity = {{"format", "segue recommendations"}, {"version", 1}};
  identity["bundle"] = bundle.manifest.at("checksum");
  if (index != nullptr) identity["index"] = index->manifest().to_json().at("checksum");
  identity["histories"] = plan.n_histories;
  identity["files"] = Json::array();
  for (const auto& file : files) {
    identity["files"].push_back({{"path", file.string()},
                                 {"bytes", std::filesystem::file_size(file)},
                                 {"changed", std::filesystem::last_write_time(file).time_since_epoch().count()}});
  }
  identity["source"] = {static_cast<int>(source.format),
                        source.delimiter,
                        source.header,
                        static_cast<int>(source.on_bad_row),
                        static_cast<int>(source.time_format),
                        source.sequence_column,
                        source.item_column,
                        source.time_column};
  const auto list_checksum = [](const std::string& path) {
    return path.empty() ? std::string() : storage::file_checksum(path);
  };
  identity["options"] = {{"k", options.k},
                         {"hide_seen", options.hide_seen},
                         {"carry", options.carry},
                         {"allow_list", list_checksum(options.allow_list)},
                         {"deny_list", list_checksum(options.deny_list)},
                         {"format", extension_of(options.format)},
                         {"shard_histories", options.shard_histories},
                         {"max_length", options.max_length}};
  return identity;
}

/// Chunks of histories in order, read one ahead on a thread of its own.
class Prefetch {
 public:
  explicit Prefetch(HistoryReader& reader) : reader_(reader) {}
  /// @param n      histories of this chunk
  /// @param ahead  of the next one, read meanwhile; 0: none
  HistoryChunk next(std::int64_t n, std::int64_t ahead) {
    HistoryChunk chunk = pending_ ? pending_->get() : read(n);
    pending_.reset();
    if (ahead > 0) pending_ = std::async(std::launch::async, [this, ahead] { return read(ahead); });
    return chunk;
  }

 private:
  HistoryChunk read(std::int64_t n) {
    HistoryChunk chunk;
    reader_.next(chunk, n);
    if (static_cast<std::int64_t>(chunk.histories.size()) != n)
      throw DataError("the histories changed while they were read: run the command again");
    return chunk;
  }
  HistoryReader& reader_;
  std::optional<std::future<HistoryChunk>> pending_;
};

struct Lists {
  std::vector<std::int32_t> items;
  std::vector<float> scores;
};

Lists rank_chunk(const HistoryChunk& chunk, const ListRanker& ranker, int n_threads) {
  const auto n = static_cast<std::int64_t>(chunk.histories.size());
  const auto k = static_cast<std::size_t>(ranker.k());
  Lists lists;
  lists.items.resize(chunk.histories.size() * k);
  lists.scores.resize(lists.items.size());
  const std::int64_t n_batches = (n + kHistoriesPerBatch - 1) / kHistoriesPerBatch;
  parallel_ranges(n_batches, 1, n_threads, [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
    for (std::int64_t batch = begin; batch < end; ++batch) {
      const auto first = static_cast<std::size_t>(batch * kHistoriesPerBatch);
      const auto count = std::min(chunk.histories.size() - first, static_cast<std::size_t>(kHistoriesPerBatch));
      ranker.rank(chunk, first, count, std::span(lists.items).subspan(first * k, count * k),
                  std::span(lists.scores).subspan(first * k, count * k));
    }
  });
  return lists;
}

void write_chunk(const HistoryChunk& chunk, const Lists& lists, std::int64_t k,
                 const std::vector<std::size_t>& carried_columns, ShardWriter& writer) {
  std::vector<std::string_view> carried(carried_columns.size());
  for (std::size_t h = 0; h < chunk.histories.size(); ++h) {
    const auto& history = chunk.histories[h];
    const auto last = history.begin + history.n_events - (history.has_request ? 0 : 1);
    for (std::size_t c = 0; c < carried.size(); ++c) carried[c] = chunk.table.columns[carried_columns[c]].text[last];
    const auto at = h * static_cast<std::size_t>(k);
    writer.add(chunk.table.sequence[last], &lists.items[at], &lists.scores[at], k, carried);
  }
  writer.end_block();
}

struct Counts {
  std::int64_t n_rows = 0, n_unknown = 0, n_empty = 0, n_shortened = 0, n_kept_shards = 0;
  void add(const HistoryChunk& chunk, std::int64_t max_length) {
    n_unknown += chunk.n_unknown;
    for (const auto& history : chunk.histories) {
      n_empty += history.was_empty ? 1 : 0;
      n_shortened += static_cast<std::int64_t>(history.n_events) > max_length ? 1 : 0;
    }
  }
};

}  // namespace

Json recommend(const std::filesystem::path& bundle, const events::SourceOptions& source,
               const std::vector<std::string>& histories, const std::filesystem::path& out,
               const RecommendOptions& options, int n_threads, Existing existing) {
  const auto started = std::chrono::steady_clock::now();
  check_carry(options.carry);
  const auto model = BundleModel::open(bundle);
  const auto& items = model.bundle.items;
  const ItemFilter filter(items, options.allow_list, options.deny_list, model.bundle.available_from_ms,
                          model.bundle.available_until_ms);
  if (filter.has_intervals() && source.time_column.empty()) {
    throw ConfigError(
        "data.columns.time: the items of this bundle are available in intervals of time, so that it must be known when"
        " each history asks; name the column of the times of the histories: data.columns.time=COLUMN");
  }
  if (filter.n_unknown() > 0)
    log_warning(with_thousands(filter.n_unknown()) + " ids of the allow and deny lists are unknown to the model");
  const std::int64_t k = std::min<std::int64_t>(options.k, items.size());
  const auto index = open_bundle_index(bundle, model);
  // A filter reads the whole of a history.
  const std::int64_t max_length = model.model.filter ? std::numeric_limits<std::int64_t>::max() : options.max_length;
  const auto ranker = make_list_ranker(model, index.get(), filter, max_length, k, options.hide_seen);

  const auto files = events::expand_globs(histories);
  HistoryReader reader(files, source, model.bundle.pipeline, items, options.carry);
  const auto survey = survey_histories(files, source, reader.requests());
  const Plan plan{survey.n_histories, options.shard_histories,
                  std::clamp<std::int64_t>(kScoresPerBlock / k, kHistoriesPerBatch, kHistoriesPerBlock)};
  const OutputDirectory directory(out, identity_of(model.bundle, index.get(), files, source, options, plan),
                                  plan.n_shards(), options.format, existing);
  const ShardSchema schema{options.format, survey.sequence_is_integer, options.carry};
  Counts counts;
  const bool was_finished = directory.finished();
  if (!was_finished) {
    Prefetch prefetch(reader);
    Progress progress("recommending", plan.n_histories, "histories");
    for (std::int64_t shard = 0; shard < plan.n_shards(); ++shard) {
      const auto each_chunk = [&](const auto& use) {
        const auto end = std::min((shard + 1) * plan.per_shard, plan.n_histories);
        for (std::int64_t first = shard * plan.per_shard; first < end;) {
          if (const int signal = interrupt_signal(); signal != 0)
            throw Interrupted(signal, "interrupted; finished shards stay in " + out.string() +
                                          ": the same command with --resume goes on");
          const auto n = plan.block_size(first);
          const auto chunk = prefetch.next(n, plan.block_size(first + n));
          counts.add(chunk, max_length);
          use(chunk);
          progress.advance(n);
          first += n;
        }
      };
      if (directory.has_shard(shard)) {
        ++counts.n_kept_shards;
        each_chunk([](const HistoryChunk&) {});
        continue;
      }
      storage::write_file_with(directory.shard(shard), [&](const std::filesystem::path& aside) {
        const auto writer = ShardWriter::open(aside, schema, items);
        each_chunk([&](const HistoryChunk& chunk) {
          const auto lists = rank_chunk(chunk, *ranker, n_threads);
          counts.n_rows += static_cast<std::int64_t>(lists.items.size()) -
                           std::count(lists.items.begin(), lists.items.end(), kNoItem);
          write_chunk(chunk, lists, k, reader.carried_columns(), *writer);
        });
        writer->close();
      });
    }
    progress.finish();
    directory.succeed();
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return {{"out", out.string()},
          {"histories", plan.n_histories},
          {"rows", counts.n_rows},
          {"shards", plan.n_shards()},
          {"shards_kept", was_finished ? plan.n_shards() : counts.n_kept_shards},
          {"unknown_items", counts.n_unknown},
          {"empty_histories", counts.n_empty},
          {"shortened_histories", counts.n_shortened},
          {"skipped_rows", survey.skipped.n},
          {"seconds", seconds},
          {"histories_per_s", static_cast<double>(plan.n_histories) / seconds}};
}

}  // namespace segue::recommend
