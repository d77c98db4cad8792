#include "features/feature_pipeline.h"

namespace segue::features {
namespace {

void read_name(config::Section& section, std::string& name) {
  section.read("name", name,
               {.meaning = "how the feature is called; also its column when none is named", .required = true});
}

/// What is not of events is told as such, beside the list of kinds that are.
void refuse_kinds_of_items(const config::Section& section) {
  for (const std::string word : {"categories", "age"})
    if (section.has_word("kind", word))
      section.fail("kind", "'" + word + "' is a kind of items: list the feature under data.items.features");
}

}  // namespace

void FeatureOptions::read(config::Section& section) {
  read_name(section, name);
  refuse_kinds_of_items(section);
  section.read_choice(
      "kind", kind,
      {{"category", FeatureKind::kCategory},
       {"number", FeatureKind::kNumber},
       {"bucket", FeatureKind::kBucket},
       {"hour", FeatureKind::kHour},
       {"weekday", FeatureKind::kWeekday},
       {"month", FeatureKind::kMonth},
       {"gap", FeatureKind::kGap},
       {"duration", FeatureKind::kDuration}},
      {.meaning = "category: a word; number: standardised; bucket: a number by quantiles; hour, weekday, month: of a"
                  " time, UTC; gap: time since the previous event; duration: days until a later time"});
  section.read("column", column, {.meaning = "column of the events; empty: the name, or the time column for times"});
  section.read("until", until, {.meaning = "duration: the column of the later time"});
  section.read("context", context, {.meaning = "also known of the event to predict, and shown to the model"});
  section.read("history", history, {.meaning = "shown to the model for past events"});
  section.read("min_count", min_count,
               {.meaning = "category: values rarer than this in training are unknown", .unit = "events", .low = 1});
  section.read("n_buckets", n_buckets, {.meaning = "bucket and gap: how many buckets", .low = 2, .high = 100'000});
  section.read("max_value", max_value,
               {.meaning = "duration: longer ones count as this", .unit = "days", .low = 1, .high = 100'000});
  if (kind == FeatureKind::kDuration && until.empty())
    section.fail("until", "missing; a duration needs the column of its later time");
  if (!context && !history)
    section.fail("history", "a feature that is neither history nor context is of no use; leave it out");
}

void FeatureOptions::read_of_item(config::Section& section) {
  read_name(section, name);
  section.read_choice(
      "kind", kind,
      {{"category", FeatureKind::kCategory},
       {"number", FeatureKind::kNumber},
       {"bucket", FeatureKind::kBucket},
       {"hour", FeatureKind::kHour},
       {"weekday", FeatureKind::kWeekday},
       {"month", FeatureKind::kMonth},
       {"categories", FeatureKind::kCategories},
       {"age", FeatureKind::kAge}},
      {.meaning = "category: a word; number: standardised; bucket: a number by quantiles; hour, weekday, month: of a"
                  " time, UTC; categories: any number of words; age: log(1 + days) from a time to the last training"
                  " event, standardised (gap and duration are of events)"});
  section.read("column", column, {.meaning = "column of the item files; empty: the name"});
  section.read(
      "min_count", min_count,
      {.meaning = "category, categories: values of fewer items than this are unknown", .unit = "items", .low = 1});
  section.read("separator", separator,
               {.meaning = "categories: what stands between two words of a cell; blanks around a word do not count"});
  if (separator.empty()) section.fail("separator", "must not be empty: it stands between two words of a cell");
  section.read("n_buckets", n_buckets, {.meaning = "bucket: how many buckets", .low = 2, .high = 100'000});
  if (column.empty()) column = name;
}

}  // namespace segue::features
