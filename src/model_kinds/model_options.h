#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "collaborative/filter_options.h"
#include "config/section.h"
#include "models/gru_session.h"
#include "models/two_tower.h"
#include "support/json.h"

namespace segue::model_kinds {

/// Section `model`: the kind of model that is trained, and its options.
class ModelOptions {
 public:
  using OfKind = std::variant<models::GruSessionOptions, models::TwoTowerOptions, collaborative::FilterOptions>;

  ModelOptions() = default;  ///< gru_session
  /// The defaults of a kind. std::invalid_argument for an unknown one, listing kinds().
  explicit ModelOptions(const std::string& kind);

  /// Every kind, in the order of the documentation.
  static const std::vector<std::string>& kinds();
  [[nodiscard]] std::string kind() const;
  [[nodiscard]] const OfKind& of_kind() const { return of_kind_; }
  /// Trained by counting or by linear algebra, not by gradient: section `training` hardly concerns it.
  [[nodiscard]] bool is_filter() const { return std::holds_alternative<collaborative::FilterOptions>(of_kind_); }
  /// Reads `kind`, then the keys of that kind.
  void read(config::Section& section);
  /// Reads the keys of this kind alone.
  void read_keys(config::Section& section);
  [[nodiscard]] Json to_json() const;  ///< the keys of this kind, without `kind`
  /// @throws DataError  naming `where`: an unknown kind, a key that is missing or of another type
  static ModelOptions from_json(const std::string& kind, const Json& json, const std::string& where);

 private:
  OfKind of_kind_;
};

}  // namespace segue::model_kinds
