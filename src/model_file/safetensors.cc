#include "model_file/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

#include "support/errors.h"
#include "support/json.h"

namespace segue::model_file {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kAlignment = 64;
constexpr const char* kMetadataKey = "__metadata__";
constexpr std::array<std::pair<DType, const char*>, 7> kDTypeNames = {{{DType::kF32, "F32"},
                                                                       {DType::kBF16, "BF16"},
                                                                       {DType::kF16, "F16"},
                                                                       {DType::kI64, "I64"},
                                                                       {DType::kI32, "I32"},
                                                                       {DType::kI8, "I8"},
                                                                       {DType::kU8, "U8"}}};

const char* name_of(DType dtype) {
  for (const auto& [value, name] : kDTypeNames) {
    if (value == dtype) return name;
  }
  throw std::invalid_argument("no such dtype");
}

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
  }
  return text + "]";
}

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw DataError(
      path.string() + ": " + what +
      "; the file is damaged or not safetensors: copy it again, or write it anew with the command that made it");
}

/// Bytes of a tensor; false when the product of its extents overflows.
bool byte_count(const std::vector<std::int64_t>& shape, std::size_t element, std::uint64_t& bytes) {
  bytes = element;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return false;
    const auto n = static_cast<std::uint64_t>(extent);
    if (n != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / n) return false;
    bytes *= n;
  }
  return true;
}

Json parse_header(const std::filesystem::path& path, std::string_view text) {
  // The parser would silently keep one of two equal keys: a file with two tensors of one name is refused instead.
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const auto watch = [&](int /*depth*/, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  try {
    Json header = Json::parse(text.begin(), text.end(), watch);
    if (!twice.empty()) fail(path, "its header names '" + twice + "' twice");
    if (!header.is_object()) fail(path, "its header is not a JSON object");
    return header;
  } catch (const Json::exception& error) {
    fail(path, std::string("its header is not JSON (") + error.what() + ")");
  }
}

struct Entry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape = {};
  std::uint64_t begin = 0, end = 0;
};

bool is_count(const Json& json) { return json.is_number_unsigned() || (json.is_number_integer() && json >= 0); }

Entry parse_entry(const std::filesystem::path& path, const std::string& name, const Json& json) {
  const auto where = "tensor '" + name + "'";
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
      !json.contains("data_offsets")) {
    fail(path, where + " does not have exactly dtype, shape and data_offsets");
  }
  Entry entry;
  entry.name = name;
  const Json& dtype = json.at("dtype");
  const auto* known = std::find_if(kDTypeNames.begin(), kDTypeNames.end(),
                                   [&](const auto& pair) { return dtype.is_string() && dtype == pair.second; });
  if (known == kDTypeNames.end()) fail(path, where + " has the dtype " + dtype.dump() + ", which is not supported");
  entry.dtype = known->first;
  const Json& shape = json.at("shape");
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), is_count)) {
    fail(path, where + " has the shape " + shape.dump());
  }
  entry.shape = shape.get<std::vector<std::int64_t>>();
  const Json& offsets = json.at("data_offsets");
  if (!offsets.is_array() || offsets.size() != 2 || !is_count(offsets[0]) || !is_count(offsets[1])) {
    fail(path, where + " has the data_offsets " + offsets.dump());
  }
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  std::uint64_t bytes = 0;
  if (!byte_count(entry.shape, size_of(entry.dtype), bytes) || entry.end < entry.begin ||
      entry.end - entry.begin != bytes) {
    fail(path, where + " of shape " + text_of(entry.shape) + " and dtype " + name_of(entry.dtype) +
                   " does not fill its data_offsets " + offsets.dump());
  }
  return entry;
}

}  // namespace

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::kF32: return 4;
    case DType::kBF16: return 2;
    case DType::kF16: return 2;
    case DType::kI64: return 8;
    case DType::kI32: return 4;
    case DType::kI8: return 1;
    case DType::kU8: return 1;
  }
  throw std::invalid_argument("no such dtype");
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
  const std::string_view bytes = file_.bytes();
  if (bytes.size() < kLengthBytes)
    fail(path, "it has " + std::to_string(bytes.size()) + " bytes, fewer than any header");
  std::uint64_t header_bytes = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    header_bytes |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  if (header_bytes > kMaxHeaderBytes) {
    fail(path, "its header would be " + std::to_string(header_bytes) + " bytes long, the limit is " +
                   std::to_string(kMaxHeaderBytes));
  }
  if (header_bytes > bytes.size() - kLengthBytes) {
    fail(path, "its header of " + std::to_string(header_bytes) + " bytes is cut off after " +
                   std::to_string(bytes.size() - kLengthBytes));
  }
  const Json header = parse_header(path, bytes.substr(kLengthBytes, header_bytes));
  const std::string_view data = bytes.substr(kLengthBytes + header_bytes);

  std::vector<Entry> entries;
  for (const auto& [name, json] : header.items()) {
    if (name != kMetadataKey) {
      entries.push_back(parse_entry(path, name, json));
      continue;
    }
    if (!json.is_object()) fail(path, "its __metadata__ is not an object");
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) fail(path, "its __metadata__ '" + key + "' is not a string");
      metadata_[key] = value.get<std::string>();
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t expected = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != expected) {
      fail(path, "tensor '" + entry.name + "' begins at byte " + std::to_string(entry.begin) + " of the data, " +
                     (entry.begin < expected ? "inside another tensor" : "after a hole") + "; expected " +
                     std::to_string(expected));
    }
    if (entry.end > data.size()) {
      fail(path, "tensor '" + entry.name + "' ends at byte " + std::to_string(entry.end) + " of the data, of which " +
                     std::to_string(data.size()) + " are there: the file is cut off");
    }
    tensors_[entry.name] = {entry.dtype, entry.shape, data.substr(entry.begin, entry.end - entry.begin)};
    expected = entry.end;
  }
  if (expected != data.size()) {
    fail(path, std::to_string(data.size() - expected) + " bytes after the last tensor belong to none");
  }
}

