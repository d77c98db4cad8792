#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/section.h"
#include "support/json.h"

namespace segue::collaborative {

/// Kind `popularity`: it has no options.
struct PopularityOptions {
  static constexpr const char* kKind = "popularity";
};

/// Kind `recent_popularity`.
struct RecentPopularityOptions {
  static constexpr const char* kKind = "recent_popularity";
  double half_life = 30;  ///< days after which an event counts half
};

/// Kind `item_knn`.
struct ItemKnnOptions {
  static constexpr const char* kKind = "item_knn";
  double user_exponent = 1;
  double item_exponent = 0.3;
  double shrink = 0;
  std::int64_t neighbours = 2000;  ///< 0: all
  double history_half_life = 0;    ///< events; 0: all items of a history count alike
};

/// Kind `feature_knn`.
struct FeatureKnnOptions {
  static constexpr const char* kKind = "feature_knn";
  std::int64_t neighbours = 200;  ///< 0: all
  double history_half_life = 0;   ///< events; 0: all items of a history count alike
};

/// Kind `ease`.
struct EaseOptions {
  static constexpr const char* kKind = "ease";
  double l2 = 500;
  std::int64_t neighbours = 0;   ///< 0: the whole matrix
  double history_half_life = 0;  ///< events; 0: all items of a history count alike
  double memory_limit = 8;       ///< GB
};

/// Kind `ials`.
struct IalsOptions {
  static constexpr const char* kKind = "ials";
  std::int64_t dim = 128;
  double unobserved_weight = 0.1;
  double l2 = 0.003;
  double l2_exponent = 1;
  std::int64_t epochs = 16;
  std::int64_t block_dim = 128;  ///< dim or more: exact solves
  double init_std = 0.1;
};

/// Section `model` for the kinds of this folder: the options of one of them, with their defaults. What they mean is
/// said by fit() (collaborative/filter.h).
class FilterOptions {
 public:
  using OfKind = std::variant<PopularityOptions, RecentPopularityOptions, ItemKnnOptions, FeatureKnnOptions,
                              EaseOptions, IalsOptions>;

  template <class Options>
  requires requires { Options::kKind; }
  FilterOptions(Options options) : of_kind_(std::move(options)) {}  // NOLINT: one of a closed set of types
  /// The defaults of a kind. std::invalid_argument for an unknown one, listing kinds().
  explicit FilterOptions(const std::string& kind);

  /// The known kinds, in the order of the documentation.
  static const std::vector<std::string>& kinds();
  [[nodiscard]] std::string kind() const;
  [[nodiscard]] const OfKind& of_kind() const { return of_kind_; }
  /// Reads the keys of this kind (not `kind` itself). ConfigError for a value out of its range.
  void read(config::Section& section);
  [[nodiscard]] Json to_json() const;  ///< the keys of this kind
  /// DataError that names `where` and the key that is missing or of another type; or the kind, where it is unknown.
  static FilterOptions from_json(const std::string& kind, const Json& json, const std::string& where);

 private:
  OfKind of_kind_;
};

}  // namespace segue::collaborative
