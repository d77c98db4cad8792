#include "support/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/errors.h"
#include "support/storage.h"

namespace segue {
namespace {

using testing::HasSubstr;

template <class Body>
std::string message_of(Body body) {
  try {
    body();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no DataError";
}

TEST(Json, NamesTheFirstDifference) {
  const Json json = {{"a", 1}, {"b", {{"c", {1, 2}}, {"d.e", "x"}}}};
  EXPECT_EQ(first_difference(json, json), "");
  Json other = json;
  other["b"]["d.e"] = "y";
  EXPECT_EQ(first_difference(json, other), "b.d.e");
  other = json;
  other["b"]["c"][1] = 3;
  EXPECT_EQ(first_difference(json, other), "b.c");
  other = json;
  other["new"] = Json();
  EXPECT_EQ(first_difference(json, other), "new");
  EXPECT_EQ(first_difference(other, json), "new");
}

TEST(Json, TypesAreNotConverted) {
  const Json json = {{"n", 3}, {"x", 0.5}, {"t", true}, {"s", "word"}, {"big", 3000000000U}, {"negative", -1}};
  EXPECT_EQ(json_get<int>(json, "n", "f"), 3);
  EXPECT_EQ(json_get<double>(json, "n", "f"), 3.0);
  EXPECT_EQ(json_get<std::int64_t>(json, "big", "f"), 3000000000);
  EXPECT_EQ(json_get<std::string>(json, "s", "f"), "word");
  EXPECT_TRUE(json_get<bool>(json, "t", "f"));
  EXPECT_THAT(message_of([&] { json_get<int>(json, "x", "m.json"); }),
              testing::AllOf(HasSubstr("m.json"), HasSubstr("'x'")));
  EXPECT_THROW(json_get<int>(json, "big", "f"), DataError);
  EXPECT_THROW(json_get<std::uint64_t>(json, "negative", "f"), DataError);
  EXPECT_THROW(json_get<bool>(json, "n", "f"), DataError);
  EXPECT_THROW(json_get<int>(json, "t", "f"), DataError);
  EXPECT_THROW(json_get<std::string>(json, "n", "f"), DataError);
  EXPECT_THROW(json_get<std::vector<int>>(json, "n", "f"), DataError);
  EXPECT_THAT(message_of([&] { json_get<int>(json, "absent", "m.json"); }), HasSubstr("'absent' is missing"));
  EXPECT_THROW(json_get<int>(Json::array(), "n", "f"), DataError);
}

TEST(Json, FormatIsChecked) {
  EXPECT_NO_THROW(check_format({{"format", "segue run"}, {"version", 2}}, "segue run", 2, "m"));
  EXPECT_THAT(message_of([] {
                check_format({{"format", "segue run"}, {"version", 3}}, "segue run", 2, "m");
              }),
              HasSubstr("update the program"));
  EXPECT_THAT(message_of([] {
                check_format({{"format", "other"}, {"version", 1}}, "segue run", 2, "m");
              }),
              HasSubstr("this is a other"));
  EXPECT_THROW(check_format({{"format", "segue run"}, {"version", 0}}, "segue run", 2, "m"), DataError);
  EXPECT_THROW(check_format({{"version", 1}}, "segue run", 2, "m"), DataError);
  EXPECT_THROW(check_format(Json::array(), "segue run", 2, "m"), DataError);
}

TEST(Json, FileRoundTripKeepsTheOrderAndDamageIsNamed) {
  const auto path = std::filesystem::temp_directory_path() / ("segue_json_" + std::to_string(::getpid()));
  write_json(path, {{"z", 1}, {"a", {1.5, "é"}}});
  EXPECT_EQ(storage::read_file(path), "{\n  \"z\": 1,\n  \"a\": [\n    1.5,\n    \"é\"\n  ]\n}\n");
  EXPECT_EQ(read_json(path)["a"][1], "é");
  storage::write_file(path, "{\"z\": 1,\n \"a\": ");
  EXPECT_THAT(message_of([&] { read_json(path); }), testing::AllOf(HasSubstr(path.string()), HasSubstr("line 2")));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace segue