const TensorBytes& SafetensorsFile::expect(const std::string& name, DType dtype, const std::vector<std::int64_t>& shape,
                                           const std::string& remedy) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw DataError(path_.string() + ": the tensor '" + name + "' is missing" + remedy);
  const TensorBytes& tensor = found->second;
  bool fits = tensor.dtype == dtype && tensor.shape.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] < 0 || shape[i] == tensor.shape[i];
  if (!fits) {
    throw DataError(path_.string() + ": the tensor '" + name + "' is " + name_of(tensor.dtype) + " " +
                    text_of(tensor.shape) + ", expected " + name_of(dtype) + " " + text_of(shape) + remedy);
  }
  return tensor;
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorBytes>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, TensorBytes>> ordered(tensors.begin(), tensors.end());
  const auto is_ragged = [](const TensorBytes& tensor) { return tensor.bytes.size() % kAlignment != 0; };
  std::stable_sort(ordered.begin(), ordered.end(), [&](const auto& a, const auto& b) {
    if (is_ragged(a.second) != is_ragged(b.second)) return is_ragged(b.second);
    return size_of(a.second.dtype) > size_of(b.second.dtype);
  });
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : ordered) {
    std::uint64_t bytes = 0;
    if (name == kMetadataKey) throw std::invalid_argument("a tensor cannot be called __metadata__");
    if (!byte_count(tensor.shape, size_of(tensor.dtype), bytes) || bytes != tensor.bytes.size()) {
      throw std::invalid_argument("tensor '" + name + "' of shape " + text_of(tensor.shape) + " comes with " +
                                  std::to_string(tensor.bytes.size()) + " bytes");
    }
    header[name] = {
        {"dtype", name_of(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');
  std::string length(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<char>((text.size() >> (8 * i)) & 0xff);

  storage::write_file_with(path, [&](const std::filesystem::path& aside) {
    std::ofstream out(aside, std::ios::binary);
    out << length << text;
    for (const auto& [name, tensor] : ordered) {
      out.write(tensor.bytes.data(), static_cast<std::streamsize>(tensor.bytes.size()));
    }
    out.close();
    if (!out) throw DataError(path.string() + ": cannot write all of it: " + std::strerror(errno));
  });
}

}  // namespace segue::model_file
