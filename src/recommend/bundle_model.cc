#include "recommend/bundle_model.h"

#include <ATen/ATen.h>

#include <cstring>

#include "support/errors.h"

namespace segue::recommend {
namespace {

std::vector<float> to_floats(const at::Tensor& tensor) {
  const auto dense = tensor.to(at::kCPU, at::kFloat).contiguous();
  return {dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel()};
}

}  // namespace

BundleModel BundleModel::open(const std::filesystem::path& directory) {
  auto bundle = model_file::Bundle::open(directory);
  const auto where = (directory / "manifest.json").string();
  const auto described = json_get<Json>(bundle.manifest, "model", where);
  const auto kind = json_get<std::string>(described, "kind", where);
  if (kind != "gru_session")
    throw DataError(where + ": a bundle of the model '" + kind +
                    "', which this Segue does not know; update the program");
  const auto options = models::GruSessionOptions::from_json(json_get<Json>(described, "options", where), where);
  BundleModel opened{std::move(bundle), nullptr, nullptr, {}, {}, {}};
  opened.model =
      std::make_unique<models::GruSession>(options, opened.bundle.items.size(), opened.bundle.pipeline.specs());
  const at::NoGradGuard no_grad;
  for (const auto& [name, parameter] : opened.model->parameters()) {
    const auto& stored = opened.bundle.weights->expect(name, model_file::DType::kF32, parameter.sizes().vec());
    std::memcpy(parameter.data_ptr<float>(), stored.bytes.data(), stored.bytes.size());
  }
  opened.inference = std::make_unique<models::SessionInference>(*opened.model);
  opened.item_vectors = to_floats(opened.model->item_vectors());
  if (const auto bias = opened.model->output_bias(); bias.defined()) opened.output_bias = to_floats(bias);
  if (const auto weights = opened.model->visited_weights(); weights.defined())
    opened.visited_weights = to_floats(weights);
  return opened;
}

}  // namespace segue::recommend
