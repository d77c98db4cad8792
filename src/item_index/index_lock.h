#pragma once

#include <filesystem>

namespace segue::item_index {

/// Keeps other writers away from an index for as long as it lives; readers need none. The system releases it when the
/// process ends, however that comes.
class IndexLock {
 public:
  /// @throws DataError  another command writes to the index; the folder cannot be written
  explicit IndexLock(const std::filesystem::path& directory);
  ~IndexLock();
  IndexLock(const IndexLock&) = delete;
  IndexLock& operator=(const IndexLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace segue::item_index
