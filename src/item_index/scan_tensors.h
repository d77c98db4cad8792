#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "kernels/int8_items.h"
#include "kernels/ivf_items.h"
#include "model_file/safetensors.h"

namespace segue::item_index {

// How the arrays that a scan reads in place of vectors lie in a segment: one tensor each.

using Tensors = std::map<std::string, model_file::TensorBytes>;

/// Adds the tensors of an int8 copy, under names that begin with `prefix`; they refer to `arrays`.
void add_int8_tensors(const std::string& prefix, const kernels::Int8ItemArrays& arrays, Tensors& tensors);

/// Whether a segment holds the int8 copy of this name.
bool has_int8_tensors(const std::string& prefix, const model_file::SafetensorsFile& file);

/// The int8 copy of a segment, mapped.
/// @throws DataError  tensors that are missing or of other shapes than `n_items` of `dim` dimensions give; positions or
///                    rows that are not there
kernels::Int8Items int8_of(const std::string& prefix, const model_file::SafetensorsFile& file,
                           const std::filesystem::path& path, std::int64_t n_items, std::int64_t dim, bool has_bias);

/// The same for inverted lists, of which a segment has one set at most.
void add_ivf_tensors(const kernels::IvfItemArrays& arrays, Tensors& tensors);
bool has_ivf_tensors(const model_file::SafetensorsFile& file);
kernels::IvfItems ivf_of(const model_file::SafetensorsFile& file, const std::filesystem::path& path,
                         std::int64_t n_items, std::int64_t dim, bool has_bias);

/// The bytes of an array.
template <class T>
std::string_view bytes_of(const T& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])};
}

}  // namespace segue::item_index
