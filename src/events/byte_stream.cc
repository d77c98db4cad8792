#include "events/byte_stream.h"

#include <arrow/io/compressed.h>
#include <arrow/io/file.h>
#include <arrow/result.h>
#include <arrow/util/compression.h>

#include "support/errors.h"

namespace segue::events {

struct ByteStream::State {
  std::filesystem::path path;
  std::string compression;  // in words, for messages; empty when plain
  std::shared_ptr<arrow::io::ReadableFile> file;
  std::unique_ptr<arrow::util::Codec> codec;
  std::shared_ptr<arrow::io::InputStream> stream;
};

ByteStream::ByteStream(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  auto file = arrow::io::ReadableFile::Open(path.string());
  if (!file.ok()) throw DataError(path.string() + ": cannot be read: " + file.status().message());
  state_->file = *file;
  const auto size = state_->file->GetSize();
  if (size.ok() && *size == 0)
    throw DataError(path.string() + ": the file is empty; give a file with rows, or leave it out");
  const auto extension = path.extension();
  if (extension != ".gz" && extension != ".zst" && extension != ".zstd") {
    state_->stream = state_->file;
    return;
  }
  const bool gzip = extension == ".gz";
  state_->compression = gzip ? "gzip" : "zstd";
  auto codec = arrow::util::Codec::Create(gzip ? arrow::Compression::GZIP : arrow::Compression::ZSTD);
  if (!codec.ok()) throw DataError(path.string() + ": " + codec.status().message());
  state_->codec = std::move(*codec);
  auto stream = arrow::io::CompressedInputStream::Make(state_->codec.get(), state_->file);
  if (!stream.ok()) throw DataError(path.string() + ": " + stream.status().message());
  state_->stream = *stream;
}

ByteStream::~ByteStream() = default;
ByteStream::ByteStream(ByteStream&&) noexcept = default;
ByteStream& ByteStream::operator=(ByteStream&&) noexcept = default;

std::size_t ByteStream::read(char* to, std::size_t n) {
  const auto result = state_->stream->Read(static_cast<std::int64_t>(n), to);
  if (result.ok()) return static_cast<std::size_t>(*result);
  const std::string kind = state_->compression.empty() ? "file" : state_->compression + " file";
  throw DataError(state_->path.string() + ": the " + kind + " is truncated or damaged near byte " +
                  std::to_string(file_position()) + " (" + result.status().message() + "); fetch or write it again");
}

std::int64_t ByteStream::file_position() const {
  const auto position = state_->file->Tell();
  return position.ok() ? *position : 0;
}

std::filesystem::path uncompressed_name(const std::filesystem::path& path) {
  const auto extension = path.extension();
  if (extension == ".gz" || extension == ".zst" || extension == ".zstd") return path.filename().stem();
  return path.filename();
}

}  // namespace segue::events
