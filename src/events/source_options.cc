#include "events/event_reader.h"

namespace segue::events {

void SourceOptions::read(config::Section& data) {
  data.read_choice("format", format,
                   {{"auto", Format::kAuto},
                    {"csv", Format::kCsv},
                    {"tsv", Format::kTsv},
                    {"parquet", Format::kParquet},
                    {"session_lines", Format::kSessionLines}},
                   {.meaning = "form of the event files; auto goes by the name (.csv .tsv .parquet, then .gz .zst);"
                               " session_lines has one sequence of items a line"});
  data.read("delimiter", delimiter,
            {.meaning =
                 "one character between values; empty: a comma for csv, a tab for tsv; \" \" means any run of blanks"});
  if (delimiter == "\\t") delimiter = "\t";
  if (delimiter.size() > 1) data.fail("delimiter", "must be one character, got '" + delimiter + "'");
  data.read("header", header, {.meaning = "the first line names the columns; false: columns are numbered from 1"});
  data.read_choice("on_bad_row", on_bad_row, {{"error", OnBadRow::kError}, {"skip", OnBadRow::kSkip}},
                   {.meaning = "a row that cannot be read stops the command, or is left out, counted and reported"});
  data.read_choice(
      "time_format", time_format,
      {{"auto", TimeFormat::kAuto},
       {"seconds", TimeFormat::kSeconds},
       {"milliseconds", TimeFormat::kMilliseconds},
       {"minutes", TimeFormat::kMinutes},
       {"days", TimeFormat::kDays},
       {"iso8601", TimeFormat::kIso8601}},
      {.meaning = "how times are written; auto: ISO dates, or numbers since 1970 (seconds; milliseconds from 1e11)"});
  auto columns =
      data.section("columns", "which columns of the events play which part: names, or numbers without a header");
  columns.read("sequence", sequence_column, {.meaning = "the session, trip or user; empty only for session_lines"});
  columns.read("item", item_column, {.meaning = "the item: what is recommended; empty only for session_lines"});
  columns.read("time", time_column, {.meaning = "when it happened; empty: the order of the rows is the order in time"});
  columns.read("reward", reward_column,
               {.meaning = "what the event was worth (watch time, rating, revenue): a number >= 0 in every row; empty:"
                           " nothing is known. Histories to recommend for need none"});
  if (data.has("events") && format != Format::kSessionLines) {
    if (sequence_column.empty()) columns.fail("sequence", "missing; name the column of the session, trip or user");
    if (item_column.empty()) columns.fail("item", "missing; name the column of the item");
  }
}

}  // namespace segue::events
