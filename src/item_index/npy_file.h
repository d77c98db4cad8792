#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "kernels/matrix_view.h"
#include "support/storage.h"

namespace segue::item_index {

/// The elements that an NpyFile may have.
enum class NpyType { kFloat16, kFloat32, kFloat64, kInt32, kInt64 };

/// An array that NumPy saved, mapped (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): versions
/// 1 to 3, little-endian, in C order.
class NpyFile {
 public:
  /// @throws DataError  missing, not such a file, truncated, of another type or order: names the file and what to do
  explicit NpyFile(const std::filesystem::path& path);

  [[nodiscard]] NpyType type() const { return type_; }
  [[nodiscard]] const std::vector<std::int64_t>& shape() const { return shape_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }  ///< of the elements

 private:
  storage::MappedFile file_;
  NpyType type_ = NpyType::kFloat32;
  std::vector<std::int64_t> shape_;
  std::string_view bytes_;
};

/// Vectors of a user's file, a row each, in float32: mapped where they are float32 in the file, else converted.
class NpyVectors {
 public:
  /// @throws DataError  as NpyFile; not a matrix of floating-point numbers; no row; a number that is not finite in
  ///                    float32, with its row
  explicit NpyVectors(const std::filesystem::path& path);
  [[nodiscard]] kernels::MatrixView<const float> view() const { return view_; }  ///< [n, dim], lives as long as this

 private:
  NpyFile file_;
  std::vector<float> converted_;
  kernels::MatrixView<const float> view_;
};

/// Ids of a user's file: one dimension of int32 or int64.
/// @throws DataError  as NpyFile; another shape or type
std::vector<std::int64_t> read_npy_ids(const std::filesystem::path& path);

/// Writes a matrix piece by piece as a .npy file, which a reader of NumPy's maps.
class NpyOutput {
 public:
  /// @param path  of a file aside (storage::write_directory_with, write_file_with)
  NpyOutput(const std::filesystem::path& path, NpyType type, std::int64_t n_rows, std::int64_t n_cols);
  /// The next elements in C order.
  void append(std::string_view bytes);
  /// @throws DataError  the file could not be written
  void close();

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace segue::item_index
