#include "training/checkpoint.h"

#include <algorithm>

#include "model_file/safetensors.h"
#include "support/errors.h"

namespace segue::training {
namespace {

constexpr int kVersion = 1;
constexpr const char* kFormat = "segue checkpoint";

model_file::DType dtype_of(const at::Tensor& tensor, const std::string& name) {
  switch (tensor.scalar_type()) {
    case at::kFloat: return model_file::DType::kF32;
    case at::kBFloat16: return model_file::DType::kBF16;
    case at::kHalf: return model_file::DType::kF16;
    case at::kLong: return model_file::DType::kI64;
    case at::kInt: return model_file::DType::kI32;
    case at::kChar: return model_file::DType::kI8;
    case at::kByte: return model_file::DType::kU8;
    default: throw std::invalid_argument("checkpoint: tensor '" + name + "' has a type that checkpoints do not hold");
  }
}

at::ScalarType scalar_type_of(model_file::DType dtype) {
  switch (dtype) {
    case model_file::DType::kF32: return at::kFloat;
    case model_file::DType::kBF16: return at::kBFloat16;
    case model_file::DType::kF16: return at::kHalf;
    case model_file::DType::kI64: return at::kLong;
    case model_file::DType::kI32: return at::kInt;
    case model_file::DType::kI8: return at::kChar;
    case model_file::DType::kU8: return at::kByte;
  }
  throw std::invalid_argument("checkpoint: unknown type");
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

void Checkpoint::save(const std::filesystem::path& path) const {
  std::vector<at::Tensor> kept;
  std::map<std::string, model_file::TensorBytes> bytes;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().to(at::kCPU).contiguous());
    const at::Tensor& dense = kept.back();
    bytes[name] = {dtype_of(dense, name), dense.sizes().vec(),
                   std::string_view(static_cast<const char*>(dense.const_data_ptr()), dense.nbytes())};
  }
  save_checkpoint(path, bytes, state);
}

void save_checkpoint(const std::filesystem::path& path, const std::map<std::string, model_file::TensorBytes>& tensors,
                     const Json& state) {
  Json described = {{"format", kFormat}, {"version", kVersion}};
  for (const auto& [key, value] : state.items()) described[key] = value;
  model_file::write_safetensors(path, tensors, {{"segue", described.dump()}});
}

Json checkpoint_state(const model_file::SafetensorsFile& file, const std::filesystem::path& path) {
  const auto found = file.metadata().find("segue");
  if (found == file.metadata().end())
    throw DataError(path.string() + ": not a checkpoint of Segue (no \"segue\" in its metadata)");
  Json state = Json::parse(found->second, nullptr, false);
  if (state.is_discarded() || !state.is_object())
    throw DataError(path.string() +
                    ": damaged checkpoint: its \"segue\" metadata is not JSON; take another checkpoint of the run");
  check_format(state, kFormat, kVersion, path.string());
  return state;
}

Checkpoint Checkpoint::load(const std::filesystem::path& path) {
  const model_file::SafetensorsFile file(path);
  Checkpoint checkpoint;
  checkpoint.state = checkpoint_state(file, path);
  for (const auto& [name, bytes] : file.tensors()) {
    at::Tensor tensor = at::empty(bytes.shape, at::TensorOptions().dtype(scalar_type_of(bytes.dtype)));
    if (!bytes.bytes.empty())
      std::copy_n(bytes.bytes.data(), bytes.bytes.size(), static_cast<char*>(tensor.mutable_data_ptr()));
    checkpoint.tensors.emplace(name, std::move(tensor));
  }
  return checkpoint;
}

void load_parameters(const Checkpoint& checkpoint, const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                     bool prefer_ema) {
  std::vector<const at::Tensor*> sources;
  for (const auto& [name, parameter] : parameters) {
    auto found = prefer_ema ? checkpoint.tensors.find("ema." + name) : checkpoint.tensors.end();
    if (found == checkpoint.tensors.end()) found = checkpoint.tensors.find("model." + name);
    if (found == checkpoint.tensors.end())
      throw DataError("checkpoint: it holds no parameter '" + name + "': it belongs to a model with other options");
    const at::Tensor& source = found->second;
    if (source.sizes() != parameter.sizes() || source.scalar_type() != parameter.scalar_type())
      throw DataError("checkpoint: parameter '" + name + "' has shape " + shape_text(source.sizes()) + " there and " +
                      shape_text(parameter.sizes()) + " in this model: model options or data differ");
    sources.push_back(&source);
  }
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.size(); ++i) at::Tensor(parameters[i].second).copy_(*sources[i]);
}

}  // namespace segue::training
