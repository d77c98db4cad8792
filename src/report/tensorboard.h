#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace segue::report {

/// CRC-32C (Castagnoli) of the bytes, as the record framing uses it.
std::uint32_t crc32c(const std::string& bytes);

/// Writes scalars as a TensorBoard event file (TFRecord framing with masked CRC-32C; protobuf by hand: notes of the
/// format in the source). Appends; a resumed run opens a further file.
class TensorBoardWriter {
 public:
  explicit TensorBoardWriter(const std::filesystem::path& directory);
  void scalar(const std::string& tag, std::int64_t step, double value);
  void flush();

 private:
  std::ofstream file_;
  void record(const std::string& event);
};

}  // namespace segue::report
