#include "dataset/spilled_values.h"

#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "support/errors.h"

namespace segue::dataset {
namespace {
constexpr std::size_t kWaiting = 1U << 16;
}

SpilledValues::SpilledValues(std::filesystem::path path) : path_(std::move(path)) {}

SpilledValues::~SpilledValues() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void SpilledValues::add(std::int64_t value) {
  waiting_.push_back(value);
  ++n_;
  if (waiting_.size() == kWaiting) flush();
}

void SpilledValues::flush() {
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file.write(reinterpret_cast<const char*>(waiting_.data()),
             static_cast<std::streamsize>(waiting_.size() * sizeof(std::int64_t)));
  file.close();
  if (!file) throw DataError(path_.string() + ": cannot be written; is there space left on the device?");
  waiting_.clear();
}

std::int64_t SpilledValues::at_rank(std::int64_t rank) {
  if (rank < 0 || rank >= n_) throw std::invalid_argument("SpilledValues::at_rank: no such rank");
  flush();
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  std::uint64_t known = 0;  // the leading digits found so far
  std::vector<std::int64_t> block(kWaiting);
  for (int shift = 48; shift >= 0; shift -= 16) {
    std::vector<std::int64_t> counts(1U << 16);
    std::ifstream file(path_, std::ios::binary);
    for (std::int64_t left = n_; left > 0;) {
      const auto n = std::min<std::int64_t>(left, static_cast<std::int64_t>(block.size()));
      if (!file.read(reinterpret_cast<char*>(block.data()), static_cast<std::streamsize>(n * 8))) {
        throw DataError(path_.string() + ": cannot be read again");
      }
      for (std::int64_t i = 0; i < n; ++i) {
        const auto key = static_cast<std::uint64_t>(block[static_cast<std::size_t>(i)]) ^ kSign;
        if (shift == 48 || key >> (shift + 16) == known) ++counts[(key >> shift) & 0xFFFF];
      }
      left -= n;
    }
    std::uint64_t digit = 0;
    while (rank >= counts[digit]) rank -= counts[digit++];
    known = known << 16 | digit;
  }
  return static_cast<std::int64_t>(known ^ kSign);
}

}  // namespace segue::dataset
