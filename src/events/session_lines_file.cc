#include "events/session_lines_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "events/text_values.h"

namespace segue::events {

SessionLinesFile::SessionLinesFile(const std::filesystem::path& path, RowBuilder& builder, std::int64_t& n_lines)
    : builder_(builder), n_lines_(n_lines), lines_(path) {}

bool SessionLinesFile::next(EventTable& table) {
  constexpr std::string_view kSeparators = " \t,";
  std::string_view line;
  while (table.n_rows < kBlockRows && lines_.next(line)) {
    if (lines_.line_number() == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    ++n_lines_;
    const Place place{lines_.line_number(), lines_.line_number()};
    if (!is_utf8(line)) {
      builder_.reject(place, "",
                      "not UTF-8: " + quoted(line) + "; convert the file, for example with: iconv -f latin1 -t utf-8");
      continue;
    }
    std::array<char, 24> number{};
    const auto end = std::to_chars(number.data(), number.data() + number.size(), n_lines_).ptr;
    std::array<Cell, 2> cells;
    cells[0].text = std::string_view(number.data(), static_cast<std::size_t>(end - number.data()));
    for (std::size_t at = line.find_first_not_of(kSeparators); at != std::string_view::npos;) {
      const auto stop = std::min(line.find_first_of(kSeparators, at), line.size());
      cells[1].text = line.substr(at, stop - at);
      builder_.append(place, cells, table);
      at = line.find_first_not_of(kSeparators, stop);
    }
  }
  return table.n_rows > 0;
}

}  // namespace segue::events
