#pragma once

#include <functional>
#include <vector>

namespace segue::bench {

/// Milliseconds of work that is enqueued on the default stream, between two events on the device.
///
/// @param in_a_row  times that `work` is enqueued between the events; the result is for one
double milliseconds_of(const std::function<void()>& work, int in_a_row = 1);

/// milliseconds_of() again and again: `n_least` times, then until `seconds` have passed, `n_most` at most.
std::vector<double> repeat(const std::function<void()>& work, int n_least, int n_most, double seconds);

double median(std::vector<double> values);

}  // namespace segue::bench
