#pragma once

#include <cstdint>
#include <functional>

namespace segue::collaborative {

/// parallel_ranges() for rows of very unequal cost (popular items come first in a catalogue): [0, n) is cut into at
/// most `n_threads` contiguous ranges of about equal summed cost. The cuts depend on the number of threads: what a row
/// computes must not depend on its range.
/// @param cost  of a row, >= 0, in any unit
void balanced_ranges(std::int64_t n, int n_threads, const std::function<double(std::int64_t row)>& cost,
                     const std::function<void(std::int64_t begin, std::int64_t end, int worker)>& body);

}  // namespace segue::collaborative
