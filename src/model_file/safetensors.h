#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/storage.h"

namespace segue::model_file {

enum class DType { kF32, kBF16, kF16, kI64, kI32, kI8, kU8 };

/// A tensor in somebody else's memory, dense, row-major.
struct TensorBytes {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::string_view bytes;
};

/// A safetensors file (https://github.com/huggingface/safetensors, format section of its README), mapped.
class SafetensorsFile {
 public:
  /// @throws DataError  missing, truncated, header not JSON, offsets that overlap or leave holes or lie outside
  explicit SafetensorsFile(const std::filesystem::path& path);
  [[nodiscard]] const std::map<std::string, TensorBytes>& tensors() const { return tensors_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// The tensor called `name`; DataError naming the file when it is missing or of another dtype or shape (-1: any
  /// extent), and ending with `remedy`.
  [[nodiscard]] const TensorBytes& expect(const std::string& name, DType dtype, const std::vector<std::int64_t>& shape,
                                          const std::string& remedy = kOtherModel) const;
  static constexpr const char* kOtherModel = "; the weights are of another model than its options say";

 private:
  std::filesystem::path path_;
  storage::MappedFile file_;
  std::map<std::string, TensorBytes> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// Writes tensors so that each is aligned when mapped: first those whose size is a multiple of 64 bytes, which then all
/// begin at one (the header is padded), then the others; both by falling size of their elements, then by name. Atomic.
/// Same input, same bytes.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorBytes>& tensors,
                       const std::map<std::string, std::string>& metadata);

std::size_t size_of(DType dtype);

}  // namespace segue::model_file
