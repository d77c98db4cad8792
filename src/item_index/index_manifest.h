#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "item_index/index_options.h"
#include "support/json.h"

namespace segue::item_index {

/// Counts on with every change of what the files hold, the layout of kernels::Int8Items included.
inline constexpr int kIndexVersion = 1;
inline constexpr const char* kIndexFormat = "segue item index";
inline constexpr const char* kIndexManifest = "manifest.json";
/// Global rows of an index, removed ones too, stay below this.
inline constexpr std::int64_t kMaxIndexRows = 2'147'483'647;

/// A file of an index: immutable, under a name that no later file gets.
struct IndexFile {
  std::string name;
  std::int64_t n_rows = 0;
  std::uint64_t bytes = 0;
  std::string xxh3;

  /// Of a file that was just written.
  static IndexFile of(const std::filesystem::path& path, std::int64_t n_rows);
  /// @param checksum  read all bytes for it; the size is always compared
  /// @throws DataError  missing, of another size or content: names the file
  void verify(const std::filesystem::path& directory, bool checksum) const;
};

/// manifest.json: which files an index consists of. Replacing it is what makes an update visible, all of it at once.
struct IndexManifest {
  IndexOptions options;
  std::int64_t dim = 0;
  std::int64_t n_items = 0;         ///< rows less the removed ones
  std::int64_t probes = 0;          ///< lists that a search looks into, unless told otherwise; 0: the exact scan
  std::vector<IndexFile> segments;  ///< global rows are numbered in this order
  std::optional<IndexFile> removed;
  std::optional<IndexFile> queries;  ///< that probes were chosen by; none: by items
  std::int64_t next_file = 1;        ///< number of the next file
  std::int64_t next_id = 0;          ///< above every id there ever was; the largest int64: none is left
  std::string weights;               ///< checksum of the weights that all its vectors were made from; empty: of none
  Json calibration;                  ///< what was measured to choose `probes`; null: nothing

  [[nodiscard]] std::int64_t n_rows() const;
  /// The name of a new file, "segment-000003.safetensors"; counts next_file on.
  std::string new_name(const std::string& stem);
  [[nodiscard]] Json to_json() const;
  /// @throws DataError  no index, damaged, newer: names the file and the remedy
  static IndexManifest read(const std::filesystem::path& directory);
  void write(const std::filesystem::path& directory) const;
};

/// "; build it anew: segue index build"
extern const char* const kIndexRemedy;

/// Whether a folder holds an index of this or a later version.
bool is_index(const std::filesystem::path& directory);

}  // namespace segue::item_index
