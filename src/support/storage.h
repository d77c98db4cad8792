#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace segue::storage {

/// Every durable write of the program goes through here: written aside, synced, renamed. A reader sees the old file or
/// the whole new one. Errors are DataError and name the path and the cause ("no space left on device").

/// Writes `bytes` under `path`, atomically; creates the parent folders.
void write_file(const std::filesystem::path& path, std::string_view bytes);
/// As write_file, for content written piece by piece: `write` receives the path of the file aside and must close it.
void write_file_with(const std::filesystem::path& path, const std::function<void(const std::filesystem::path&)>& write);
/// Fills a fresh directory beside `path` by `fill(directory)`, syncs it and renames it to `path`, replacing what stood
/// there.
void write_directory_with(const std::filesystem::path& path,
                          const std::function<void(const std::filesystem::path&)>& fill);
/// The whole file. DataError if it cannot be read.
std::string read_file(const std::filesystem::path& path);
/// XXH3-64 of the bytes, as 16 hex digits.
std::string checksum(std::string_view bytes);
/// XXH3-64 of a file, streamed.
std::string file_checksum(const std::filesystem::path& path);

/// A read-only memory map of a whole file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  [[nodiscard]] std::string_view bytes() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Appends one line to a log-like file (training.jsonl) and flushes it.
void append_line(const std::filesystem::path& path, std::string_view line);

}  // namespace segue::storage
