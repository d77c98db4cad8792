#include "report/tensorboard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace segue::report {
namespace {

namespace fs = std::filesystem;

// Check value of the CRC catalogue, and the vectors of RFC 3720, B.4.
TEST(TensorBoard, ComputesCrc32c) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
}

class TensorBoardFile : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("segue_tensorboard_test_" + std::to_string(::getpid()));
    fs::remove_all(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }
  int run_python(const std::string& script) const {
    return std::system(
        (std::string(SEGUE_PYTHON) + " " + SEGUE_SOURCE_DIR + "/tests/report/" + script + " " + directory_.string())
            .c_str());
  }
  fs::path directory_;
};

TEST_F(TensorBoardFile, IsReadByADecoderOfItsOwn) {
  {
    TensorBoardWriter writer(directory_);
    writer.scalar("loss/train", 0, 5.5);
    writer.scalar("loss/train", 300, 0.25);
    writer.scalar("validation/hit_rate@4", 1'000'000'000'000, -1.5);
    writer.flush();
  }
  {
    TensorBoardWriter resumed(directory_);
    resumed.scalar("loss/train", 301, 0.125);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 2) << "a file a writer";
  EXPECT_EQ(run_python("read_events.py"), 0);
}

TEST_F(TensorBoardFile, ADamagedByteIsSeenByTheDecoder) {
  {
    TensorBoardWriter writer(directory_);
    writer.scalar("loss/train", 0, 5.5);
  }
  std::fstream file(fs::directory_iterator(directory_)->path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-6, std::ios::end);
  file.put('\x7f');
  file.close();
  EXPECT_NE(run_python("read_events.py"), 0);
}

}  // namespace
}  // namespace segue::report
