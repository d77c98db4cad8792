#include "report/tensorboard.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "support/errors.h"

// A file of records (TensorFlow's TFRecord): u64 length, masked CRC-32C of it, payload, masked CRC-32C of that, little
// endian. A payload is a protobuf message Event {double wall_time = 1; int64 step = 2; string file_version = 3; Summary
// summary = 5;} with Summary {repeated Value value = 1;} and Value {string tag = 1; float simple_value = 2;}: six
// fields, written by hand rather than with a protobuf library.

namespace segue::report {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);  // Castagnoli, reflected
    table[i] = crc;
  }
  return table;
}

std::uint32_t masked_crc(const std::string& bytes) {
  const auto crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  return bytes + static_cast<char>(value);
}

std::string field(int number, int wire_type) {
  return varint(static_cast<std::uint64_t>(number) << 3 | static_cast<std::uint64_t>(wire_type));
}
std::string message_field(int number, const std::string& bytes) {
  return field(number, 2) + varint(bytes.size()) + bytes;
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

std::uint32_t crc32c(const std::string& bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<std::uint8_t>(c)) & 0xFFU];
  return ~crc;
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  // TensorBoard finds files by "tfevents" in the name and reads them in the order of their names: the number keeps a
  // resumed run last.
  int number = 0;
  std::filesystem::path path;
  do {
    char name[64];
    std::snprintf(name, sizeof name, "events.out.tfevents.%010lld.segue.%03d", static_cast<long long>(now()), number++);
    path = directory / name;
  } while (std::filesystem::exists(path));
  file_.open(path, std::ios::binary);
  if (!file_) throw DataError(path.string() + ": cannot be written");
  record(field(1, 1) + raw(now()) + message_field(3, "brain.Event:2"));
}

void TensorBoardWriter::scalar(const std::string& tag, std::int64_t step, double value) {
  const auto entry = message_field(1, tag) + field(2, 5) + raw(static_cast<float>(value));
  record(field(1, 1) + raw(now()) + field(2, 0) + varint(static_cast<std::uint64_t>(step)) +
         message_field(5, message_field(1, entry)));
}

void TensorBoardWriter::flush() { file_.flush(); }

void TensorBoardWriter::record(const std::string& event) {
  const auto length = raw(static_cast<std::uint64_t>(event.size()));
  const auto bytes = length + raw(masked_crc(length)) + event + raw(masked_crc(event));
  file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace segue::report
