#include "item_index/npy_file.h"

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "item_index/npy_header.h"
#include "kernels/dtype.h"
#include "support/errors.h"

namespace segue::item_index {
namespace {

struct TypeName {
  NpyType type;
  const char* descr;
  std::size_t n_bytes;
};
constexpr std::array<TypeName, 5> kTypes = {{{NpyType::kFloat16, "<f2", 2},
                                             {NpyType::kFloat32, "<f4", 4},
                                             {NpyType::kFloat64, "<f8", 8},
                                             {NpyType::kInt32, "<i4", 4},
                                             {NpyType::kInt64, "<i8", 8}}};

const TypeName& name_of(NpyType type) {
  for (const auto& known : kTypes) {
    if (known.type == type) return known;
  }
  throw std::invalid_argument("no such type of .npy elements");
}

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw DataError(path.string() + ": " + what);
}

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

/// Bytes of the elements; more than any file has where the product overflows.
std::uint64_t byte_count(const std::vector<std::int64_t>& shape, std::size_t element) {
  std::uint64_t bytes = element;
  for (const std::int64_t extent : shape) {
    if (extent == 0) return 0;
    if (bytes > std::numeric_limits<std::uint64_t>::max() / static_cast<std::uint64_t>(extent))
      return std::numeric_limits<std::uint64_t>::max();
    bytes *= static_cast<std::uint64_t>(extent);
  }
  return bytes;
}

float widened(std::uint16_t half) { return kernels::to_float32(kernels::Float16{half}); }
float widened(double value) { return static_cast<float>(value); }

template <class T>
std::vector<float> to_floats(std::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T element{};
    std::memcpy(&element, bytes.data() + i * sizeof element, sizeof element);
    values[i] = widened(element);
  }
  return values;
}

template <class T>
std::vector<std::int64_t> to_integers(std::string_view bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return {values.begin(), values.end()};
}

}  // namespace

NpyFile::NpyFile(const std::filesystem::path& path) : file_(path) {
  NpyHeader header;
  try {
    header = parse_npy_header(file_.bytes());
  } catch (const std::runtime_error& error) {
    fail(path, std::string("not a .npy file, or damaged: ") + error.what() + "; save it anew: numpy.save(FILE, array)");
  }
  const TypeName* found = nullptr;
  for (const auto& known : kTypes) {
    if (header.descr == known.descr) found = &known;
  }
  if (found == nullptr)
    fail(path, "its elements are '" + header.descr +
                   "', and only little-endian float16, float32, float64, int32 and int64 are read; save it as one of "
                   "them: numpy.save(FILE, array.astype('<f4'))");
  type_ = found->type;
  shape_ = header.shape;
  if (header.fortran_order)
    fail(path,
         "its elements lie in Fortran order (column by column); save them row by row: numpy.save(FILE, "
         "numpy.ascontiguousarray(array))");
  bytes_ = file_.bytes().substr(header.n_bytes);
  const auto expected = byte_count(shape_, found->n_bytes);
  if (bytes_.size() != expected)
    fail(path, "damaged: " + text_of(shape_) + " elements of " + std::to_string(found->n_bytes) +
                   " bytes do not fill the " + std::to_string(bytes_.size()) +
                   " bytes behind its header; copy it again, or save it anew");
}

NpyVectors::NpyVectors(const std::filesystem::path& path) : file_(path) {
  const auto& shape = file_.shape();
  const auto type = file_.type();
  if (shape.size() != 2) fail(path, "its shape is " + text_of(shape) + "; vectors are a matrix [n, dim], a row each");
  if (type == NpyType::kInt32 || type == NpyType::kInt64)
    fail(path, "its elements are whole numbers, as ids are; vectors are floating-point: array.astype('float32')");
  if (shape[0] == 0 || shape[1] == 0) fail(path, "its shape is " + text_of(shape) + ": there is no vector in it");
  const auto bytes = file_.bytes();
  // Headers of files older than NumPy 1.14 may leave the elements where no float can be read.
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) == 0;
  if (type == NpyType::kFloat16) {
    converted_ = to_floats<std::uint16_t>(bytes);
  } else if (type == NpyType::kFloat64) {
    converted_ = to_floats<double>(bytes);
  } else if (!aligned) {
    converted_.resize(bytes.size() / sizeof(float));
    std::memcpy(converted_.data(), bytes.data(), bytes.size());
  }
  view_ = {converted_.empty() ? reinterpret_cast<const float*>(bytes.data()) : converted_.data(), shape[0], shape[1]};
  for (std::int64_t row = 0; row < view_.n_rows; ++row) {
    for (std::int64_t i = 0; i < view_.n_cols; ++i) {
      if (!std::isfinite(view_.row(row)[i]))
        fail(path, "row " + std::to_string(row) + " (from 0) holds a number that is not finite in float32 at column " +
                       std::to_string(i) + "; leave the vector out, or repair it");
    }
  }
}

std::vector<std::int64_t> read_npy_ids(const std::filesystem::path& path) {
  const NpyFile file(path);
  if (file.shape().size() != 1) fail(path, "its shape is " + text_of(file.shape()) + "; ids have one dimension, [n]");
  if (file.type() == NpyType::kInt32) return to_integers<std::int32_t>(file.bytes());
  if (file.type() == NpyType::kInt64) return to_integers<std::int64_t>(file.bytes());
  fail(path, "its elements are floating-point; ids are whole numbers: array.astype('int64')");
}

NpyOutput::NpyOutput(const std::filesystem::path& path, NpyType type, std::int64_t n_rows, std::int64_t n_cols)
    : path_(path), out_(path, std::ios::binary) {
  out_ << npy_header_text(name_of(type).descr, {n_rows, n_cols});
}

void NpyOutput::append(std::string_view bytes) { out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); }

void NpyOutput::close() {
  out_.close();
  if (!out_) throw DataError("cannot write " + path_.string() + ": " + std::strerror(errno));
}

}  // namespace segue::item_index
