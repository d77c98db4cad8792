#include "report/training_curves.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/html.h"

namespace segue::report {
namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr double kWidth = 500, kHeight = 260, kLeft = 58, kRight = 14, kTop = 14, kBottom = 34;

/// Averages neighbours so that a long run draws at most `n` points.
Points thinned(const Points& points, std::size_t n) {
  if (points.size() <= n) return points;
  Points out;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t begin = i * points.size() / n, end = (i + 1) * points.size() / n;
    double x = 0, y = 0;
    for (std::size_t j = begin; j < end; ++j) x += points[j].first, y += points[j].second;
    const auto count = static_cast<double>(end - begin);
    out.emplace_back(x / count, y / count);
  }
  return out;
}

std::string chart(const Points& points, const std::string& title, const std::string& x_label, bool dots) {
  double low = points[0].second, high = low;
  for (const auto& [x, y] : points) low = std::min(low, y), high = std::max(high, y);
  const double margin = high > low ? (high - low) * 0.06 : std::max(std::abs(high) * 0.1, 1e-6);
  const Scale x{points.front().first, points.back().first, kLeft, kWidth - kRight};
  const Scale y{low - margin, high + margin, kHeight - kBottom, kTop};
  std::string svg = "<figure><figcaption><b>" + escaped(title) + "</b></figcaption><svg viewBox=\"0 0 " +
                    fixed(kWidth, 0) + " " + fixed(kHeight, 0) + "\" role=\"img\" aria-label=\"" + escaped(title) +
                    "\">";
  for (const double value : ticks(y.low, y.high, 5))
    svg += "<line x1=\"" + fixed(kLeft, 0) + "\" x2=\"" + fixed(kWidth - kRight, 0) + "\" y1=\"" + fixed(y(value), 1) +
           "\" y2=\"" + fixed(y(value), 1) + "\" stroke=\"var(--line)\"/><text x=\"" + fixed(kLeft - 8, 0) + "\" y=\"" +
           fixed(y(value) + 4, 1) + "\" text-anchor=\"end\">" + tick_label(value) + "</text>";
  for (const double value : ticks(x.low, x.high, 6))
    if (points.size() > 1 && (!dots || value == std::floor(value)))
      svg += "<text x=\"" + fixed(x(value), 1) + "\" y=\"" + fixed(kHeight - 16, 0) + "\" text-anchor=\"middle\">" +
             tick_label(value) + "</text>";
  svg += "<text x=\"" + fixed((kLeft + kWidth - kRight) / 2, 0) + "\" y=\"" + fixed(kHeight - 2, 0) +
         "\" text-anchor=\"middle\">" + escaped(x_label) + "</text>";
  std::string line;
  for (const auto& [px, py] : points) line += fixed(x(px), 1) + "," + fixed(y(py), 1) + " ";
  svg += "<polyline points=\"" + line +
         "\" fill=\"none\" stroke=\"var(--model)\" stroke-width=\"2\" stroke-linejoin=\"round\"/>";
  if (dots)
    for (const auto& [px, py] : points)
      svg += "<circle cx=\"" + fixed(x(px), 1) + "\" cy=\"" + fixed(y(py), 1) +
             "\" r=\"3.5\" fill=\"var(--model)\"><title>" + escaped(x_label) + " " + tick_label(px) + ": " +
             fixed(py, 4) + "</title></circle>";
  return svg + "</svg></figure>";
}

/// The metric of an epoch line, wherever the line keeps it.
const Json* find_metric(const Json& line, const std::string& metric) {
  if (line.contains(metric)) return &line[metric];
  for (const char* key : {"validation", "metrics"})
    if (line.contains(key) && line[key].contains(metric)) return &line[key][metric];
  return nullptr;
}

}  // namespace

std::string training_curves(const std::vector<Json>& log, const std::string& metric) {
  Points loss, validation;
  for (const auto& line : log) {
    if (line.value("kind", "") == "step" && line.contains("loss") && line["loss"].is_number())
      loss.emplace_back(line.value("step", 0.0), line["loss"].get<double>());
    if (line.value("kind", "") == "epoch")
      if (const auto* value = find_metric(line, metric); value && value->is_number())
        validation.emplace_back(line.value("epoch", 0.0), value->get<double>());
  }
  // A resumed run may repeat the steps after its last checkpoint: what was written last holds.
  for (auto* points : {&loss, &validation}) {
    std::stable_sort(points->begin(), points->end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    Points unique;
    for (const auto& point : *points) {
      if (!unique.empty() && unique.back().first == point.first)
        unique.back() = point;
      else
        unique.push_back(point);
    }
    *points = std::move(unique);
  }
  std::string html;
  if (!loss.empty()) html += chart(thinned(loss, 200), "Training loss", "step", false);
  if (!validation.empty()) html += chart(validation, "Validation " + metric, "epoch", true);
  return html.empty() ? html : "<div class=\"pair\">" + html + "</div>";
}

}  // namespace segue::report
