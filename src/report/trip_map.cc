#include "report/trip_map.h"

#include <arrow/api.h>
#include <arrow/csv/api.h>
#include <arrow/io/api.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "report/html.h"
#include "support/errors.h"

namespace segue::report {
namespace {

constexpr double kWidth = 340, kHeight = 240;
constexpr std::size_t kNumbered = 4;

/// Geographic window of one map: all its places with a margin, widened to the picture's shape.
struct Window {
  Scale x, y;
  static Window around(const std::vector<const Place*>& places) {
    double south = 90, north = -90, west = 180, east = -180;
    for (const auto* place : places) {
      south = std::min(south, place->latitude), north = std::max(north, place->latitude);
      west = std::min(west, place->longitude), east = std::max(east, place->longitude);
    }
    const double middle_latitude = (south + north) / 2, middle_longitude = (west + east) / 2;
    const double squeeze =
        std::max(0.3, std::cos(middle_latitude * std::numbers::pi / 180));  // a degree of longitude is shorter
    double high = std::max((north - south) * 1.35, 6.0);
    double wide = std::max((east - west) * 1.35 * squeeze, 8.5);
    high = std::max(high, wide * kHeight / kWidth), wide = std::max(wide, high * kWidth / kHeight);
    return {{middle_longitude - wide / squeeze / 2, middle_longitude + wide / squeeze / 2, 0, kWidth},
            {middle_latitude - high / 2, middle_latitude + high / 2, kHeight, 0}};
  }
  [[nodiscard]] bool holds(const Place& place) const {
    return place.longitude >= x.low && place.longitude <= x.high && place.latitude >= y.low && place.latitude <= y.high;
  }
};

std::string dot(const Window& window, const Place& place, double radius, const std::string& attributes,
                const std::string& title) {
  return "<circle cx=\"" + fixed(window.x(place.longitude), 1) + "\" cy=\"" + fixed(window.y(place.latitude), 1) +
         "\" r=\"" + fixed(radius, 1) + "\" " + attributes + "><title>" + escaped(title) + "</title></circle>";
}

/// Names beside their dots, left out where they would cover one another or leave the picture.
class Labels {
 public:
  std::string beside(const Window& window, const Place& place, bool strong) {
    const double x = window.x(place.longitude), y = window.y(place.latitude);
    const double gap = strong ? 13 : 9, width = 5.9 * static_cast<double>(place.name.size());
    for (const double left : {x + gap, x - gap - width}) {
      const Box box{left, y - 7, left + width, y + 5};
      if (box.left < 2 || box.right > kWidth - 2 || box.top < 2 || box.bottom > kHeight - 2) continue;
      if (std::any_of(taken_.begin(), taken_.end(), [&](const Box& other) { return box.meets(other); })) continue;
      taken_.push_back(box);
      return "<text x=\"" + fixed(left, 1) + "\" y=\"" + fixed(y + 3.5, 1) + "\" style=\"font-size:10px;fill:var(" +
             (strong ? "--bound" : "--ink") + ");font-weight:" + (strong ? "650" : "450") +
             ";paint-order:stroke;stroke:#eef3f7;stroke-width:3px;pointer-events:none\">" + escaped(place.name) +
             "</text>";
    }
    return {};
  }
  /// Keeps names off a dot of this radius.
  void keep_clear(const Window& window, const Place& place, double radius) {
    const double x = window.x(place.longitude), y = window.y(place.latitude);
    taken_.push_back({x - radius, y - radius, x + radius, y + radius});
  }

