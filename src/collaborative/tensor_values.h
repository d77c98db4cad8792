#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "model_file/safetensors.h"

namespace segue::collaborative {

/// A tensor that views `values`.
template <class Values>
model_file::TensorBytes tensor_of(model_file::DType dtype, std::vector<std::int64_t> shape, const Values& values) {
  return {dtype,
          std::move(shape),
          {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(typename Values::value_type)}};
}

/// A copy of a tensor's elements, whose dtype the caller has checked.
template <class Values>
Values values_of(const model_file::TensorBytes& tensor) {
  Values values(tensor.bytes.size() / sizeof(typename Values::value_type));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

}  // namespace segue::collaborative
