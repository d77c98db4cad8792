#pragma once

#include <algorithm>
#include <string>

// Changes of a PTX text, to seed defects into kernels that are right. All count matches inside one kernel, from 0.

namespace segue::ptx {

/// The text of a kernel whose name contains `kernel` replaced by what `edit` makes of its lines.
template <class Edit>
std::string edit_kernel(const std::string& ptx, const std::string& kernel, Edit edit) {
  std::string result;
  bool is_inside = false;
  for (std::size_t at = 0; at < ptx.size();) {
    const std::size_t end = std::min(ptx.find('\n', at), ptx.size());
    std::string line = ptx.substr(at, end - at);
    at = end + 1;
    if (line.find(".entry ") != std::string::npos) is_inside = line.find(kernel) != std::string::npos;
    result += (is_inside ? edit(line) : line) + "\n";
  }
  return result;
}

/// How many lines of the kernel contain `text`.
inline int count_lines(const std::string& ptx, const std::string& kernel, const std::string& text) {
  int n = 0;
  edit_kernel(ptx, kernel, [&](const std::string& line) {
    n += line.find(text) != std::string::npos ? 1 : 0;
    return line;
  });
  return n;
}

/// `with` in place of `text` in the nth line of the kernel that contains it; in all of them for -1.
inline std::string replace_in(const std::string& ptx, const std::string& kernel, int nth, const std::string& text,
                              const std::string& with) {
  int n = 0;
  return edit_kernel(ptx, kernel, [&](std::string line) {
    const std::size_t at = line.find(text);
    if (at != std::string::npos && (nth < 0 || n == nth)) line.replace(at, text.size(), with);
    n += at != std::string::npos ? 1 : 0;
    return line;
  });
}

/// Without the nth line of the kernel that contains `text`.
inline std::string without(const std::string& ptx, const std::string& kernel, int nth, const std::string& text) {
  int n = 0;
  return edit_kernel(ptx, kernel, [&](const std::string& line) {
    const bool goes = line.find(text) != std::string::npos && n++ == nth;
    return goes ? std::string() : line;
  });
}

}  // namespace segue::ptx
