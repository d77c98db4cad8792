#include "events/delimited_file.h"

#include <algorithm>
#include <cstring>

#include "events/text_values.h"
#include "support/errors.h"

namespace segue::events {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::size_t kLongestLine = std::size_t{64} << 20;  // a longer one is a missing quote or no text at all

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < 40; ++i) text += (i ? ", '" : "'") + names[i] + "'";
  return names.size() > 40 ? text + ", ..." : text;
}

}  // namespace

LineReader::LineReader(const std::filesystem::path& path) : path_(path.string()), stream_(path), buffer_(2 * kChunk) {}

bool LineReader::fill() {
  if (at_end_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    next_ -= begin_;
    begin_ = 0;
  }
  if (end_ + kChunk > buffer_.size()) {
    if (end_ > kLongestLine) {
      throw DataError(path_ + ", line " + std::to_string(line_number_) +
                      ": longer than 64 MB; a quote that is not closed, or not a text file");
    }
    buffer_.resize(2 * buffer_.size());
  }
  const auto n = stream_.read(buffer_.data() + end_, kChunk);
  at_end_ = n == 0;
  end_ += n;
  return n > 0;
}

bool LineReader::find_end(std::size_t from, std::string_view& line) {
  ++line_number_;
  for (std::size_t searched = from;;) {
    const char* data = buffer_.data();
    if (const auto* found = static_cast<const char*>(std::memchr(data + searched, '\n', end_ - searched))) {
      next_ = static_cast<std::size_t>(found - data) + 1;
      break;
    }
    const std::size_t shift = begin_, known = end_;
    if (!fill()) {
      if (from - (shift - begin_) >= end_) return false;
      next_ = end_ + 1;
      break;
    }
    from -= shift;
    searched = known - shift;
  }
  auto stop = next_ - 1;
  if (stop > begin_ && buffer_[stop - 1] == '\r') --stop;
  line = std::string_view(buffer_.data() + begin_, stop - begin_);
  return true;
}

bool LineReader::next(std::string_view& line) {
  begin_ = std::min(next_, end_);
  next_ = begin_;
  return find_end(begin_, line);
}

bool LineReader::extend(std::string_view& line) {
  if (next_ >= end_ && (at_end_ || !fill())) return false;
  return find_end(next_, line);
}

DelimitedFile::DelimitedFile(const std::filesystem::path& path, char delimiter, RowBuilder& builder)
    : path_(path.string()), delimiter_(delimiter), builder_(builder), lines_(path) {
  cells_.resize(builder_.names().size());
  open();
}

void DelimitedFile::open() {
  if (!next_line()) throw DataError(path_ + ": the file is empty; give a file with rows, or leave it out");
  if (line_.starts_with("\xEF\xBB\xBF")) line_.remove_prefix(3);
  if (!is_utf8(line_)) {
    throw DataError(path_ + ", line 1: not UTF-8; convert the file, for example with: iconv -f latin1 -t utf-8");
  }
  std::string problem;
  if (!split(problem)) throw DataError(path_ + ", line 1: " + problem);
  n_columns_ = fields_.size();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < n_columns_; ++i) {
    names.push_back(builder_.options().header ? std::string(fields_[i]) : std::to_string(i + 1));
  }
  pending_ = !builder_.options().header;
  find_columns(names);
}

void DelimitedFile::find_columns(const std::vector<std::string>& names) {
  for (const auto& wanted : builder_.names()) {
    const auto found = std::find(names.begin(), names.end(), wanted);
    if (found == names.end()) {
      const auto near = config::nearest_word(wanted, names);
      throw DataError(path_ + ": no column '" + wanted + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?") +
                      " Columns of the file: " + listed(names) +
                      (builder_.options().header ? std::string(". Name one of them in ") + builder_.keys() +
                                                       " (a file without a header needs data.header: false)"
                                                 : " (by number, as data.header is false)"));
    }
    if (std::find(found + 1, names.end(), wanted) != names.end()) {
      throw DataError(path_ + ": two columns are named '" + wanted + "'; rename one of them");
    }
    columns_.push_back(static_cast<std::size_t>(found - names.begin()));
  }
}

