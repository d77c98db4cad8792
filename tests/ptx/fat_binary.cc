// The layout of a fat binary, as far as it is needed: a wrapper points to a header, behind which entries follow, each
// PTX text or machine code.

#include "tests/ptx/fat_binary.h"

#include <cstring>
#include <stdexcept>

#include "tests/ptx/numbers.h"

namespace segue::ptx {
namespace {

struct Wrapper {
  u32 magic, version;
  const u8* data;
};
struct Header {
  u32 magic;
  u16 version, header_size;
  u64 size;
};
struct Entry {
  u16 kind, attributes;
  u32 header_size;
  u64 size;
};
constexpr u32 kWrapperMagic = 0x466243B1, kHeaderMagic = 0xBA55ED50;
constexpr u16 kPtx = 1;

}  // namespace

std::vector<std::string> ptx_of_fat_binary(const void* wrapper_address) {
  Wrapper wrapper;
  Header header;
  std::memcpy(&wrapper, wrapper_address, sizeof wrapper);
  if (wrapper.magic != kWrapperMagic) throw std::runtime_error("no fat binary");
  std::memcpy(&header, wrapper.data, sizeof header);
  if (header.magic != kHeaderMagic) throw std::runtime_error("no fat binary behind its wrapper");
  std::vector<std::string> texts;
  const u8* const end = wrapper.data + header.header_size + header.size;
  for (const u8* at = wrapper.data + header.header_size; at < end;) {
    Entry entry;
    std::memcpy(&entry, at, sizeof entry);
    const char* const body = reinterpret_cast<const char*>(at + entry.header_size);
    if (entry.kind == kPtx) {
      std::string text(body, strnlen(body, entry.size));
      if (text.find(".version") == std::string::npos)
        throw std::runtime_error("the PTX in the fat binary is compressed: compile with nvcc --no-compress");
      texts.push_back(std::move(text));
    }
    at += entry.header_size + entry.size;
  }
  if (texts.empty())
    throw std::runtime_error("no PTX in the fat binary: compile for a virtual architecture too, such as compute_80");
  return texts;
}

}  // namespace segue::ptx
