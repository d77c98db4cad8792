#include "item_index/removed_rows.h"

#include <algorithm>
#include <cstring>

#include "item_index/scan_tensors.h"
#include "model_file/safetensors.h"
#include "support/errors.h"

namespace segue::item_index {
namespace {

constexpr const char* kRows = "rows";

}  // namespace

void write_removed_rows(const std::filesystem::path& path, const std::vector<std::int32_t>& rows) {
  model_file::write_safetensors(
      path, {{kRows, {model_file::DType::kI32, {static_cast<std::int64_t>(rows.size())}, bytes_of(rows)}}},
      {{"format", "removed rows of a segue item index"}});
}

std::vector<std::int32_t> read_removed_rows(const std::filesystem::path& directory, const IndexFile& file,
                                            std::int64_t n_rows) {
  const auto path = directory / file.name;
  const model_file::SafetensorsFile mapped(path);
  const auto bytes = mapped.expect(kRows, model_file::DType::kI32, {file.n_rows}, kIndexRemedy).bytes;
  std::vector<std::int32_t> rows(static_cast<std::size_t>(file.n_rows));
  if (!rows.empty()) std::memcpy(rows.data(), bytes.data(), bytes.size());
  const bool ascending = std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) == rows.end();
  if (!rows.empty() && (!ascending || rows.front() < 0 || rows.back() >= n_rows))
    throw DataError(path.string() + ": damaged: it names rows that are not there" + kIndexRemedy);
  return rows;
}

}  // namespace segue::item_index
