// The scripted module against the eager model: the same numbers, saved and loaded again, whatever the options.
#include "torchscript/author.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "batching/batch.h"
#include "support/random.h"

namespace segue::torchscript {
namespace {

constexpr std::int32_t kItems = 17;
constexpr double kRelative = 1e-6;  // of the largest number: both sum the same float32 products in another order

using Options = models::GruSessionOptions;

struct OptionSet {
  std::string name;
  std::function<void(Options&)> change;
};

std::vector<features::FeatureSpec> feature_specs() {
  return {{"device", true, 4, true, true},
          {"stay of nights, 100%", false, 0, false, true},  // a name that is no identifier
          {"month", true, 13, true, false},
          {"price", false, 0, true, false},
          {"unused", true, 3, false, false}};
}

/// What is known of the items, the unknown one too; names that are no identifiers.
models::ItemFeatures item_features() {
  Random random(21);
  std::vector<std::int32_t> codes;
  std::vector<float> values;
  for (std::int32_t item = 0; item <= kItems; ++item) {
    codes.push_back(static_cast<std::int32_t>(random.below(5)));
    values.push_back(static_cast<float>(random.normal()));
  }
  models::ItemFeatures features;
  features.add({"a genre: \"noir\"", true, 5, false, true}, codes, {});
  features.add({"year", false, 0, false, true}, {}, values);
  std::vector<std::int32_t> words;
  std::vector<std::int64_t> offsets = {0};
  for (std::int32_t item = 0; item <= kItems; ++item) {
    for (std::int32_t code = 0; item < kItems && code < 6; ++code)
      if (random.below(3) == 0) words.push_back(code);
    offsets.push_back(static_cast<std::int64_t>(words.size()));
  }
  features.add({"words, several", true, 6, false, true, true}, words, {}, offsets);
  return features;
}

/// Some histories of lengths 1 to 6, with the event to predict behind each.
struct Histories {
  std::vector<std::int64_t> lengths = {3, 1, 6, 2, 6};
  std::vector<std::int32_t> items;
  std::vector<std::vector<std::int32_t>> codes;
  std::vector<std::vector<float>> values;
  std::vector<std::int64_t> offsets;

  explicit Histories(const std::vector<features::FeatureSpec>& specs) : codes(specs.size()), values(specs.size()) {
    Random random(3);
    for (const auto length : lengths) {
      offsets.push_back(static_cast<std::int64_t>(items.size()));
      for (std::int64_t i = 0; i <= length; ++i) {
        items.push_back(static_cast<std::int32_t>(random.below(kItems + 1)));  // the unknown item too
        for (std::size_t f = 0; f < specs.size(); ++f) {
          if (specs[f].categorical) {
            codes[f].push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(specs[f].n_codes))));
          } else {
            values[f].push_back(static_cast<float>(random.normal()));
          }
        }
      }
    }
    items[static_cast<std::size_t>(offsets[2]) + 1] = items[static_cast<std::size_t>(offsets[2]) + 5];  // a revisit
  }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(lengths.size()); }
};

/// The arguments of the scripted methods.
struct Padded {
  at::Tensor items, lengths;
  std::vector<at::Tensor> history, context;
};

Padded pad(const Histories& histories, const std::vector<features::FeatureSpec>& specs) {
  const auto n = histories.size(), longest = *std::max_element(histories.lengths.begin(), histories.lengths.end());
  Padded padded;
  padded.lengths = at::tensor(histories.lengths, at::kLong);
  const auto fill = [&](const auto& value) {
    at::Tensor tensor = at::zeros({n, longest}, at::kDouble);
    for (std::int64_t row = 0; row < n; ++row) {
      for (std::int64_t step = 0; step < histories.lengths[static_cast<std::size_t>(row)]; ++step) {
        tensor.index_put_({at::tensor(row), at::tensor(step)},
                          at::tensor(static_cast<double>(value(
                              static_cast<std::size_t>(histories.offsets[static_cast<std::size_t>(row)] + step)))));
      }
    }
    return tensor;
  };
  padded.items = fill([&](std::size_t at) { return histories.items[at]; }).to(at::kLong);
  for (std::size_t f = 0; f < specs.size(); ++f) {
    const auto column = [&](std::size_t shift) {
      const auto tensor = fill([&](std::size_t at) {
        return specs[f].categorical ? static_cast<double>(histories.codes[f][at + shift])
                                    : static_cast<double>(histories.values[f][at + shift]);
      });
      return tensor.to(specs[f].categorical ? at::kLong : at::kFloat);
    };
    if (specs[f].history) padded.history.push_back(column(0));
    if (specs[f].context) padded.context.push_back(column(1));
  }
  return padded;
}

