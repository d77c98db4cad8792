#include "recommend/item_categories.h"

#include <cstring>

#include "config/section.h"
#include "support/errors.h"

namespace segue::recommend {
namespace {

const features::Vocabulary& values_of(const model_file::Bundle& bundle, const std::string& feature) {
  if (const auto* values = bundle.item_pipeline.categories(feature)) return *values;
  const std::string where = "recommend.where: ";
  const std::string directory = bundle.weights->path().parent_path().string();
  if (bundle.item_pipeline.specs().empty()) {
    throw ConfigError(where + directory +
                      " carries no features of items: name them in data.items of the configuration, train and export "
                      "anew");
  }
  std::vector<std::string> known;
  for (const auto& spec : bundle.item_pipeline.specs()) {
    if (spec.name == feature)
      throw ConfigError(where + "the item feature '" + feature +
                        "' is not of the kind category, whose values can be named");
    if (bundle.item_pipeline.categories(spec.name) != nullptr) known.push_back(spec.name);
  }
  std::string names;
  for (const auto& name : known) names += (names.empty() ? "" : ", ") + name;
  const std::string nearest = config::nearest_word(feature, known);
  throw ConfigError(where + "the items of " + directory + " have no feature '" + feature + "'" +
                    (nearest.empty() ? "; their categories are: " + (names.empty() ? "none" : names)
                                     : "; did you mean '" + nearest + "'?"));
}

}  // namespace

ItemCategories::ItemCategories(const model_file::Bundle& bundle, const std::string& feature)
    : values_(values_of(bundle, feature)), codes_(static_cast<std::size_t>(bundle.items.size()) + 1) {
  const auto& stored =
      bundle.item_features->expect(feature, model_file::DType::kI32, {static_cast<std::int64_t>(codes_.size())});
  std::memcpy(codes_.data(), stored.bytes.data(), stored.bytes.size());
}

}  // namespace segue::recommend
