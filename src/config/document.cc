#include <yaml-cpp/yaml.h>

#include "config/node.h"
#include "config/section.h"
#include "support/errors.h"
#include "support/storage.h"

namespace segue::config {

struct Document::State {
  std::shared_ptr<Section::Node> root = std::make_shared<Section::Node>();
};

Document Document::load(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  std::string text;
  try {
    text = storage::read_file(path);
  } catch (const DataError& error) {
    throw ConfigError(std::string("no configuration: ") + error.what());
  }
  return parse(text, path.string(), overrides);
}

Document Document::parse(const std::string& yaml, const std::string& name, const std::vector<std::string>& overrides) {
  auto value = std::make_shared<Value>(parse_value(yaml, name));
  if (value->kind != Value::Kind::kMapping && value->kind != Value::Kind::kNull) {
    throw ConfigError(value->place.text() + ": expected sections (data:, model:, ...), this is " + value->kind_name());
  }
  for (const std::string& assignment : overrides) apply_override(*value, assignment);
  Document document;
  document.state_ = std::make_shared<State>();
  document.state_->root->origin = name;
  document.state_->root->value = std::move(value);
  return document;
}

Document Document::describe() {
  Document document;
  document.state_ = std::make_shared<State>();
  document.state_->root->origin = "description";
  document.state_->root->describing = true;
  return document;
}

Section Document::root() { return Section(state_->root); }

void Document::finish() const {
  state_->root->check_known(*state_->root);
  state_->root->check_present();
}

std::string Document::resolved() const {
  YAML::Emitter out;
  state_->root->emit(out);
  return std::string(out.c_str()) + "\n";
}

std::vector<KeyInfo> Document::keys() const {
  std::vector<KeyInfo> keys;
  state_->root->list_keys(keys);
  return keys;
}

}  // namespace segue::config
