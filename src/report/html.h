#pragma once

#include <string>
#include <vector>

namespace segue::report {

/// `text` with & < > " ' escaped, for element content and attributes.
std::string escaped(const std::string& text);
/// A number with `digits` after the point; "–" when not finite.
std::string fixed(double value, int digits);
/// A number in few digits, for axes: 0.25, 1,500, 2.5e-05.
std::string tick_label(double value);

/// Round tick values that cover [low, high], about `n` of them.
std::vector<double> ticks(double low, double high, int n);

/// Maps data to pixels along one axis.
struct Scale {
  double low = 0, high = 1, from = 0, to = 1;
  [[nodiscard]] double operator()(double value) const {
    return high == low ? (from + to) / 2 : from + (value - low) / (high - low) * (to - from);
  }
};

/// One place for the look of the page.
std::string style_sheet();

}  // namespace segue::report
