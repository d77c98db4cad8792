#include "recommend/bundle_model.h"

#include <ATen/ATen.h>

#include <cstring>
#include <stdexcept>

#include "support/errors.h"

namespace segue::recommend {
namespace {

std::vector<float> to_floats(const at::Tensor& tensor) {
  const auto dense = tensor.to(at::kCPU, at::kFloat).contiguous();
  return {dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel()};
}

/// The tables of the bundle, as the specs of its transforms say.
models::ItemFeatures item_features_of(const model_file::Bundle& bundle) {
  models::ItemFeatures features;
  const std::int64_t n = bundle.items.size() + 1;
  for (const auto& spec : bundle.item_pipeline.specs()) {
    using model_file::DType;
    const auto copy = [&](const std::string& name, DType dtype, std::int64_t size, auto& numbers) {
      const auto& stored = bundle.item_features->expect(name, dtype, {size});
      numbers.resize(static_cast<std::size_t>(stored.shape[0]));
      std::memcpy(numbers.data(), stored.bytes.data(), stored.bytes.size());
    };
    std::vector<std::int32_t> codes;
    std::vector<float> values;
    std::vector<std::int64_t> offsets;
    if (spec.categorical)
      copy(spec.name, DType::kI32, spec.multiple ? -1 : n, codes);
    else
      copy(spec.name, DType::kF32, n, values);
    if (spec.multiple) copy(spec.name + ".offsets", DType::kI64, n + 1, offsets);
    features.add(spec, codes, values, offsets);
  }
  return features;
}

}  // namespace

BundleModel BundleModel::open(const std::filesystem::path& directory) {
  auto bundle = model_file::Bundle::open(directory);
  const auto where = (directory / "manifest.json").string();
  const auto described = json_get<Json>(bundle.manifest, "model", where);
  const auto kind = json_get<std::string>(described, "kind", where);
  const auto options = model_kinds::ModelOptions::from_json(kind, json_get<Json>(described, "options", where), where);
  BundleModel opened{std::move(bundle), {}, nullptr, {}, {}, {}};
  const std::int32_t n_items = opened.bundle.items.size();
  if (const auto* of_filter = std::get_if<collaborative::FilterOptions>(&options.of_kind())) {
    opened.model.filter = collaborative::load(*of_filter, *opened.bundle.weights, n_items);
    const auto vectors = opened.model.filter->item_vectors();
    opened.item_vectors.assign(vectors.begin(), vectors.end());
    return opened;
  }
  auto item_features = item_features_of(opened.bundle);
  try {
    item_features.check(n_items);
  } catch (const std::invalid_argument& fault) {
    throw DataError((directory / "item_features.safetensors").string() + ": " + fault.what() +
                    "; make the bundle anew: segue export RUN --out BUNDLE");
  }
  opened.model.by_gradient =
      model_kinds::make_model(options, n_items, opened.bundle.pipeline.specs(), std::move(item_features));
  models::Model& model = *opened.model.by_gradient;
  const at::NoGradGuard no_grad;
  for (const auto& [name, parameter] : model.parameters()) {
    const auto& stored = opened.bundle.weights->expect(name, model_file::DType::kF32, parameter.sizes().vec());
    std::memcpy(parameter.data_ptr<float>(), stored.bytes.data(), stored.bytes.size());
  }
  opened.inference = model.make_inference();
  opened.item_vectors = to_floats(model.item_vectors());
  if (const auto bias = model.output_bias(); bias.defined()) opened.output_bias = to_floats(bias);
  if (const auto weights = model.visited_weights(); weights.defined()) opened.visited_weights = to_floats(weights);
  return opened;
}

}  // namespace segue::recommend
