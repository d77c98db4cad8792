#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/value.h"
#include "support/errors.h"

namespace segue::config {
namespace {

using testing::HasSubstr;

Value with(const std::string& yaml, const std::string& assignment) {
  Value value = parse_value(yaml, "c.yaml");
  apply_override(value, assignment);
  return value;
}

std::string error_of(const std::string& yaml, const std::string& assignment) {
  try {
    with(yaml, assignment);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

TEST(Override, ReplacesAndAdds) {
  EXPECT_EQ(with("a: {b: 1}", "a.b=2").find("a")->find("b")->scalar, "2");
  EXPECT_EQ(with("a: {b: 1}", "a.c=3e-4").find("a")->find("c")->scalar, "3e-4");
  EXPECT_EQ(with("", "a.b.c=x=y").find("a")->find("b")->find("c")->scalar, "x=y");
  EXPECT_EQ(with("a: [1, 2]", "a=[3]").find("a")->elements.size(), 1U);
  EXPECT_EQ(with("a: 1", "a={b: [c]}").find("a")->find("b")->elements[0].scalar, "c");
  EXPECT_EQ(with("a: 1", "a=").find("a")->kind, Value::Kind::kScalar);
  EXPECT_EQ(with("a: 1", "a=").find("a")->scalar, "");
  EXPECT_EQ(with("a: 1", "a=2").find("a")->place.text(), "command line");
}

TEST(Override, ListElementsByNumber) {
  EXPECT_EQ(with("a: [{b: 1}, {b: 2}]", "a.1.b=9").find("a")->elements[1].find("b")->scalar, "9");
  EXPECT_EQ(with("a: [1]", "a.1=2").find("a")->elements.size(), 2U);
  EXPECT_EQ(with("", "a.0.b=1").find("a")->elements[0].find("b")->scalar, "1");
  EXPECT_THAT(error_of("a: [1]", "a.2=2"), HasSubstr("a has 1 elements; number 2 is beyond the end"));
  EXPECT_THAT(error_of("a: [1]", "a.b=2"), HasSubstr("a is a list: name an element by its number"));
  EXPECT_EQ(with("a: {3: x}", "a.3=y").find("a")->find("3")->scalar, "y");
}

TEST(Override, WrongUse) {
  EXPECT_THAT(error_of("", "seed"), HasSubstr("an override is key=value"));
  EXPECT_THAT(error_of("", "=3"), HasSubstr("an override is key=value"));
  EXPECT_THAT(error_of("", "a..b=3"), HasSubstr("no dotted path"));
  EXPECT_THAT(error_of("", "a.=3"), HasSubstr("no dotted path"));
  EXPECT_THAT(error_of("a: 1", "a.b=3"), HasSubstr("a is a single value (c.yaml:1:4); it holds no 'b'"));
  EXPECT_THAT(error_of("", "a=[1"), HasSubstr("not YAML"));
}

}  // namespace
}  // namespace segue::config