 private:
  struct Box {
    double left, top, right, bottom;
    [[nodiscard]] bool meets(const Box& other) const {
      return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }
  };
  std::vector<Box> taken_;
};

std::string arrow_between(const Window& window, const Place& from, const Place& to) {
  const double x1 = window.x(from.longitude), y1 = window.y(from.latitude), x2 = window.x(to.longitude),
               y2 = window.y(to.latitude);
  const double length = std::hypot(x2 - x1, y2 - y1);
  if (length < 1) return {};
  const double ux = (x2 - x1) / length, uy = (y2 - y1) / length, mx = (x1 + x2) / 2 + 3 * ux,
               my = (y1 + y2) / 2 + 3 * uy;
  std::string svg = "<line x1=\"" + fixed(x1, 1) + "\" y1=\"" + fixed(y1, 1) + "\" x2=\"" + fixed(x2, 1) + "\" y2=\"" +
                    fixed(y2, 1) + "\" stroke=\"var(--ink)\" stroke-width=\"1.6\" opacity=\"0.75\"/>";
  if (length > 14)
    svg += "<polygon points=\"" + fixed(mx, 1) + "," + fixed(my, 1) + " " + fixed(mx - 7 * ux - 3.4 * uy, 1) + "," +
           fixed(my - 7 * uy + 3.4 * ux, 1) + " " + fixed(mx - 7 * ux + 3.4 * uy, 1) + "," +
           fixed(my - 7 * uy - 3.4 * ux, 1) + "\" fill=\"var(--ink)\" opacity=\"0.75\"/>";
  return svg;
}

std::string id_of(const Json& id) {
  return id.is_string() ? id.get<std::string>() : id.is_null() ? std::string() : id.dump();
}

const Place* find(const Places& places, const Json& id) {
  const auto found = places.find(id_of(id));
  return found == places.end() ? nullptr : &found->second;
}

/// What an example asks for: one item, or a set.
std::vector<Json> targets_of(const Json& example) {
  std::vector<Json> targets;
  if (example.contains("targets"))
    targets.assign(example["targets"].begin(), example["targets"].end());
  else
    targets.push_back(example["target"]);
  return targets;
}

/// "(rank 3)", "(ranks 1, 4)", "(not ranked)".
std::string ranks_of(const Json& example) {
  std::vector<std::int64_t> ranks;
  if (example.contains("ranks"))
    ranks = example["ranks"].get<std::vector<std::int64_t>>();
  else if (const auto rank = example.value("rank", std::int64_t{0}); rank > 0)
    ranks = {rank};
  if (ranks.empty()) return "(not ranked)";
  std::string text = ranks.size() == 1 ? "(rank " : "(ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text += (i ? ", " : "") + std::to_string(ranks[i]);
  return text + ")";
}

std::string names_of_targets(const Json& example, const Places& places) {
  std::string names;
  for (const auto& id : targets_of(example)) {
    const auto* place = find(places, id);
    names += (names.empty() ? "" : ", ") + escaped(place ? place->name : id.is_null() ? "unknown" : id_of(id));
  }
  return names;
}

std::string trip_map(const Json& example, const Places& places) {
  std::vector<const Place*> trip, recommended, targets;
  for (const auto& id : example["history"])
    if (const auto* place = find(places, id)) trip.push_back(place);
  for (const auto& id : example["recommended"])
    if (const auto* place = find(places, id); place && recommended.size() < kNumbered) recommended.push_back(place);
  for (const auto& id : targets_of(example))
    if (const auto* place = find(places, id)) targets.push_back(place);
  auto shown = trip;
  shown.insert(shown.end(), recommended.begin(), recommended.end());
  shown.insert(shown.end(), targets.begin(), targets.end());
  if (trip.empty()) return {};

  const auto window = Window::around(shown);
  std::string svg = "<svg viewBox=\"0 0 " + fixed(kWidth, 0) + " " + fixed(kHeight, 0) +
                    "\" role=\"img\" style=\"background:#eef3f7;border-radius:10px\">";
  for (const auto value : ticks(window.x.low, window.x.high, 4))
    svg += "<line x1=\"" + fixed(window.x(value), 1) + "\" x2=\"" + fixed(window.x(value), 1) + "\" y1=\"0\" y2=\"" +
           fixed(kHeight, 0) + "\" stroke=\"#fff\"/>";
  for (const auto value : ticks(window.y.low, window.y.high, 3))
    svg += "<line y1=\"" + fixed(window.y(value), 1) + "\" y2=\"" + fixed(window.y(value), 1) + "\" x1=\"0\" x2=\"" +
           fixed(kWidth, 0) + "\" stroke=\"#fff\"/>";
  std::vector<const Place*> ground;
  for (const auto& [id, place] : places)
    if (window.holds(place)) ground.push_back(&place);
  std::sort(ground.begin(), ground.end(), [](const Place* a, const Place* b) { return a->name < b->name; });
  for (const auto* place : ground) svg += dot(window, *place, 2, "fill=\"#b9c5d1\"", place->name);
  for (std::size_t i = 1; i < trip.size(); ++i) svg += arrow_between(window, *trip[i - 1], *trip[i]);
  for (const auto* place : trip) svg += dot(window, *place, 3.4, "fill=\"var(--ink)\"", place->name);
  svg += dot(window, *trip.front(), 5.4, "fill=\"none\" stroke=\"var(--ink)\" stroke-width=\"1.4\"",
             "start: " + trip.front()->name);
  for (std::size_t i = recommended.size(); i-- > 0;) {
    const auto& place = *recommended[i];
    svg += dot(window, place, 7.5, "fill=\"var(--model)\" opacity=\"0.92\"", std::to_string(i + 1) + ". " + place.name);
    svg += "<text x=\"" + fixed(window.x(place.longitude), 1) + "\" y=\"" + fixed(window.y(place.latitude) + 3.8, 1) +
           "\" text-anchor=\"middle\" style=\"fill:#fff;font-size:11px;font-weight:650;pointer-events:none\">" +
           std::to_string(i + 1) + "</text>";
  }
  for (const auto* target : targets)
    svg += dot(window, *target, 10.5, "fill=\"none\" stroke=\"var(--bound)\" stroke-width=\"2.4\"",
               "went to " + target->name);
  Labels labels;
  for (const auto* place : recommended) labels.keep_clear(window, *place, 7.5);
  for (const auto* place : trip) labels.keep_clear(window, *place, 3.4);
  for (const auto* target : targets) svg += labels.beside(window, *target, true);
  for (std::size_t i = trip.size(); i-- > 0;)
    if (std::find(trip.begin() + static_cast<std::ptrdiff_t>(i) + 1, trip.end(), trip[i]) == trip.end() &&
        std::find(targets.begin(), targets.end(), trip[i]) == targets.end())
      svg += labels.beside(window, *trip[i], false);
  svg += "</svg>";

  std::string caption;
  for (const auto* place : trip) caption += (caption.empty() ? "" : " → ") + escaped(place->name);
  caption += " → <b>" + names_of_targets(example, places) + "</b> " + ranks_of(example);
  caption += "<br>recommended: ";
  for (std::size_t i = 0; i < recommended.size(); ++i)
    caption += (i ? ", " : "") + std::to_string(i + 1) + " " + escaped(recommended[i]->name);
  return "<figure>" + svg + "<figcaption>" + caption + "</figcaption></figure>";
}

}  // namespace

Places read_places(const OutputOptions& options) {
  const auto fail = [&](const std::string& cause) {
    return DataError(options.map_items + ": " + cause + " (output.map_items)");
  };
  const auto file = arrow::io::ReadableFile::Open(options.map_items);
  if (!file.ok()) throw fail(file.status().message());
  auto convert = arrow::csv::ConvertOptions::Defaults();
  for (const auto& column : {options.map_item_column, options.map_name_column})
    convert.column_types[column] = arrow::utf8();
  for (const auto& column : {options.map_latitude_column, options.map_longitude_column})
    convert.column_types[column] = arrow::float64();
  const auto reader =
      arrow::csv::TableReader::Make(arrow::io::default_io_context(), *file, arrow::csv::ReadOptions::Defaults(),
                                    arrow::csv::ParseOptions::Defaults(), convert);
  if (!reader.ok()) throw fail(reader.status().message());
  const auto read = (*reader)->Read();
  if (!read.ok()) throw fail(read.status().message());
  const auto table = (*read)->CombineChunks().ValueOrDie();
  const auto column = [&](const std::string& name) {
    auto found = table->GetColumnByName(name);
    if (!found) throw fail("no column '" + name + "'; it has " + table->schema()->ToString());
    return found;
  };
  const auto items = column(options.map_item_column), names = column(options.map_name_column);
  const auto latitudes = column(options.map_latitude_column), longitudes = column(options.map_longitude_column);
  Places places;
  if (table->num_rows() == 0) return places;
  const auto& item = static_cast<const arrow::StringArray&>(*items->chunk(0));
  const auto& name = static_cast<const arrow::StringArray&>(*names->chunk(0));
  const auto& latitude = static_cast<const arrow::DoubleArray&>(*latitudes->chunk(0));
  const auto& longitude = static_cast<const arrow::DoubleArray&>(*longitudes->chunk(0));
  for (std::int64_t row = 0; row < table->num_rows(); ++row)
    places[item.GetString(row)] = {name.GetString(row), latitude.Value(row), longitude.Value(row)};
  return places;
}

std::string trip_maps(const Json& evaluation, const Places& places, std::size_t most) {
  std::string html;
  std::size_t drawn = 0;
  if (!evaluation.contains("examples")) return html;
  for (const auto& example : evaluation["examples"]) {
    if (drawn == most) break;
    const auto map = trip_map(example, places);
    if (map.empty()) continue;
    html += map;
    ++drawn;
  }
  return html.empty() ? html : "<div class=\"maps\">" + html + "</div>";
}

}  // namespace segue::report
