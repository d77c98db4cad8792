#pragma once

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "model_file/bundle.h"
#include "models/gru_session.h"
#include "recommend/recommend.h"
#include "support/errors.h"
#include "support/random.h"
#include "support/storage.h"

namespace segue::recommend {

namespace fs = std::filesystem;

inline constexpr std::int32_t kItems = 40;
inline constexpr int kHistories = 300;
inline constexpr float kNoScore = -1e30F;  ///< of a line without a score

struct Event {
  int item;  // kItems and beyond: unknown to the model; -1: the request
  int device;
};

/// A row of CSV.
struct Line {
  std::string item;
  float score = 0;
  std::string carried;     ///< of re-ranked lists the source
  float source_score = 0;  ///< of re-ranked lists
};
using RankedLists = std::map<std::string, std::vector<Line>>;

inline std::string item_id(int item) { return "item " + std::to_string(item); }
inline const char* device_name(int device) { return device == 0 ? "phone" : device == 1 ? "desk" : "toaster"; }

/// A bundle of a small model with features of events and items, and histories to recommend for.
class RecommendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(::testing::TempDir()) /
                 (std::string("recommend_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    source_.sequence_column = "who";
    source_.item_column = "what";
    source_.time_column = "when";
    std::vector<std::string> ids;
    for (int i = 0; i < kItems; ++i) ids.push_back(item_id(i));
    model_ = make_bundle("bundle", 2, ids);
    Random random(9);
    for (int h = 0; h < kHistories; ++h) {
      std::vector<Event> history;
      const auto length = static_cast<int>(random.below(9));
      for (int e = 0; e < length; ++e) {
        history.push_back({static_cast<int>(random.below(kItems + 2)), static_cast<int>(random.below(3))});
      }
      if (length == 0 || random.below(2) == 0) history.push_back({-1, static_cast<int>(random.below(3))});
      histories_.push_back(history);
    }
    write_histories("all.csv", 0, kHistories);
  }
  void TearDown() override { fs::remove_all(directory_); }

  /// @param seed        of the weights; 0: all are zeros, and so are all scores
  /// @param max_length  recommend.max_length of the bundle; 0: it says nothing of it
  [[nodiscard]] std::unique_ptr<models::GruSession> make_bundle(const std::string& name, std::uint64_t seed,
                                                                const std::vector<std::string>& ids,
                                                                std::int64_t max_length = 0) const {
    fs::create_directories(directory_ / name);
    features::FeatureOptions device;
    device.name = device.column = "device";
    device.context = true;
    features::FeaturePipeline pipeline({device}, "when");
    events::EventTable table;
    events::Column column;
    column.name = "device";
    for (const char* value : {"phone", "phone", "desk"}) {
      ++table.n_rows;
      table.sequence.push_back("s");
      table.item.push_back("i");
      table.times_ms.push_back(0);
      table.rows.push_back(1);
      column.text.push_back(value);
    }
    table.columns.push_back(column);
    const std::vector<std::uint8_t> training(3, 1);
    pipeline.fit(table, training);
    pipeline.finish_fit();
    features::Vocabulary items;
    for (const auto& id : ids) items.add(id);

    models::GruSessionOptions options;
    options.embedding_dim = 8;
    options.hidden_dim = 12;
    options.visited_weights = true;
    features::FeatureOptions kind;
    kind.name = kind.column = "kind";
    features::FeaturePipeline item_pipeline({kind}, "");
    events::EventTable item_table;
    item_table.n_rows = kItems;
    item_table.columns.resize(1);
    item_table.columns[0].name = "kind";
    for (int i = 0; i < kItems; ++i) item_table.columns[0].text.push_back(i % 3 == 0 ? "hotel" : "hostel");
    item_pipeline.fit(item_table, std::vector<std::uint8_t>(kItems, 1));
    item_pipeline.finish_fit();
    std::vector<std::int32_t> kinds;
    for (int i = 0; i < kItems; ++i) kinds.push_back(i % 3 == 0 ? 2 : 1);
    kinds.push_back(0);  // the unknown item
    models::ItemFeatures item_features;
    item_features.add(item_pipeline.specs()[0], kinds, {});
    auto model = std::make_unique<models::GruSession>(options, kItems, pipeline.specs(), item_features);
    model->initialize(4);
    std::map<std::string, model_file::TensorBytes> weights;
    Random random(seed);
    for (const auto& [parameter_name, parameter] : model->parameters()) {
      auto* data = parameter.mutable_data_ptr<float>();
      for (std::int64_t i = 0; i < parameter.numel(); ++i)
        data[i] = seed == 0 ? 0 : data[i] + static_cast<float>(0.5 * random.normal());
      weights[parameter_name] = {
          model_file::DType::kF32, parameter.sizes().vec(), {reinterpret_cast<const char*>(data), parameter.nbytes()}};
    }
    Json manifest;
    manifest["model"] = {{"kind", "gru_session"}, {"options", options.to_json()}};
    if (max_length > 0) manifest["recommend"]["max_length"] = max_length;
    const std::string_view bytes(reinterpret_cast<const char*>(kinds.data()), kinds.size() * sizeof(kinds[0]));
    model_file::ItemTables tables;
    tables.pipeline = item_pipeline;
    tables.available_from_ms = available_from_ms_;
    tables.available_until_ms = available_until_ms_;
    tables.tables["kind"] = {model_file::DType::kI32, {kItems + 1}, bytes};
    model_file::write_bundle_files(directory_ / name, manifest, items, pipeline, weights, tables);
    return model;
  }

  void write_histories(const std::string& name, int first, int last) {
    std::ofstream file(directory_ / name);
    file << "who,what,when,device\n";
    for (int h = first; h < last; ++h) {
      int time = 1000;
      for (const auto& event : histories_[static_cast<std::size_t>(h)]) {
        file << "w" << h << ',' << (event.item < 0 ? "" : item_id(event.item)) << ',' << time++ << ','
             << device_name(event.device) << '\n';
      }
    }
  }

  Json run(const std::string& histories, const std::string& out, const RecommendOptions& options, int n_threads = 1) {
    return recommend(directory_ / "bundle", source_, {(directory_ / histories).string()}, directory_ / out, options,
                     kernels::Device{kernels::Device::Kind::kCpu, n_threads});
  }

  [[nodiscard]] std::string text_of(const std::string& out) const {
    std::vector<fs::path> shards;
    for (const auto& entry : fs::directory_iterator(directory_ / out)) {
      if (entry.path().filename().string().starts_with("part-")) shards.push_back(entry.path());
    }
    std::sort(shards.begin(), shards.end());
    std::string text;
    for (const auto& shard : shards) {
      const auto bytes = storage::read_file(shard);
      text += bytes.substr(bytes.find('\n') + 1);
    }
    return text;
  }

  [[nodiscard]] RankedLists lists_of(const std::string& out) const {
    RankedLists lists;
    std::istringstream text(text_of(out));
    for (std::string row; std::getline(text, row);) {
      std::vector<std::string> cells;
      std::istringstream line(row);
      for (std::string cell; std::getline(line, cell, ',');) cells.push_back(cell);
      auto& list = lists[cells[0]];
      EXPECT_EQ(cells[1], std::to_string(list.size() + 1));
      const float score = cells[3].empty() ? kNoScore : std::stof(cells[3]);
      list.push_back({cells[2], score, cells.size() > 4 ? cells[4] : "", cells.size() > 5 ? std::stof(cells[5]) : 0});
    }
    return lists;
  }

  /// Every item's score by the formula of models/gru_session.h; the vector comes from the eager model.
  [[nodiscard]] std::vector<float> expected_scores(int h, std::int64_t max_length) const {
    const at::NoGradGuard no_grad;
    auto history = histories_[static_cast<std::size_t>(h)];
    const auto code = [](int device) { return device < 2 ? device + 1 : 0; };
    std::int64_t n_more = 0;
    Event request{};
    if (history.back().item < 0) {
      n_more = 1;
      request = history.back();
      history.pop_back();
    }
    std::vector<std::int32_t> items, codes;
    if (history.empty()) history.push_back({kItems, request.device});
    if (static_cast<std::int64_t>(history.size()) > max_length)
      history.erase(history.begin(), history.end() - max_length);
    for (const auto& event : history) {
      items.push_back(std::min(event.item, kItems));
      codes.push_back(code(event.device));
    }
    items.push_back(kItems);
    codes.push_back(code(request.device));
    batching::FeatureColumns columns;
    columns.specs = model_->features();
    columns.codes = {codes.data()};
    columns.values = {nullptr};
    batching::BatchOptions options;
    options.n_items = kItems;
    const auto length = static_cast<std::int64_t>(history.size());
    const auto batch = batching::make_batch({{0, items.data(), length, n_more, 0}}, columns, options);
    auto scores = (at::matmul(model_->last(batch), model_->item_vectors().t()) + model_->output_bias()).contiguous();
    std::vector<float> result(scores.const_data_ptr<float>(), scores.const_data_ptr<float>() + kItems);
    const auto* weights = model_->visited_weights().const_data_ptr<float>();
    std::set<int> visited;
    for (const auto& event : history) visited.insert(event.item);
    for (const int item : visited) {
      if (item < kItems) result[static_cast<std::size_t>(item)] += weights[item == history.back().item ? 0 : 1];
    }
    return result;
  }

  void expect_lists(const RankedLists& lists, std::int64_t k, std::int64_t max_length,
                    const std::function<bool(int h, int item)>& candidate) const {
    ASSERT_EQ(lists.size(), static_cast<std::size_t>(kHistories));
    for (int h = 0; h < kHistories; ++h) {
      const auto scores = expected_scores(h, max_length);
      std::vector<int> order;
      for (int i = 0; i < kItems; ++i) {
        if (candidate(h, i)) order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
      });
      const auto& list = lists.at("w" + std::to_string(h));
      ASSERT_EQ(list.size(), std::min(order.size(), static_cast<std::size_t>(k))) << h;
      for (std::size_t i = 0; i < list.size(); ++i) {
        ASSERT_EQ(list[i].item, item_id(order[i])) << "history " << h << ", rank " << i + 1;
        ASSERT_NEAR(list[i].score, scores[static_cast<std::size_t>(order[i])], 2e-5) << h;
      }
    }
  }

  [[nodiscard]] bool seen(int h, int item) const {
    const auto& history = histories_[static_cast<std::size_t>(h)];
    return std::any_of(history.begin(), history.end(), [&](const Event& event) { return event.item == item; });
  }

  static RecommendOptions csv_options() {
    RecommendOptions options;
    options.format = OutputFormat::kCsv;
    options.k = 7;
    return options;
  }

  fs::path directory_;
  events::SourceOptions source_;
  std::unique_ptr<models::GruSession> model_;
  std::vector<std::vector<Event>> histories_;
  std::vector<std::int64_t> available_from_ms_, available_until_ms_;  ///< of bundles made from now on
};

}  // namespace segue::recommend
