#include "recommend/recommend.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "recommend/bundle_index.h"
#include "recommend/bundle_model.h"
#include "recommend/history_reader.h"
#include "recommend/item_filter.h"
#include "recommend/list_ranker.h"
#include "recommend/lists.h"
#include "recommend/output_directory.h"
#include "recommend/second_stage.h"
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

void check_carry(const RecommendOptions& options) {
  std::set<std::string> names = {"sequence", "rank", "item", "score"};
  if (!options.rerank.bundle.empty()) names.insert({"source", "source_score"});
  for (const auto& name : options.carry) {
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

void warn_of_unknown(const ItemFilter& filter) {
  if (filter.n_unknown() > 0)
    log_warning(with_thousands(filter.n_unknown()) + " ids of the allow and deny lists are unknown to the model");
  for (const auto& value : filter.unknown_values()) log_warning("recommend.where: no item has the " + value);
}

/// Equal for two runs that write the same bytes.
Json identity_of(const model_file::Bundle& bundle, const item_index::ItemIndex* index, const SecondStage* second,
                 const std::vector<std::filesystem::path>& files, const events::SourceOptions& source,
                 const RecommendOptions& options, const Plan& plan) {
  Json identity = {{"format", "segue recommendations"}, {"version", 1}};
  identity["bundle"] = bundle.manifest.at("checksum");
  if (index != nullptr) identity["index"] = index->manifest().to_json().at("checksum");
  if (second != nullptr) {
    identity["rerank"] = {{"bundle", second->model().bundle.manifest.at("checksum")},
                          {"candidates", options.rerank.candidates}};
  }
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
  for (const auto& [feature, values, exclude] : options.where)
    identity["options"]["where"].push_back({feature, values, exclude});
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

/// @param reranker  nullptr: the ranker's own lists of k
Lists rank_chunk(const HistoryChunk& chunk, const ListRanker& ranker, const Reranker* reranker, std::int64_t k,
                 int n_threads) {
  const auto n = static_cast<std::int64_t>(chunk.histories.size());
  Lists lists(chunk.histories.size(), k);
  if (reranker != nullptr) lists.source_scores.resize(lists.items.size());
  const std::int64_t n_batches = (n + kHistoriesPerBatch - 1) / kHistoriesPerBatch;
  parallel_ranges(n_batches, 1, n_threads, [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
    for (std::int64_t batch = begin; batch < end; ++batch) {
      const auto first = static_cast<std::size_t>(batch * kHistoriesPerBatch);
      const auto count = std::min(chunk.histories.size() - first, static_cast<std::size_t>(kHistoriesPerBatch));
      if (reranker == nullptr) {
        const auto at = first * static_cast<std::size_t>(k), slots = count * static_cast<std::size_t>(k);
        ranker.rank(chunk, first, count, std::span(lists.items).subspan(at, slots),
                    std::span(lists.scores).subspan(at, slots));
        continue;
      }
      Lists candidates(count, ranker.k());
      ranker.rank(chunk, first, count, candidates.items, candidates.scores);
      reranker->order(chunk, first, count, candidates, lists);
    }
  });
  return lists;
}

void write_chunk(const HistoryChunk& chunk, const Lists& lists, const std::vector<std::size_t>& carried_columns,
                 ShardWriter& writer) {
  std::vector<std::string_view> carried(carried_columns.size());
  for (std::size_t h = 0; h < chunk.histories.size(); ++h) {
    const auto& history = chunk.histories[h];
    const auto last = history.begin + history.n_events - (history.has_request ? 0 : 1);
    for (std::size_t c = 0; c < carried.size(); ++c) carried[c] = chunk.table.columns[carried_columns[c]].text[last];
    const auto at = h * static_cast<std::size_t>(lists.k);
    const float* source_scores = lists.source_scores.empty() ? nullptr : &lists.source_scores[at];
    writer.add(chunk.table.sequence[last], {lists.k, &lists.items[at], &lists.scores[at], source_scores}, carried);
  }
  writer.end_block();
}

struct Counts {
  std::int64_t n_rows = 0, n_without_score = 0, n_unknown = 0, n_empty = 0, n_shortened = 0, n_kept_shards = 0;
  void add(const HistoryChunk& chunk, std::int64_t max_length) {
    n_unknown += chunk.inputs.front().n_unknown;
    for (const auto& history : chunk.histories) {
      n_empty += history.was_empty ? 1 : 0;
      n_shortened += static_cast<std::int64_t>(history.n_events) > max_length ? 1 : 0;
    }
  }
  void add(const Lists& lists) {
    n_rows +=
        static_cast<std::int64_t>(lists.items.size()) - std::count(lists.items.begin(), lists.items.end(), kNoItem);
    n_without_score += std::count_if(lists.scores.begin(), lists.scores.end(), [](float s) { return std::isnan(s); });
  }
};

}  // namespace

Json recommend(const std::filesystem::path& bundle, const events::SourceOptions& source,
               const std::vector<std::string>& histories, const std::filesystem::path& out,
               const RecommendOptions& options, const kernels::Device& device, Existing existing) {
  const auto started = std::chrono::steady_clock::now();
  check_carry(options);
  const auto model = BundleModel::open(bundle);
  const auto& items = model.bundle.items;
  const ItemFilter filter(model.bundle, options.allow_list, options.deny_list, options.where);
  if (filter.has_intervals() && source.time_column.empty()) {
    throw ConfigError(
        "data.columns.time: the items of this bundle are available in intervals of time, so that it must be known when"
        " each history asks; name the column of the times of the histories: data.columns.time=COLUMN");
  }
  warn_of_unknown(filter);
  const auto second = options.rerank.bundle.empty() ? nullptr : SecondStage::open(options.rerank.bundle, model);
  const std::int64_t k = std::min<std::int64_t>(options.k, items.size());
  const std::int64_t n_found = second ? std::min<std::int64_t>(options.rerank.candidates, items.size()) : k;
  const auto index = open_bundle_index(bundle, model);
  // A filter reads the whole of a history.
  const std::int64_t max_length = model.model.filter ? std::numeric_limits<std::int64_t>::max() : options.max_length;
  const auto ranker = make_list_ranker(model, index.get(), filter, max_length, n_found, options.hide_seen, device);

  const auto files = events::expand_globs(histories);
  std::vector<InputForm> forms = {{items, model.bundle.pipeline}};
  if (second) forms.push_back({second->model().bundle.items, second->model().bundle.pipeline});
  HistoryReader reader(files, source, std::move(forms), options.carry);
  const auto survey = survey_histories(files, source, reader.requests());
  const Plan plan{survey.n_histories, options.shard_histories,
                  std::clamp<std::int64_t>(kScoresPerBlock / k, kHistoriesPerBatch, kHistoriesPerBlock)};
  const OutputDirectory directory(out,
                                  identity_of(model.bundle, index.get(), second.get(), files, source, options, plan),
                                  plan.n_shards(), options.format, existing);
  const ShardSchema schema{options.format, survey.sequence_is_integer, second ? model.kind() : "", options.carry};
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
          const auto lists = rank_chunk(chunk, *ranker, second ? &second->reranker() : nullptr, k, device.n_threads);
          counts.add(lists);
          write_chunk(chunk, lists, reader.carried_columns(), *writer);
        });
        writer->close();
      });
    }
    progress.finish();
    directory.succeed();
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  Json result = {{"out", out.string()},
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
  if (second) result["rows_without_score"] = counts.n_without_score;
  return result;
}

}  // namespace segue::recommend
