#include "model_file/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>

#include "support/errors.h"
#include "support/json.h"

namespace segue::model_file {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SafetensorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 (std::string("safetensors_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    path_ = directory_ / "weights.safetensors";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  /// A file of this header and data, with the right length in front.
  void write(const std::string& header, const std::string& data) const {
    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>((header.size() >> (8 * i)) & 0xff);
    write(length + header + data);
  }
  [[nodiscard]] std::string failure() const {
    try {
      SafetensorsFile file(path_);
    } catch (const DataError& error) {
      return error.what();
    }
    return "no failure";
  }
  /// What every message must hold: the file, the cause and what to do.
  [[nodiscard]] auto teaches(const std::string& cause) const {
    return AllOf(HasSubstr(path_.string()), HasSubstr(cause), HasSubstr("copy it again"));
  }

  std::filesystem::path directory_, path_;
};

std::string bytes_of(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TEST_F(SafetensorsTest, BytesAreThoseThatPythonPacks) {
  const std::string a = bytes_of({1.0f, -2.0f, 0.5f, 3.0f});
  const std::int64_t b = -5;
  write_safetensors(
      path_, {{"b", {DType::kI64, {1}, {reinterpret_cast<const char*>(&b), 8}}}, {"a", {DType::kF32, {2, 2}, a}}},
      {{"k", "v"}});
  // By Python: struct.pack('<Q', len(header)) + header + struct.pack('<q4f', -5, 1, -2, .5, 3), header padded with
  // blanks; the larger elements first.
  const std::string header =
      R"({"__metadata__":{"k":"v"},"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]}})";
  std::string expected("\xb8\0\0\0\0\0\0\0", 8);
  expected += header + std::string(184 - header.size(), ' ');
  expected += std::string("\xfb\xff\xff\xff\xff\xff\xff\xff", 8) + std::string("\0\0\x80?\0\0\0\xc0\0\0\0?\0\0@@", 16);
  EXPECT_EQ(storage::read_file(path_), expected);
}

TEST_F(SafetensorsTest, RoundTrip) {
  const std::string f = bytes_of({1.5f, std::numeric_limits<float>::infinity(), -0.0f});
  const std::string u = "abcde", h = "zzzz";
  const std::map<std::string, TensorBytes> tensors = {{"f", {DType::kF32, {3, 1}, f}},
                                                      {"empty", {DType::kBF16, {0, 7}, {}}},
                                                      {"scalar", {DType::kF32, {}, std::string_view(f).substr(0, 4)}},
                                                      {"u\"x", {DType::kU8, {5}, u}},
                                                      {"h", {DType::kF16, {2}, h}}};
  write_safetensors(path_, tensors, {{"segue", R"({"step": 3})"}});
  const SafetensorsFile file(path_);
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const auto& read = file.expect(name, tensor.dtype, tensor.shape);
    EXPECT_EQ(read.bytes, tensor.bytes) << name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read.bytes.data()) % size_of(read.dtype), 0u) << name;
  }
  EXPECT_EQ(file.metadata().at("segue"), R"({"step": 3})");
  EXPECT_EQ(storage::read_file(path_).find("  ") == std::string::npos, false);
  const auto first = storage::read_file(path_);
  write_safetensors(path_, tensors, {{"segue", R"({"step": 3})"}});
  EXPECT_EQ(storage::read_file(path_), first);
}

TEST_F(SafetensorsTest, WholeCacheLinesBeginOnOne) {
  const std::string bytes(512, 'x');
  const auto of = [&](std::size_t n) { return std::string_view(bytes).substr(0, n); };
  write_safetensors(path_,
                    {{"a", {DType::kU8, {3}, of(3)}},
                     {"b", {DType::kU8, {128}, of(128)}},
                     {"c", {DType::kI64, {3}, of(24)}},
                     {"d", {DType::kF32, {16}, of(64)}},
                     {"e", {DType::kF32, {5}, of(20)}}},
                    {});
  const SafetensorsFile file(path_);
  for (const auto& [name, tensor] : file.tensors()) {
    const auto place = reinterpret_cast<std::uintptr_t>(tensor.bytes.data());
    EXPECT_EQ(place % (tensor.bytes.size() % 64 == 0 ? 64 : size_of(tensor.dtype)), 0U) << name;
  }
}

TEST_F(SafetensorsTest, NothingButAHeaderIsAFileWithoutTensors) {
  write("{}", "");
  EXPECT_TRUE(SafetensorsFile(path_).tensors().empty());
}

