#include "model_kinds/model_options.h"

#include <algorithm>
#include <stdexcept>

#include "support/errors.h"

namespace segue::model_kinds {
namespace {

std::string known_kinds() {
  std::string text;
  for (const auto& kind : ModelOptions::kinds()) text.append(text.empty() ? "" : ", ").append(kind);
  return text;
}

ModelOptions::OfKind defaults_of(const std::string& kind) {
  if (kind == models::GruSession::kKind) return models::GruSessionOptions();
  if (kind == models::TwoTower::kKind) return models::TwoTowerOptions();
  return collaborative::FilterOptions(kind);
}

bool is_known(const std::string& kind) {
  const auto& kinds = ModelOptions::kinds();
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

}  // namespace

const std::vector<std::string>& ModelOptions::kinds() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names = {models::GruSession::kKind, models::TwoTower::kKind};
    const auto& filters = collaborative::FilterOptions::kinds();
    names.insert(names.end(), filters.begin(), filters.end());
    return names;
  }();
  return all;
}

ModelOptions::ModelOptions(const std::string& kind) {
  if (!is_known(kind)) throw std::invalid_argument("unknown kind of model '" + kind + "': known are " + known_kinds());
  of_kind_ = defaults_of(kind);
}

std::string ModelOptions::kind() const {
  if (const auto* filter = std::get_if<collaborative::FilterOptions>(&of_kind_)) return filter->kind();
  return std::holds_alternative<models::TwoTowerOptions>(of_kind_) ? models::TwoTower::kKind
                                                                   : models::GruSession::kKind;
}

void ModelOptions::read(config::Section& section) {
  std::string kind = this->kind();
  std::vector<std::pair<std::string, std::string>> choices;
  for (const auto& known : kinds()) choices.emplace_back(known, known);
  section.read_choice("kind", kind, choices, {.meaning = "the kind of model; each has keys of its own"});
  of_kind_ = defaults_of(kind);
  read_keys(section);
}

void ModelOptions::read_keys(config::Section& section) {
  std::visit([&](auto& options) { options.read(section); }, of_kind_);
}

Json ModelOptions::to_json() const {
  return std::visit([](const auto& options) { return options.to_json(); }, of_kind_);
}

ModelOptions ModelOptions::from_json(const std::string& kind, const Json& json, const std::string& where) {
  if (!is_known(kind)) {
    throw DataError(where + ": a model of the kind '" + kind + "', which this Segue does not know (it knows " +
                    known_kinds() + "); update the program");
  }
  ModelOptions made;
  if (kind == models::GruSession::kKind)
    made.of_kind_ = models::GruSessionOptions::from_json(json, where);
  else if (kind == models::TwoTower::kKind)
    made.of_kind_ = models::TwoTowerOptions::from_json(json, where);
  else
    made.of_kind_ = collaborative::FilterOptions::from_json(kind, json, where);
  return made;
}

}  // namespace segue::model_kinds
