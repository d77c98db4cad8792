#include "report/recall_chart.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "report/html.h"

namespace segue::report {
namespace {

constexpr double kWidth = 640, kHeight = 340, kLeft = 70, kRight = 20, kTop = 14, kBottom = 40;

struct Series {
  std::string name, colour;
  std::vector<std::pair<double, double>> points;  ///< recall, rate
  double exact = 0;                               ///< rate at recall 1
};

/// Where a recall lies: what is missing counts by its logarithm, so that .9, .99 and .999 are equally far apart.
double place_of(double recall) { return -std::log10(std::max(1 - recall, 5e-4)); }

std::string text(double x, double y, const std::string& anchor, const std::string& content) {
  return "<text x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" text-anchor=\"" + anchor + "\">" + content +
         "</text>";
}

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + fixed(x1, 1) + "\" y1=\"" + fixed(y1, 1) + "\" x2=\"" + fixed(x2, 1) + "\" y2=\"" +
         fixed(y2, 1) + "\" " + style + "/>";
}

std::string chart(const std::vector<Series>& all, const std::string& recall_name) {
  double low = 1e300, high = 0;
  for (const Series& series : all) {
    low = std::min(low, series.exact);
    high = std::max(high, series.exact);
    for (const auto& [recall, rate] : series.points) low = std::min(low, rate), high = std::max(high, rate);
  }
  const Scale x{place_of(0), place_of(1), kLeft, kWidth - kRight};
  const Scale y{std::floor(std::log10(low)), std::ceil(std::log10(high)), kHeight - kBottom, kTop};
  std::string svg = "<svg viewBox=\"0 0 " + fixed(kWidth, 0) + " " + fixed(kHeight, 0) +
                    "\" role=\"img\" aria-label=\"" + "queries per second against " + escaped(recall_name) + "\">";
  for (double power = y.low; power <= y.high; ++power) {
    svg += line(kLeft, y(power), kWidth - kRight, y(power), "stroke=\"var(--line)\"");
    svg += text(kLeft - 8, y(power) + 4, "end", tick_label(std::pow(10, power)));
  }
  for (const double recall : {0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999}) {
    svg += line(x(place_of(recall)), kTop, x(place_of(recall)), kHeight - kBottom, "stroke=\"var(--line)\"");
    svg += text(x(place_of(recall)), kHeight - kBottom + 18, "middle", tick_label(recall));
  }
  svg += text((kLeft + kWidth - kRight) / 2, kHeight - 4, "middle", escaped(recall_name));
  for (const Series& series : all) {
    const std::string stroke = "stroke=\"" + series.colour + "\" stroke-width=\"2\"";
    svg += line(kLeft, y(std::log10(series.exact)), kWidth - kRight, y(std::log10(series.exact)),
                stroke + " stroke-dasharray=\"5 4\"");
    std::string path;
    for (const auto& [recall, rate] : series.points)
      path += fixed(x(place_of(recall)), 1) + "," + fixed(y(std::log10(rate)), 1) + " ";
    svg += "<polyline points=\"" + path + "\" fill=\"none\" " + stroke + "/>";
    for (const auto& [recall, rate] : series.points) {
      svg += "<circle cx=\"" + fixed(x(place_of(recall)), 1) + "\" cy=\"" + fixed(y(std::log10(rate)), 1) +
             "\" r=\"3.5\" fill=\"" + series.colour + "\"><title>" + escaped(recall_name) + " " + fixed(recall, 4) +
             ": " + tick_label(std::round(rate)) + " queries/s</title></circle>";
    }
  }
  return svg + "</svg>";
}

std::string table(const Json& result, const std::string& recall_name) {
  std::string html = "<table><thead><tr><th>probes</th><th>" + escaped(recall_name) +
                     "</th><th>together, queries/s</th><th>one by one, queries/s</th><th>p50 ms</th><th>p95 ms</th>"
                     "<th>p99 ms</th></tr></thead><tbody>";
  const auto row = [&](const std::string& probes, double recall, double rate, const Json& one) {
    html += "<tr><th>" + probes + "</th><td>" + fixed(recall, 4) + "</td><td>" + tick_label(std::round(rate)) +
            "</td><td>" + tick_label(std::round(one["queries/s"].get<double>())) + "</td>";
    for (const char* quantile : {"p50 ms", "p95 ms", "p99 ms"})
      html += "<td>" + fixed(one[quantile].get<double>(), 3) + "</td>";
    html += "</tr>";
  };
  for (const Json& point : result["ivf"]["points"])
    row(std::to_string(point["probes"].get<std::int64_t>()), point["recall"].get<double>(),
        point["queries/s"].get<double>(), point["one by one"]);
  row("exact", 1, result["top_k over int8 queries/s"].get<double>(), result["exact one by one"]);
  return html + "</tbody></table>";
}

}  // namespace

std::string recall_page(const Json& result) {
  const std::string recall_name = "recall@" + std::to_string(result["k"].get<std::int64_t>());
  Series together{"together", "var(--model)", {}, result["top_k over int8 queries/s"].get<double>()};
  Series single{"one by one", "var(--bound)", {}, result["exact one by one"]["queries/s"].get<double>()};
  for (const Json& point : result["ivf"]["points"]) {
    const double recall = point["recall"].get<double>();
    together.points.emplace_back(recall, point["queries/s"].get<double>());
    single.points.emplace_back(recall, point["one by one"]["queries/s"].get<double>());
  }
  const std::string title = tick_label(result["n"].get<double>()) + " items of " +
                            std::to_string(result["dim"].get<std::int64_t>()) + " dimensions, " +
                            std::to_string(result["threads"].get<std::int64_t>()) + " threads";
  return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Segue: retrieval</title><style>" +
         style_sheet() + "</style></head><body><main><h1>Rate against recall</h1><p>" + escaped(title) + ", " +
         tick_label(result["ivf"]["lists"].get<double>()) + " lists built in " +
         fixed(result["ivf"]["build s"].get<double>(), 1) + " s. Dashed: exact search.</p><figure><figcaption>" +
         "<b style=\"color:" + together.colour + "\">" + tick_label(result["queries"].get<double>()) +
         " queries together</b>, <b style=\"color:" + single.colour + "\">one by one</b>; queries/s</figcaption>" +
         chart({together, single}, recall_name) + "</figure>" + table(result, recall_name) + "</main></body></html>\n";
}

}  // namespace segue::report