TEST_F(SafetensorsTest, ExpectNamesTheTensorThatDoesNotFit) {
  const std::string f = bytes_of({1, 2, 3, 4});
  write_safetensors(path_, {{"w", {DType::kF32, {2, 2}, f}}}, {});
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.expect("w", DType::kF32, {-1, 2}).bytes, f);
  const auto message = [&](const std::string& name, DType dtype, const std::vector<std::int64_t>& shape) {
    try {
      (void)file.expect(name, dtype, shape);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message("v", DType::kF32, {2, 2}), AllOf(HasSubstr(path_.string()), HasSubstr("'v' is missing")));
  EXPECT_THAT(message("w", DType::kI32, {2, 2}), HasSubstr("F32 [2, 2], expected I32 [2, 2]"));
  EXPECT_THAT(message("w", DType::kF32, {-1, 3}), HasSubstr("F32 [2, 2], expected F32 [any, 3]"));
  EXPECT_THAT(message("w", DType::kF32, {4}), HasSubstr("expected F32 [4]"));
}

TEST_F(SafetensorsTest, WrongUseIsRefused) {
  const std::string f = bytes_of({1, 2});
  EXPECT_THROW(write_safetensors(path_, {{"w", {DType::kF32, {3}, f}}}, {}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path_, {{"__metadata__", {DType::kF32, {2}, f}}}, {}), std::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SafetensorsTest, MissingAndEmptyFiles) {
  EXPECT_THROW(SafetensorsFile{path_}, DataError);
  write("");
  EXPECT_NE(failure(), "no failure");
}

TEST_F(SafetensorsTest, EveryTruncationIsFound) {
  const std::string f = bytes_of({1, 2, 3});
  write_safetensors(path_, {{"w", {DType::kF32, {3}, f}}}, {{"a", "b"}});
  const auto whole = storage::read_file(path_);
  for (std::size_t n = 1; n < whole.size(); ++n) {
    write(whole.substr(0, n));
    ASSERT_THAT(failure(), HasSubstr(path_.string())) << n;
  }
  write(whole + "x");
  EXPECT_THAT(failure(), teaches("1 bytes after the last tensor"));
}

TEST_F(SafetensorsTest, DamagedHeaders) {
  write(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + "{}");
  EXPECT_THAT(failure(), teaches("the limit is 100000000"));
  write(std::string("\x05\0\0\0\0\0\0\0", 8) + "{}");
  EXPECT_THAT(failure(), teaches("cut off after 2"));
  write("{\"a\":", "");
  EXPECT_THAT(failure(), teaches("not JSON"));
  write("[1]", "");
  EXPECT_THAT(failure(), teaches("not a JSON object"));
  write(R"({"__metadata__":{"a":1}})", "");
  EXPECT_THAT(failure(), teaches("'a' is not a string"));
  write(R"({"__metadata__":3})", "");
  EXPECT_THAT(failure(), teaches("not an object"));
  write("PK\x03\x04 a zip of pickles, as torch.save makes it");
  EXPECT_THAT(failure(), teaches("safetensors"));
}

struct Damage {
  const char* header;
  std::size_t data_bytes;
  const char* cause;
};

TEST_F(SafetensorsTest, DamagedTensors) {
  const Damage damages[] = {
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       12, "inside another tensor"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       8, "inside another tensor"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})",
       16, "after a hole"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "after a hole"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "cut off"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "does not fill"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "does not fill"},
      {R"({"a":{"dtype":"F8","shape":[2],"data_offsets":[0,2]}})", 2, "\"F8\", which is not supported"},
      {R"({"a":{"dtype":7,"shape":[2],"data_offsets":[0,2]}})", 2, "not supported"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "has the shape"},
      {R"({"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}})", 8, "has the shape"},
      {R"({"a":{"dtype":"F32","shape":"2","data_offsets":[0,8]}})", 8, "has the shape"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0, "does not fill"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4, "does not fill"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", 8, "data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,-8]}})", 8, "data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[2]}})", 8, "exactly dtype"},
      {R"({"a":3})", 0, "exactly dtype"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "names 'a' twice"},
  };
  for (const auto& damage : damages) {
    write(damage.header, std::string(damage.data_bytes, '\1'));
    EXPECT_THAT(failure(), teaches(damage.cause)) << damage.header;
  }
}

TEST_F(SafetensorsTest, RandomDamageNeverCrashes) {
  const std::string f = bytes_of({1, 2, 3});
  write_safetensors(path_, {{"w", {DType::kF32, {3}, f}}, {"v", {DType::kU8, {3}, "abc"}}}, {{"a", "b"}});
  const auto whole = storage::read_file(path_);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char value : {'\0', '"', '9', '\xff'}) {
      auto damaged = whole;
      damaged[at] = value;
      write(damaged);
      try {
        SafetensorsFile file(path_);
        for (const auto& [name, tensor] : file.tensors()) EXPECT_LE(tensor.bytes.size(), whole.size());
      } catch (const DataError&) {
      }
    }
  }
}

}  // namespace
}  // namespace segue::model_file