/// Session vectors of the eager model, in the order of the histories.
at::Tensor eager_vectors(models::GruSession& model, const Histories& histories) {
  batching::FeatureColumns columns;
  columns.specs = model.features();
  for (std::size_t f = 0; f < columns.specs.size(); ++f) {
    columns.codes.push_back(columns.specs[f].categorical ? histories.codes[f].data() : nullptr);
    columns.values.push_back(columns.specs[f].categorical ? nullptr : histories.values[f].data());
  }
  std::vector<batching::SequenceView> views;
  for (std::size_t row = 0; row < histories.lengths.size(); ++row) {
    views.push_back({static_cast<std::int64_t>(row), histories.items.data() + histories.offsets[row],
                     histories.lengths[row], 1, histories.offsets[row]});
  }
  batching::BatchOptions options;
  options.n_items = kItems;
  const auto batch = batching::make_batch(views, columns, options);
  const auto sorted = model.last(batch);
  auto vectors = at::zeros_like(sorted);
  for (std::size_t row = 0; row < batch.sequences.size(); ++row) {
    vectors[batch.sequences[row]].copy_(sorted[static_cast<std::int64_t>(row)]);
  }
  return vectors;
}

/// The formula of models/gru_session.h, item by item.
at::Tensor eager_scores(models::GruSession& model, const Histories& histories, const at::Tensor& vectors) {
  auto scores = at::matmul(vectors, model.item_vectors().t());
  if (model.output_bias().defined()) scores = scores + model.output_bias();
  scores = scores.contiguous();
  if (!model.visited_weights().defined()) return scores;
  const auto* weights = model.visited_weights().const_data_ptr<float>();
  for (std::size_t row = 0; row < histories.lengths.size(); ++row) {
    const auto* begin = histories.items.data() + histories.offsets[row];
    const auto* end = begin + histories.lengths[row];
    for (std::int32_t item = 0; item < kItems; ++item) {
      if (std::find(begin, end, item) == end) continue;
      scores.mutable_data_ptr<float>()[static_cast<std::int64_t>(row) * kItems + item] +=
          item == end[-1] ? weights[0] : weights[1];
    }
  }
  return scores;
}

void expect_near(const at::Tensor& actual, const at::Tensor& expected, const std::string& what) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  const double largest = expected.abs().max().item<double>();
  EXPECT_LE((actual - expected).abs().max().item<double>(), kRelative * std::max(largest, 1.0)) << what;
}

class AuthorTest : public ::testing::TestWithParam<OptionSet> {
 protected:
  void SetUp() override {
    Options options;
    options.embedding_dim = 6;
    options.hidden_dim = 10;
    options.feature_dim = 3;
    GetParam().change(options);
    const auto specs = options.embedding_dim == 5 ? std::vector<features::FeatureSpec>() : feature_specs();
    const bool of_items = GetParam().name.find("item_features") != std::string::npos;
    model_ = std::make_unique<models::GruSession>(options, kItems, specs,
                                                  of_items ? item_features() : models::ItemFeatures());
    model_->initialize(11);
    // Biases and scales start at 0 and 1: other numbers show whether each is read at its place.
    Random random(5);
    for (const auto& [name, parameter] : model_->parameters()) {
      auto* data = parameter.mutable_data_ptr<float>();
      for (std::int64_t i = 0; i < parameter.numel(); ++i) data[i] += static_cast<float>(0.2 * random.normal());
    }
    histories_ = std::make_unique<Histories>(specs);
    padded_ = pad(*histories_, specs);
    path_ = std::filesystem::path(::testing::TempDir()) / ("author_" + GetParam().name + ".pt");
    write_model(*model_, path_, "\"a\"\n\"b\"\n");
    extra_ = {{"items.txt", ""}, {"README", ""}};
    module_ = torch::jit::load(path_.string(), std::nullopt, extra_);
    module_.eval();
  }
  void TearDown() override { std::filesystem::remove(path_); }

  at::NoGradGuard no_grad_;
  std::unique_ptr<models::GruSession> model_;
  std::unique_ptr<Histories> histories_;
  Padded padded_;
  std::filesystem::path path_;
  torch::jit::ExtraFilesMap extra_;
  torch::jit::Module module_;
};

TEST_P(AuthorTest, ForwardIsTheEagerModel) {
  const auto expected = eager_vectors(*model_, *histories_);
  for (int call = 0; call < 3; ++call) {  // the profiling executor rewrites the graph after the first calls
    const auto vectors =
        module_.get_method("forward")({padded_.items, padded_.lengths, padded_.history, padded_.context}).toTensor();
    expect_near(vectors, expected, GetParam().name);
  }
}

