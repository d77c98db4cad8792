#pragma once

#include <filesystem>
#include <memory>

#include "events/event_file.h"
#include "events/row_builder.h"

namespace segue::events {

/// A Parquet file, its row groups streamed, only the columns needed decoded. Ids may be strings or integers; times
/// timestamps, dates, numbers or text; nulls are missing values.
class ParquetFile : public EventFile {
 public:
  /// @throws DataError  not Parquet, truncated, a column missing or of a type that cannot serve
  ParquetFile(const std::filesystem::path& path, RowBuilder& builder);
  ~ParquetFile() override;
  bool next(EventTable& table) override;
  [[nodiscard]] std::int64_t bytes_read() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::events
