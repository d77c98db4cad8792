#include "cli/device_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/errors.h"

namespace segue::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A machine on which all is well: two GPUs.
DeviceFacts good_machine() {
  DeviceFacts facts;
  facts.build_has_cuda = true;
  facts.driver.state = CudaDriver::State::kStarts;
  facts.driver.version = "580.95.05";
  facts.driver.cuda_version = 13000;
  facts.driver.devices = {{"NVIDIA H100 80GB HBM3", 9, 0, 80'000'000'000}, {"NVIDIA L4", 8, 9, 24'000'000'000}};
  facts.n_usable = 2;
  facts.open_cuda_half = [] { return std::string(); };
  return facts;
}

/// That a GPU asked for is refused with these words, and that auto takes the CPU and says them.
template <class Matcher>
void expect_refused(const DeviceFacts& facts, const std::string& wanted, const Matcher& words) {
  try {
    choose_device(wanted, facts);
    ADD_FAILURE() << "no DeviceError";
  } catch (const DeviceError& error) {
    EXPECT_EQ(error.code(), ExitCode::kDevice);
    EXPECT_THAT(error.what(), words);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("device " + wanted + ": "), HasSubstr("device=cpu")));
  }
  if (wanted != "cuda") return;
  const DeviceChoice choice = choose_device("auto", facts);
  EXPECT_EQ(choice.cuda_index, -1);
  EXPECT_THAT(choice.reason, AllOf(HasSubstr("no GPU: "), words));
}

TEST(DeviceChoice, TakesWhatIsAskedForAndSaysWhy) {
  DeviceFacts facts = good_machine();
  const auto expect = [&](const std::string& wanted, int index, const std::string& reason) {
    const DeviceChoice choice = choose_device(wanted, facts);
    EXPECT_EQ(choice.cuda_index, index) << wanted;
    EXPECT_EQ(choice.reason, reason) << wanted;
  };
  expect("cpu", -1, "asked for");
  expect("auto", 0, "the first of 2 GPUs");
  expect("cuda", 0, "asked for");
  expect("cuda:0", 0, "asked for");
  expect("cuda:1", 1, "asked for");
  facts.n_usable = 1;
  expect("auto", 0, "the GPU of this machine");
}

TEST(DeviceChoice, TheCpuAsksNothingOfTheMachine) {
  EXPECT_EQ(choose_device("cpu", DeviceFacts()).cuda_index, -1);  // no open_cuda_half to call
}

TEST(DeviceChoice, OtherWordsAreMistakes) {
  for (const char* word : {"", "gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda: 1", "cuda:99999999999"})
    EXPECT_THROW(choose_device(word, good_machine()), ConfigError) << word;
}

TEST(DeviceChoice, NoDriver) {
  DeviceFacts facts = good_machine();
  facts.driver = {};
  facts.n_usable = 0;
  expect_refused(facts, "cuda",
                 AllOf(HasSubstr("no NVIDIA driver: libcuda.so.1 is not there"), HasSubstr("driver 580 or newer")));
  facts.driver.state = CudaDriver::State::kNoDriverLibrary;
  expect_refused(facts, "cuda", HasSubstr("libcuda.so.1 is no driver library"));
}

TEST(DeviceChoice, ADriverThatIsTooOldNamesBothVersions) {
  DeviceFacts facts = good_machine();
  facts.driver.version = "550.54.15";
  facts.driver.cuda_version = 12040;
  facts.n_usable = 0;
  expect_refused(facts, "cuda",
                 AllOf(HasSubstr("driver 550.54.15 is too old"), HasSubstr("CUDA up to 12.4"),
                       HasSubstr("CUDA 13.0 needs NVIDIA's driver 580 or newer")));
}

TEST(DeviceChoice, ADriverThatDoesNotStart) {
  DeviceFacts facts = good_machine();
  facts.driver.state = CudaDriver::State::kDoesNotStart;
  facts.driver.devices.clear();
  facts.n_usable = 0;
  facts.driver.error = 803;
  expect_refused(facts, "cuda",
                 AllOf(HasSubstr("driver 580.95.05 does not start: CUDA error 803"), HasSubstr("restart")));
  facts.driver.error = 100;
  expect_refused(facts, "cuda", HasSubstr("CUDA_VISIBLE_DEVICES"));
  facts.driver.state = CudaDriver::State::kStarts;
  expect_refused(facts, "cuda", HasSubstr("knows no device"));
}

TEST(DeviceChoice, ANumberBeyondTheLastNamesThoseThereAre) {
  expect_refused(good_machine(), "cuda:2",
                 AllOf(HasSubstr("this machine has 2"), HasSubstr("cuda:0 (NVIDIA H100 80GB HBM3, "),
                       HasSubstr("cuda:1 (NVIDIA L4, ")));
}

TEST(DeviceChoice, AGpuThatCudaServesNoLonger) {
  DeviceFacts facts = good_machine();
  facts.driver.devices[0] = {"Tesla P40", 6, 1, 24'000'000'000};
  expect_refused(facts, "cuda", AllOf(HasSubstr("Tesla P40 is too old"), HasSubstr("6.1"), HasSubstr("7.5 and newer")));
  EXPECT_EQ(choose_device("cuda:1", facts).cuda_index, 1);
}

TEST(DeviceChoice, ABuildWithoutCuda) {
  DeviceFacts facts = good_machine();
  facts.build_has_cuda = false;
  facts.n_usable = 0;
  expect_refused(facts, "cuda", AllOf(HasSubstr("SEGUE_CUDA=OFF"), HasSubstr("NVIDIA H100")));
  facts.build_has_cuda = true;
  expect_refused(facts, "cuda", HasSubstr("run-time can use no device"));
}

TEST(DeviceChoice, LibTorchWithoutItsCudaHalf) {
  DeviceFacts facts = good_machine();
  facts.open_cuda_half = [] { return std::string("LibTorch's CUDA half does not open: libcudnn.so.9 (tools/setup)"); };
  expect_refused(facts, "cuda", HasSubstr("does not open: libcudnn.so.9 (tools/setup)"));
}

TEST(DeviceChoice, WordsThatNameADevice) {
  for (const char* word : {"cpu", "auto", "cuda", "cuda:0", "cuda:12"}) EXPECT_TRUE(is_device_name(word)) << word;
  for (const char* word : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "CUDA", "cuda1"})
    EXPECT_FALSE(is_device_name(word)) << word;
}

}  // namespace
}  // namespace segue::cli