TEST_P(AuthorTest, StepsAreAFullReplay) {
  const auto whole =
      module_.get_method("forward")({padded_.items, padded_.lengths, padded_.history, padded_.context}).toTensor();
  for (std::int64_t row = 0; row < histories_->size(); ++row) {
    auto state = module_.get_method("initial_state")({std::int64_t{1}}).toTensor();
    at::Tensor vectors;
    const auto column = [&](const std::vector<at::Tensor>& padded, std::int64_t step) {
      std::vector<at::Tensor> values;
      for (const auto& tensor : padded) values.push_back(tensor[row].narrow(0, step, 1));
      return values;
    };
    for (std::int64_t step = 0; step < histories_->lengths[static_cast<std::size_t>(row)]; ++step) {
      const auto after = module_
                             .get_method("step")({state, padded_.items[row].narrow(0, step, 1),
                                                  column(padded_.history, step), column(padded_.context, step)})
                             .toTuple();
      state = after->elements()[0].toTensor();
      vectors = after->elements()[1].toTensor();
    }
    expect_near(vectors[0], whole[row], GetParam().name + ", history " + std::to_string(row));
  }
}

TEST_P(AuthorTest, RecommendsByTheFormula) {
  const auto expected = eager_scores(*model_, *histories_, eager_vectors(*model_, *histories_));
  for (const bool hide_seen : {false, true}) {
    auto scores = expected.clone();
    if (hide_seen) {
      for (std::size_t row = 0; row < histories_->lengths.size(); ++row) {
        for (std::int64_t i = 0; i < histories_->lengths[row]; ++i) {
          const auto item = histories_->items[static_cast<std::size_t>(histories_->offsets[row] + i)];
          if (item < kItems) scores[static_cast<std::int64_t>(row)][item] = -1e30;
        }
      }
    }
    const auto answer = module_
                            .get_method("recommend")({padded_.items, padded_.lengths, padded_.history, padded_.context,
                                                      std::int64_t{5}, hide_seen})
                            .toTuple();
    const auto best = at::topk(scores, 5);
    expect_near(answer->elements()[0].toTensor(), std::get<0>(best), GetParam().name);
    EXPECT_TRUE(at::equal(answer->elements()[1].toTensor(), std::get<1>(best))) << GetParam().name;
  }
}

TEST_P(AuthorTest, PaddingIsNotRead) {
  const auto whole =
      module_.get_method("forward")({padded_.items, padded_.lengths, padded_.history, padded_.context}).toTensor();
  auto items = padded_.items.clone();
  for (std::int64_t row = 0; row < histories_->size(); ++row) {
    const auto length = histories_->lengths[static_cast<std::size_t>(row)];
    items[row].narrow(0, length, items.size(1) - length).fill_(3);
  }
  const auto again =
      module_.get_method("forward")({items, padded_.lengths, padded_.history, padded_.context}).toTensor();
  EXPECT_TRUE(at::equal(again, whole));
  const std::int64_t more_than_there_are = 1000;
  const auto answer = module_.get_method("recommend")(
      {items, padded_.lengths, padded_.history, padded_.context, more_than_there_are, false});
  EXPECT_EQ(answer.toTuple()->elements()[0].toTensor().size(1), kItems);
}

TEST_P(AuthorTest, CarriesItemsAndAReadme) {
  EXPECT_EQ(extra_.at("items.txt"), "\"a\"\n\"b\"\n");
  EXPECT_NE(extra_.at("README").find("forward(items, lengths"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Options, AuthorTest,
                         ::testing::Values(OptionSet{"plain",
                                                     [](Options& o) {
                                                       o.embedding_dim = 5;
                                                       o.output_bias = false;
                                                     }},
                                           OptionSet{"features", [](Options&) {}},
                                           OptionSet{"item_features", [](Options&) {}},
                                           OptionSet{"item_features_alone",
                                                     [](Options& o) {
                                                       o.embedding_dim = 5;
                                                       o.layer_norm = true;
                                                     }},
                                           OptionSet{"two_layers_visited",
                                                     [](Options& o) {
                                                       o.n_layers = 2;
                                                       o.visited_weights = true;
                                                     }},
                                           OptionSet{"untied_same_width",
                                                     [](Options& o) {
                                                       o.tied = false;
                                                       o.hidden_dim = 6;
                                                     }},
                                           OptionSet{"normalized",
                                                     [](Options& o) {
                                                       o.normalize = true;
                                                       o.scale = 12.3456789;
                                                       o.layer_norm = true;
                                                     }},
                                           OptionSet{"residual",
                                                     [](Options& o) {
                                                       o.residual = true;
                                                       o.n_layers = 2;
                                                       o.feed_forward_dim = 8;
                                                     }},
                                           OptionSet{"everything",
                                                     [](Options& o) {
                                                       o.residual = o.layer_norm = o.visited_weights = o.normalize =
                                                           true;
                                                       o.n_layers = 3;
                                                       o.feed_forward_dim = 8;
                                                       o.tied = false;
                                                       o.embedding_dropout = o.hidden_dropout =
                                                           0.5;  // of training alone
                                                     }}),
                         [](const auto& set) { return set.param.name; });

}  // namespace
}  // namespace segue::torchscript
