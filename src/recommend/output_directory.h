#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "recommend/recommend.h"
#include "support/json.h"

namespace segue::recommend {

/// The directory of shards. While it fills it holds _request.json (what is being computed), so that a resumed run can
/// tell that it continues the same one; at the end _SUCCESS takes its place.
class OutputDirectory {
 public:
  /// Sees to it that the directory may take this run.
  /// @param identity  equal for two runs that would write the same bytes
  /// @throws UsageError  it holds recommendations already, or something else; --resume of another run
  OutputDirectory(const std::filesystem::path& path, const Json& identity, std::int64_t n_shards, OutputFormat format,
                  Existing existing);
  [[nodiscard]] std::filesystem::path shard(std::int64_t index) const;  ///< part-00003-of-00008.parquet
  [[nodiscard]] bool finished() const;                                  ///< resumed, and nothing is left to do
  [[nodiscard]] bool has_shard(std::int64_t index) const;
  void succeed() const;

 private:
  std::filesystem::path path_;
  std::int64_t n_shards_;
  OutputFormat format_;
};

}  // namespace segue::recommend
