#include "report/html.h"

#include <cmath>
#include <cstdio>

#include "support/progress.h"

namespace segue::report {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string fixed(double value, int digits) {
  if (!std::isfinite(value)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string tick_label(double value) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 1000 && size < 1e12) return with_thousands(static_cast<std::int64_t>(std::llround(value)));
  char text[64];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::vector<double> ticks(double low, double high, int n) {
  if (!(high > low) || n < 1) return {low};
  const double raw = (high - low) / n;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = factor * power;
    if (step >= raw) break;
  }
  std::vector<double> values;
  for (double value = std::ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step)
    values.push_back(std::abs(value) < step * 1e-9 ? 0 : value);
  return values;
}

std::string style_sheet() {
  return R"(
:root { --ink: #1d2733; --soft: #5d6b7a; --line: #dde3ea; --ground: #ffffff; --panel: #f6f8fa; --model: #0b6bcb; --baseline: #8896a5;
        --bound: #b3541e; --good: #14804a; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 28px 80px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 44px 0 6px; letter-spacing: -0.005em; }
p.note { color: var(--soft); margin: 0 0 14px; max-width: 78ch; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin: 26px 0 8px; }
.card { background: var(--panel); border-radius: 10px; padding: 14px 16px; }
.card b { display: block; font-size: 25px; font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.card span { color: var(--soft); font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 550; }
th:first-child, td:first-child { text-align: left; }
tr.model td { font-weight: 600; background: #eef5fc; }
tr.bound td { color: var(--bound); }
td small { color: var(--soft); font-weight: 400; font-size: 11.5px; display: block; line-height: 1.2; }
.scroll { overflow-x: auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 20px; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 18px; }
figure { margin: 0; }
figcaption { color: var(--soft); font-size: 13px; margin-top: 4px; }
figcaption b { color: var(--ink); font-weight: 600; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--soft); }
svg .name { fill: var(--ink); }
details { margin-top: 14px; } summary { cursor: pointer; color: var(--soft); }
pre { background: var(--panel); border-radius: 10px; padding: 14px 16px; overflow-x: auto; font-size: 12.5px; line-height: 1.45; }
footer { margin-top: 50px; color: var(--soft); font-size: 13px; }
)";
}

}  // namespace segue::report
