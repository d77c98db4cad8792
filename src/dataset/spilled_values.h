#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace segue::dataset {

/// Many integers kept in a file, to find their order statistics exactly without holding them in memory.
class SpilledValues {
 public:
  explicit SpilledValues(std::filesystem::path path);  ///< a scratch file; deleted at the end
  ~SpilledValues();
  SpilledValues(const SpilledValues&) = delete;
  SpilledValues& operator=(const SpilledValues&) = delete;
  void add(std::int64_t value);
  [[nodiscard]] std::int64_t size() const { return n_; }
  /// The value at `rank` of the sorted values, from 0. Four passes over the file, 16 bits each.
  [[nodiscard]] std::int64_t at_rank(std::int64_t rank);

 private:
  std::filesystem::path path_;
  std::vector<std::int64_t> waiting_;
  std::int64_t n_ = 0;
  void flush();
};

}  // namespace segue::dataset
