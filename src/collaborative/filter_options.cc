#include "collaborative/filter_options.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "support/errors.h"

namespace segue::collaborative {
namespace {

constexpr double kTiny = 1e-9;  // a number that must be above 0
constexpr double kHuge = 1e12;

// Each field once: its key, where it is kept, and what it means. Reading, writing and documentation follow from it.

template <class Field>
void each_field(PopularityOptions&, const Field&) {}

template <class Field>
void each_field(RecentPopularityOptions& o, const Field& field) {
  field("half_life", o.half_life, {"age at which an event counts half", "days", kTiny, kHuge});
}

template <class Field>
void history_half_life(double& value, const Field& field) {
  field("history_half_life", value,
        {"so many events back an item of the history counts half; 0: all count alike", "events", 0, kHuge});
}

template <class Field>
void neighbours(std::int64_t& value, const Field& field) {
  field("neighbours", value, {"largest weights kept of every item; 0: all", "items", 0, 1e9});
}

template <class Field>
void each_field(ItemKnnOptions& o, const Field& field) {
  field("user_exponent", o.user_exponent,
        {"a sequence of d items counts d^-user_exponent for each of its pairs", "", 0, 10});
  field("item_exponent", o.item_exponent,
        {"a pair's sum is divided by (d_i d_j)^item_exponent, d the sequences that hold an item", "", 0, 10});
  field("shrink", o.shrink, {"added to that divisor; lowers what rests on few sequences", "", 0, kHuge});
  neighbours(o.neighbours, field);
  history_half_life(o.history_half_life, field);
}

template <class Field>
void each_field(FeatureKnnOptions& o, const Field& field) {
  neighbours(o.neighbours, field);
  history_half_life(o.history_half_life, field);
}

template <class Field>
void each_field(EaseOptions& o, const Field& field) {
  field("l2", o.l2, {"strength of the L2 penalty", "", 0, kHuge});
  neighbours(o.neighbours, field);
  history_half_life(o.history_half_life, field);
  field("memory_limit", o.memory_limit,
        {"refuse a matrix of items x items (4 bytes each) beyond this", "GB", kTiny, kHuge});
}

template <class Field>
void each_field(IalsOptions& o, const Field& field) {
  field("dim", o.dim, {"width of a factor", "numbers", 1, 8192});
  field("unobserved_weight", o.unobserved_weight,
        {"weight of every pair of a sequence and an item, whose score is drawn to 0", "", 0, kHuge});
  field("l2", o.l2, {"strength of the L2 penalty", "", 0, kHuge});
  field("l2_exponent", o.l2_exponent,
        {"the penalty of a factor grows with its number of pairs to this power", "", 0, 10});
  field("epochs", o.epochs, {"passes over all sequences and all items", "epochs", 0, 100000});
  field("block_dim", o.block_dim,
        {"coordinates that are solved for at a time; dim or more: all, exactly", "numbers", 1, 8192});
  field("init_std", o.init_std, {"standard deviation of a first factor's length", "", 0, 1e3});
}

/// False for an unknown kind.
template <std::size_t I = 0>
bool choose(const std::string& kind, FilterOptions::OfKind& chosen) {
  if constexpr (I < std::variant_size_v<FilterOptions::OfKind>) {
    using Options = std::variant_alternative_t<I, FilterOptions::OfKind>;
    if (kind != Options::kKind) return choose<I + 1>(kind, chosen);
    chosen = Options();
    return true;
  } else {
    return false;
  }
}

template <std::size_t... I>
std::vector<std::string> kinds_of(std::index_sequence<I...>) {
  return {std::variant_alternative_t<I, FilterOptions::OfKind>::kKind...};
}

std::string known_kinds() {
  std::string text;
  for (const auto& kind : FilterOptions::kinds()) text.append(text.empty() ? "" : ", ").append(kind);
  return text;
}

}  // namespace

FilterOptions::FilterOptions(const std::string& kind) {
  if (!choose(kind, of_kind_))
    throw std::invalid_argument("unknown kind of filter '" + kind + "': known are " + known_kinds());
}

const std::vector<std::string>& FilterOptions::kinds() {
  static const std::vector<std::string> all = kinds_of(std::make_index_sequence<std::variant_size_v<OfKind>>());
  return all;
}

std::string FilterOptions::kind() const {
  return std::visit([](const auto& options) { return std::string(options.kKind); }, of_kind_);
}

void FilterOptions::read(config::Section& section) {
  const auto read_field = [&](const char* key, auto& value, const config::Doc& doc) { section.read(key, value, doc); };
  std::visit([&](auto& options) { each_field(options, read_field); }, of_kind_);
}

Json FilterOptions::to_json() const {
  Json json = Json::object();
  auto copy = of_kind_;  // the list of fields is of references that may be written
  const auto write_field = [&](const char* key, const auto& value, const config::Doc&) { json[key] = value; };
  std::visit([&](auto& options) { each_field(options, write_field); }, copy);
  return json;
}

FilterOptions FilterOptions::from_json(const std::string& kind, const Json& json, const std::string& where) {
  const auto& known = kinds();
  if (std::find(known.begin(), known.end(), kind) == known.end())
    throw DataError(where + ": unknown kind of model '" + kind + "': known are " + known_kinds());
  FilterOptions made(kind);
  const auto read_field = [&](const char* key, auto& value, const config::Doc&) {
    value = json_get<std::remove_reference_t<decltype(value)>>(json, key, where);
  };
  std::visit([&](auto& options) { each_field(options, read_field); }, made.of_kind_);
  return made;
}

}  // namespace segue::collaborative
