#include "tests/ptx/device_printf.h"

#include <cstdio>

#include "tests/ptx/device_pages.h"
#include "tests/ptx/memory_access.h"

namespace segue::ptx {
namespace {

/// The bytes at a generic address, read as the lane would; nullptr if nothing is there.
const u8* bytes_at(const Warp& warp, int lane, u64 address, std::size_t n_bytes) {
  u64 at = 0;
  const Launch& launch = *warp.block->launch;
  if (space_of_generic(address, &at) == Space::kLocal) {
    const u64 size = launch.kernel->local_bytes, offset = at - kLocalBase;
    return offset < size && n_bytes <= size - offset ? warp.local.data() + static_cast<u64>(lane) * size + offset
                                                     : nullptr;
  }
  return launch.pages->holding(address, n_bytes) != nullptr ? launch.pages->data(address) : nullptr;
}

template <class T>
T value_at(const Warp& warp, int lane, u64 address) {
  T value{};
  if (const u8* bytes = bytes_at(warp, lane, address, sizeof(T)); bytes != nullptr)
    std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::string text_at(const Warp& warp, int lane, u64 address) {
  std::string text;
  for (const u8* c = nullptr; (c = bytes_at(warp, lane, address, 1)) != nullptr && *c != 0; ++address)
    text += static_cast<char>(*c);
  return text;
}

/// An argument: its place in local memory is a constant of the call.
u64 argument(const Warp& warp, const Instruction& instruction, int i, int lane) {
  return value_at<u64>(warp, lane, kLocalWindow + *warp.at<u64>(instruction.operands[i]));
}

std::string formatted(const Warp& warp, int lane, const std::string& format, u64 arguments) {
  std::string text;
  u64 offset = 0;
  const auto take = [&](u64 size) {
    offset = (offset + size - 1) / size * size;
    offset += size;
    return arguments + offset - size;
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text += format[i];
      continue;
    }
    std::string spec = "%";
    int n_long = 0;
    for (++i; i < format.size(); ++i) {
      const char c = format[i];
      if (c == 'l' || c == 'z') {
        ++n_long;
        continue;
      }
      spec += c;
      if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '%') break;
    }
    char buffer[128];
    const char kind = spec.back();
    const std::string flags = spec.substr(0, spec.size() - 1);
    if (kind == '%') {
      text += '%';
      continue;
    }
    if (kind == 's') {
      text += text_at(warp, lane, value_at<u64>(warp, lane, take(8)));
      continue;
    }
    if (kind == 'f' || kind == 'g' || kind == 'e') {
      std::snprintf(buffer, sizeof buffer, spec.c_str(), value_at<double>(warp, lane, take(8)));
    } else if (n_long > 0 || kind == 'p') {
      std::snprintf(buffer, sizeof buffer, (flags + "ll" + (kind == 'p' ? 'x' : kind)).c_str(),
                    static_cast<long long>(value_at<i64>(warp, lane, take(8))));
    } else {
      std::snprintf(buffer, sizeof buffer, spec.c_str(), value_at<i32>(warp, lane, take(4)));
    }
    text += buffer;
  }
  return text;
}

}  // namespace

void execute_printf(Warp& warp, const Instruction& instruction, u32 mask) {
  for_each_lane(mask, [&](int lane) {
    std::fputs(formatted(warp, lane, text_at(warp, lane, argument(warp, instruction, 0, lane)),
                         argument(warp, instruction, 1, lane))
                   .c_str(),
               stdout);
  });
}

void execute_assertfail(Warp& warp, const Instruction& instruction, u32 mask) {
  const int lane = std::countr_zero(mask);
  throw KernelFault(FaultKind::kAssertion, lane,
                    text_at(warp, lane, argument(warp, instruction, 1, lane)) +
                        ": assertion failed: " + text_at(warp, lane, argument(warp, instruction, 0, lane)));
}

}  // namespace segue::ptx
