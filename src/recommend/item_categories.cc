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
                        "' is not of the kind category or categories, whose values can be named");
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
    : values_(values_of(bundle, feature)) {
  using model_file::DType;
  const std::int64_t n_rows = bundle.items.size() + 1;
  const auto copy = [&](const std::string& name, DType dtype, std::int64_t size, auto& numbers) {
    const auto& stored = bundle.item_features->expect(name, dtype, {size});
    numbers.resize(static_cast<std::size_t>(stored.shape[0]));
    std::memcpy(numbers.data(), stored.bytes.data(), stored.bytes.size());
  };
  bool multiple = false;
  for (const auto& spec : bundle.item_pipeline.specs()) multiple = multiple || (spec.name == feature && spec.multiple);
  copy(feature, DType::kI32, multiple ? -1 : n_rows, codes_);
  if (multiple) copy(feature + ".offsets", DType::kI64, n_rows + 1, offsets_);
}

}  // namespace segue::recommend
