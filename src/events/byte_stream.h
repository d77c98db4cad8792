#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace segue::events {

/// The bytes of a file from front to back, decompressed by its name: .gz (also of several members), .zst, .zstd, or
/// plain.
class ByteStream {
 public:
  /// @throws DataError  the file cannot be opened, or is empty
  explicit ByteStream(const std::filesystem::path& path);
  ~ByteStream();
  ByteStream(ByteStream&&) noexcept;
  ByteStream& operator=(ByteStream&&) noexcept;
  /// Up to n bytes; 0 at the end. DataError for a truncated or damaged file.
  std::size_t read(char* to, std::size_t n);
  [[nodiscard]] std::int64_t file_position() const;  ///< in the file as it lies on disk, for progress

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The file's name without .gz, .zst or .zstd.
std::filesystem::path uncompressed_name(const std::filesystem::path& path);

}  // namespace segue::events
