#include "item_index/npy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "item_index/npy_header.h"
#include "support/errors.h"
#include "tests/events/scratch_folder.h"

namespace segue::item_index {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A file as NumPy lays it out, header of version 1.
std::string npy(const std::string& literal, const std::string& elements) {
  std::string text = "\x93NUMPY";
  text += '\1';
  text += '\0';
  const std::size_t length = (10 + literal.size() + 1 + 63) / 64 * 64 - 10;
  text += static_cast<char>(length & 0xff);
  text += static_cast<char>(length >> 8);
  text += literal + std::string(length - literal.size() - 1, ' ') + "\n";
  return text + elements;
}

std::string header(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

template <class T>
std::string bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::vector<float> row_of(const NpyVectors& vectors, std::int64_t row) {
  const auto view = vectors.view();
  return {view.row(row), view.row(row) + view.n_cols};
}

template <class Body>
std::string failure(Body body) {
  try {
    body();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no failure";
}

TEST(NpyFile, ReadsVectorsOfEveryType) {
  const ScratchFolder folder;
  const NpyVectors single(folder.write("f4.npy", npy(header("<f4", "(2, 3)"), bytes<float>({1, 2, 3, -4, 5.5F, 6}))));
  EXPECT_EQ(single.view().n_rows, 2);
  EXPECT_THAT(row_of(single, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(row_of(single, 1), ElementsAre(-4, 5.5F, 6));
  const NpyVectors doubled(folder.write("f8.npy", npy(header("<f8", "(1, 2)"), bytes<double>({0.1, -3}))));
  EXPECT_THAT(row_of(doubled, 0), ElementsAre(0.1F, -3));
  // Halves by the tables of IEEE 754: 1, -2, the largest, the smallest normal, the smallest subnormal, -0.
  const NpyVectors halves(folder.write(
      "f2.npy", npy(header("<f2", "(1, 6)"), bytes<std::uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000}))));
  EXPECT_THAT(row_of(halves, 0), ElementsAre(1, -2, 65504, std::ldexp(1.0F, -14), std::ldexp(1.0F, -24), 0));
  EXPECT_TRUE(std::signbit(row_of(halves, 0)[5]));
}

TEST(NpyFile, ReadsIds) {
  const ScratchFolder folder;
  const std::int64_t large = std::int64_t{1} << 40;
  EXPECT_THAT(read_npy_ids(folder.write("i8.npy", npy(header("<i8", "(3,)"), bytes<std::int64_t>({large, -5, 0})))),
              ElementsAre(large, -5, 0));
  EXPECT_THAT(read_npy_ids(folder.write("i4.npy", npy(header("<i4", "(2,)"), bytes<std::int32_t>({7, -1})))),
              ElementsAre(7, -1));
  EXPECT_THAT(read_npy_ids(folder.write("none.npy", npy(header("<i8", "(0,)"), ""))), ElementsAre());
}

TEST(NpyFile, ReadsHeadersHoweverTheyAreWritten) {
  // As numpy.save writes it, byte for byte.
  std::string saved("\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }", 10 + 59);
  saved += std::string(128 - 1 - saved.size(), ' ') + "\n";
  const auto parsed = parse_npy_header(saved + bytes<float>({1, 2, 3}));
  EXPECT_EQ(parsed.n_bytes, 128u);
  EXPECT_EQ(parsed.descr, "<f4");
  EXPECT_FALSE(parsed.fortran_order);
  EXPECT_THAT(parsed.shape, ElementsAre(1, 3));
  EXPECT_EQ(npy_header_text("<f4", {1, 3}).size() % 64, 0u);
  EXPECT_THAT(parse_npy_header(npy_header_text("<f4", {12, 3})).shape, ElementsAre(12, 3));

  const std::string odd = "{\"shape\":(4,),\"fortran_order\":True,\"descr\":\"<i4\"}";
  for (const char version : {'\2', '\3'}) {
    std::string text = "\x93NUMPY";
    text += version;
    text += '\0';
    text += static_cast<char>(odd.size());
    text += std::string(3, '\0') + odd;
    const auto other = parse_npy_header(text);
    EXPECT_TRUE(other.fortran_order);
    EXPECT_EQ(other.descr, "<i4");
    EXPECT_THAT(other.shape, ElementsAre(4));
    EXPECT_EQ(other.n_bytes, text.size());
  }
}

TEST(NpyFile, ReadsElementsThatAreNotAligned) {
  const ScratchFolder folder;
  std::string text("\x93NUMPY\x01\x00", 8);
  const std::string literal = header("<f4", "(1, 2)") + "\n";
  text += static_cast<char>(literal.size());
  text += '\0';
  text += literal;
  while (text.size() % 4 != 1) {
    text.insert(text.size() - 1, " ");
    ++text[8];
  }
  const NpyVectors vectors(folder.write("odd.npy", text + bytes<float>({1.5F, 2})));
  EXPECT_THAT(row_of(vectors, 0), ElementsAre(1.5F, 2));
}

TEST(NpyFile, RefusesWhatItCannotReadByName) {
  const ScratchFolder folder;
  const std::string six = bytes<float>({1, 2, 3, 4, 5, 6});
  const auto refusal = [&](const std::string& content) {
    const auto path = folder.write("file.npy", content);
    const auto message = failure([&] { (void)NpyFile(path); });
    EXPECT_THAT(message, HasSubstr(path.string()));
    return message;
  };
  EXPECT_THAT(refusal(""), HasSubstr("not a .npy file"));
  EXPECT_THAT(refusal("item,score\n1,2\n"), HasSubstr("not a .npy file"));
  const auto whole = npy(header("<f4", "(2, 3)"), six);
  EXPECT_THAT(refusal(whole.substr(0, 40)), HasSubstr("ends inside its header"));
  EXPECT_THAT(refusal(whole.substr(0, 9)), HasSubstr("ends inside its header"));
  EXPECT_THAT(refusal(whole.substr(0, whole.size() - 1)), AllOf(HasSubstr("damaged"), HasSubstr("23 bytes")));
  EXPECT_THAT(refusal(whole + "x"), HasSubstr("damaged"));
  EXPECT_THAT(refusal(npy(header("<f4", "(2, 3)", "True"), six)),
              AllOf(HasSubstr("Fortran order"), HasSubstr("ascontiguousarray")));
  for (const char* descr : {">f4", "<u4", "|b1", "<U3", "<c8", "f4"}) {
    EXPECT_THAT(refusal(npy(header(descr, "(2, 3)"), six)), AllOf(HasSubstr(descr), HasSubstr("astype"))) << descr;
  }
  EXPECT_THAT(refusal(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", six)),
              HasSubstr("structured"));
  auto newer = whole;
  newer[6] = '\4';
  EXPECT_THAT(refusal(newer), HasSubstr("version 4.0"));
  for (const char* literal :
       {"{'descr': '<f4', 'fortran_order': False, }", "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6), }",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': '1'}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} + {}", "{'descr': '<f4"}) {
    EXPECT_THAT(refusal(npy(literal, six)), HasSubstr("header cannot be read")) << literal;
  }
  EXPECT_THAT(refusal(npy(header("<f4", "(9223372036854775807, 9223372036854775807)"), six)), HasSubstr("damaged"));
  EXPECT_THAT(failure([&] { (void)NpyFile(folder / "missing.npy"); }), HasSubstr((folder / "missing.npy").string()));
}

TEST(NpyFile, RefusesWhatIsNoVectorsOrNoIds) {
  const ScratchFolder folder;
  const auto vectors = [&](const std::string& content) {
    const auto path = folder.write("vectors.npy", content);
    return failure([&] { (void)NpyVectors(path); });
  };
  EXPECT_THAT(vectors(npy(header("<f4", "(2,)"), bytes<float>({1, 2}))), HasSubstr("matrix"));
  EXPECT_THAT(vectors(npy(header("<f4", "()"), bytes<float>({1}))), HasSubstr("matrix"));
  EXPECT_THAT(vectors(npy(header("<f4", "(0, 2)"), "")), HasSubstr("no vector"));
  EXPECT_THAT(vectors(npy(header("<i4", "(1, 1)"), bytes<std::int32_t>({1}))), HasSubstr("whole numbers"));
  EXPECT_THAT(vectors(npy(header("<f4", "(2, 2)"), bytes<float>({1, 2, 3, NAN}))),
              AllOf(HasSubstr("row 1"), HasSubstr("column 1"), HasSubstr("not finite")));
  EXPECT_THAT(vectors(npy(header("<f8", "(1, 1)"), bytes<double>({1e300}))), HasSubstr("not finite"));
  const auto ids = [&](const std::string& content) {
    const auto path = folder.write("ids.npy", content);
    return failure([&] { (void)read_npy_ids(path); });
  };
  EXPECT_THAT(ids(npy(header("<i8", "(1, 1)"), bytes<std::int64_t>({1}))), HasSubstr("one dimension"));
  EXPECT_THAT(ids(npy(header("<f8", "(1,)"), bytes<double>({1}))), HasSubstr("whole numbers"));
}

TEST(NpyFile, WritesWhatItReads) {
  const ScratchFolder folder;
  const std::vector<float> values = {1, 2, 3, 4};
  NpyOutput output(folder / "out.npy", NpyType::kFloat32, 2, 2);
  output.append(bytes<float>({1, 2}));
  output.append(bytes<float>({3, 4}));
  output.close();
  const NpyVectors read(folder / "out.npy");
  EXPECT_EQ(std::memcmp(read.view().data, values.data(), 16), 0);
}

}  // namespace
}  // namespace segue::item_index