/// The next line that is not blank.
bool DelimitedFile::next_line() {
  while (lines_.next(line_)) {
    if (line_.find_first_not_of(delimiter_ == ' ' ? " \t" : " ") != std::string_view::npos) return true;
  }
  return false;
}

bool DelimitedFile::split(std::string& problem) {
  fields_.clear();
  if (delimiter_ == ' ') {
    for (std::size_t at = line_.find_first_not_of(" \t"); at != std::string_view::npos;) {
      const auto stop = std::min(line_.find_first_of(" \t", at), line_.size());
      fields_.push_back(line_.substr(at, stop - at));
      at = line_.find_first_not_of(" \t", stop);
    }
    return true;
  }
  if (std::memchr(line_.data(), '"', line_.size()) != nullptr) return split_quoted(problem);
  const char* at = line_.data();
  const char* const end = at + line_.size();
  for (const char* p = at; p != end; ++p) {
    if (*p == delimiter_) {
      fields_.emplace_back(at, static_cast<std::size_t>(p - at));
      at = p + 1;
    }
  }
  fields_.emplace_back(at, static_cast<std::size_t>(end - at));
  return true;
}

bool DelimitedFile::split_quoted(std::string& problem) {
  // A quoted value may hold line ends: the row grows by a line until its quotes are closed, and is cut anew each
  // time, because the lines move in the buffer.
  for (;;) {
    fields_.clear();
    unquoted_.clear();
    unquoted_.reserve(line_.size());  // no reallocation below: fields point into it
    std::size_t at = 0;
    bool open = false;
    for (;;) {
      if (at < line_.size() && line_[at] == '"') {
        const auto start = unquoted_.size();
        std::size_t p = at + 1;
        for (open = true; p < line_.size(); ++p) {
          if (line_[p] != '"') {
            unquoted_ += line_[p];
          } else if (p + 1 < line_.size() && line_[p + 1] == '"') {
            unquoted_ += '"';
            ++p;
          } else {
            open = false;
            ++p;
            break;
          }
        }
        if (open) break;
        if (p < line_.size() && line_[p] != delimiter_) {
          problem = "text follows the closing quote of column " + std::to_string(fields_.size() + 1) +
                    "; a quote inside a quoted value must be doubled";
          return false;
        }
        fields_.push_back(std::string_view(unquoted_).substr(start));
        at = p;
      } else {
        const auto stop = std::min(line_.find(delimiter_, at), line_.size());
        fields_.push_back(line_.substr(at, stop - at));
        at = stop;
      }
      if (at >= line_.size()) return true;
      ++at;  // the delimiter
    }
    if (!lines_.extend(line_)) {
      problem = "a quote is not closed before the end of the file";
      return false;
    }
  }
}

bool DelimitedFile::next(EventTable& table) {
  while (table.n_rows < kBlockRows) {
    if (!pending_ && !next_line()) break;
    if (pending_ && row_ == 0 && line_.starts_with("\xEF\xBB\xBF")) line_.remove_prefix(3);
    pending_ = false;
    Place place{++row_, lines_.line_number()};
    std::string problem;
    const bool good = split(problem);
    if (!is_utf8(line_)) {
      builder_.reject(place, "",
                      "not UTF-8: " + quoted(line_) + "; convert the file, for example with: iconv -f latin1 -t utf-8");
      continue;
    }
    if (!good) {
      builder_.reject(place, "", problem);
      continue;
    }
    if (fields_.size() != n_columns_) {
      builder_.reject(place, "",
                      std::to_string(fields_.size()) + " columns where the " +
                          (builder_.options().header ? "header" : "first row") + " has " + std::to_string(n_columns_) +
                          "; a value that holds the delimiter must be in quotes");
      continue;
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) cells_[i].text = fields_[columns_[i]];
    builder_.append(place, cells_, table);
  }
  return table.n_rows > 0;
}

}  // namespace segue::events
