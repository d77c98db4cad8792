#include "report/systems_chart.h"

#include <algorithm>
#include <vector>

#include "report/html.h"
#include "support/progress.h"

namespace segue::report {
namespace {

std::string color(const Json& system) {
  const auto kind = system.value("kind", "baseline");
  return kind == "model" ? "var(--model)" : kind == "bound" ? "var(--bound)" : "var(--baseline)";
}

bool has(const Json& system, const std::string& metric) {
  return system.contains("metrics") && system["metrics"].contains(metric) &&
         system["metrics"][metric]["value"].is_number();
}

double value_of(const Json& system, const std::string& metric) {
  return system["metrics"][metric]["value"].get<double>();
}

const Json* first_of_kind(const Json& evaluation, const std::string& kind) {
  for (const auto& system : evaluation.at("systems"))
    if (system.value("kind", "baseline") == kind) return &system;
  return nullptr;
}

const Json* best_baseline(const Json& evaluation, const std::string& metric) {
  const Json* best = nullptr;
  for (const auto& system : evaluation.at("systems"))
    if (system.value("kind", "baseline") == "baseline" && has(system, metric) &&
        (!best || value_of(system, metric) > value_of(*best, metric)))
      best = &system;
  return best;
}

std::string vertical(double x, double top, double bottom, const std::string& stroke, const std::string& extra = "") {
  return "<line x1=\"" + fixed(x, 1) + "\" x2=\"" + fixed(x, 1) + "\" y1=\"" + fixed(top, 1) + "\" y2=\"" +
         fixed(bottom, 1) + "\" stroke=\"" + stroke + "\" " + extra + "/>";
}

std::string label(double x, double y, const std::string& anchor, const std::string& text, const std::string& css = "") {
  return "<text x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" text-anchor=\"" + anchor + "\"" +
         (css.empty() ? "" : " class=\"" + css + "\"") + ">" + escaped(text) + "</text>";
}

/// One slicing: for each slice a pair of dots on a line, the model's and the baseline's.
std::string slice_chart(const std::string& name, const Json& model, const Json& baseline, const std::string& metric) {
  const auto& rows = model["slices"][name];
  constexpr double kWidth = 500, kRow = 30, kLeft = 150, kRight = 50;
  const double height = kRow * static_cast<double>(rows.size()) + 40;
  double high = 0;
  for (const auto* system : {&model, &baseline})
    for (const auto& row : (*system)["slices"][name]) high = std::max(high, row["metrics"].value(metric, 0.0));
  const Scale x{0, high > 0 ? high * 1.05 : 1, kLeft, kWidth - kRight};
  auto title = name;
  std::replace(title.begin(), title.end(), '_', ' ');
  std::string svg = "<figure><figcaption><b>" + escaped(metric + " by " + title) +
                    "</b></figcaption><svg viewBox=\"0 0 " + fixed(kWidth, 0) + " " + fixed(height, 0) +
                    "\" role=\"img\" aria-label=\"" + escaped(title) + "\">";
  for (const double value : ticks(0, x.high, 4)) {
    svg += vertical(x(value), 4, height - 24, "var(--line)");
    svg += label(x(value), height - 8, "middle", tick_label(value));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = 18 + kRow * static_cast<double>(i);
    const auto slice = rows[i].value("label", "");
    const double mine = rows[i]["metrics"].value(metric, 0.0);
    svg += label(kLeft - 10, y, "end", slice, "name") +
           label(kLeft - 10, y + 12, "end", with_thousands(rows[i].value("n", std::int64_t{0})));
    for (const auto& other : baseline["slices"][name]) {
      if (other.value("label", "") != slice) continue;
      const double theirs = other["metrics"].value(metric, 0.0);
      svg += "<line x1=\"" + fixed(x(mine), 1) + "\" x2=\"" + fixed(x(theirs), 1) + "\" y1=\"" + fixed(y, 1) +
             "\" y2=\"" + fixed(y, 1) + "\" stroke=\"var(--line)\" stroke-width=\"3\"/><circle cx=\"" +
             fixed(x(theirs), 1) + "\" cy=\"" + fixed(y, 1) + "\" r=\"4.5\" fill=\"var(--baseline)\"><title>" +
             escaped(baseline.value("name", "")) + " " + fixed(theirs, 4) + "</title></circle>";
    }
    svg += "<circle cx=\"" + fixed(x(mine), 1) + "\" cy=\"" + fixed(y, 1) + "\" r=\"5\" fill=\"var(--model)\"><title>" +
           escaped(model.value("name", "")) + " " + fixed(mine, 4) + "</title></circle>" +
           label(kWidth - kRight + 8, y + 4, "start", fixed(mine, 3));
  }
  return svg + "</svg></figure>";
}

}  // namespace

std::string systems_chart(const Json& evaluation, const std::string& metric) {
  std::vector<const Json*> systems;
  for (const auto& system : evaluation.at("systems"))
    if (has(system, metric)) systems.push_back(&system);
  if (systems.empty()) return {};
  std::stable_sort(systems.begin(), systems.end(),
                   [&](const Json* a, const Json* b) { return value_of(*a, metric) > value_of(*b, metric); });

  constexpr double kWidth = 1000, kRow = 30, kLeft = 170, kRight = 70;
  const double height = kRow * static_cast<double>(systems.size()) + 34;
  double high = 0;
  for (const auto* system : systems) {
    const auto& cell = (*system)["metrics"][metric];
    high = std::max(
        high, cell.value("high", Json(nullptr)).is_number() ? cell["high"].get<double>() : value_of(*system, metric));
  }
  const Scale x{0, high > 0 ? high * 1.04 : 1, kLeft, kWidth - kRight};
  std::string svg = "<figure><svg viewBox=\"0 0 " + fixed(kWidth, 0) + " " + fixed(height, 0) +
                    "\" role=\"img\" aria-label=\"" + escaped(metric + " of every system") + "\">";
  for (const double value : ticks(0, x.high, 8)) {
    svg += vertical(x(value), 4, height - 22, "var(--line)");
    svg += label(x(value), height - 6, "middle", tick_label(value));
  }
  if (const auto* bound = first_of_kind(evaluation, "bound"); bound && has(*bound, metric))
    svg += vertical(x(value_of(*bound, metric)), 4, height - 22, "var(--bound)", "stroke-dasharray=\"5 4\"");
  for (std::size_t i = 0; i < systems.size(); ++i) {
    const auto& system = *systems[i];
    const auto& cell = system["metrics"][metric];
    const double y = 20 + kRow * static_cast<double>(i), value = value_of(system, metric);
    svg += label(kLeft - 12, y + 4, "end", system.value("name", ""), "name");
    if (cell.contains("low") && cell["low"].is_number())
      svg += "<line x1=\"" + fixed(x(cell["low"].get<double>()), 1) + "\" x2=\"" +
             fixed(x(cell["high"].get<double>()), 1) + "\" y1=\"" + fixed(y, 1) + "\" y2=\"" + fixed(y, 1) +
             "\" stroke=\"" + color(system) + "\" stroke-width=\"3\" stroke-linecap=\"round\" opacity=\"0.45\"/>";
    svg += "<circle cx=\"" + fixed(x(value), 1) + "\" cy=\"" + fixed(y, 1) + "\" r=\"5.5\" fill=\"" + color(system) +
           "\"><title>" + escaped(system.value("name", "")) + " " + fixed(value, 4) + "</title></circle>";
    svg += label(kWidth - kRight + 10, y + 4, "start", fixed(value, 4), "name");
  }
  return svg + "</svg></figure>";
}

std::string systems_table(const Json& evaluation) {
  std::vector<std::string> columns;
  for (const auto& system : evaluation.at("systems"))
    for (const auto& [name, cell] : system.at("metrics").items())
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  std::string html = "<div class=\"scroll\"><table><thead><tr><th>system</th>";
  for (const auto& name : columns) html += "<th>" + escaped(name) + "</th>";
  html += "</tr></thead><tbody>";
  for (const auto& system : evaluation.at("systems")) {
    html += "<tr class=\"" + escaped(system.value("kind", "baseline")) + "\"><td>" + escaped(system.value("name", "")) +
            "</td>";
    for (const auto& name : columns) {
      if (!has(system, name)) {
        html += "<td>–</td>";
        continue;
      }
      const auto& cell = system["metrics"][name];
      html += "<td>" + fixed(value_of(system, name), 4);
      if (cell.contains("low") && cell["low"].is_number())
        html +=
            "<small>" + fixed(cell["low"].get<double>(), 4) + " – " + fixed(cell["high"].get<double>(), 4) + "</small>";
      html += "</td>";
    }
    html += "</tr>";
  }
  return html + "</tbody></table></div>";
}

std::string slice_charts(const Json& evaluation, const std::string& metric) {
  const auto* model = first_of_kind(evaluation, "model");
  const auto* baseline = best_baseline(evaluation, metric);
  if (!model || !baseline || !model->contains("slices") || !baseline->contains("slices")) return {};
  std::string html;
  for (const auto& [name, rows] : (*model)["slices"].items())
    if (!rows.empty() && (*baseline)["slices"].contains(name)) html += slice_chart(name, *model, *baseline, metric);
  if (html.empty()) return html;
  return "<p class=\"note\"><span style=\"color:var(--model)\">●</span> " + escaped(model->value("name", "")) +
         " &nbsp; <span style=\"color:var(--baseline)\">●</span> " + escaped(baseline->value("name", "")) +
         " (best baseline). The small number is how many targets a slice has.</p><div class=\"pair\">" + html +
         "</div>";
}

}  // namespace segue::report
