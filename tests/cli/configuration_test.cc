#include "cli/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/device.h"
#include "kernels/device.h"
#include "support/errors.h"

namespace segue::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kShort = R"(data:
  prepared: p
  events: e.csv
  columns: {sequence: s, item: i, time: t}
)";

Configuration parse(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  return Configuration::from(config::Document::parse(yaml, "c.yaml", overrides));
}

TEST(Configuration, ResolvedReadsBackTheSame) {
  const Configuration first = parse(kShort, {"training.epochs=3", "seed=7", "threads=2"});
  EXPECT_EQ(first.seed, 7U);
  EXPECT_EQ(first.training.epochs, 3);
  const Configuration second = parse(first.resolved);
  EXPECT_EQ(second.resolved, first.resolved);
  EXPECT_EQ(second.training.epochs, 3);
}

TEST(Configuration, EveryKeyHasAMeaning) {
  config::Document document = config::Document::describe();
  Configuration::from(document);
  EXPECT_GT(document.keys().size(), 60U);
  for (const config::KeyInfo& key : document.keys()) EXPECT_FALSE(key.meaning.empty()) << key.path;
}

TEST(Configuration, DeviceIsOneOfAFewWords) {
  for (const char* device : {"auto", "cpu", "cuda", "cuda:0", "cuda:12"})
    EXPECT_NO_THROW(parse(kShort, {std::string("device=") + device})) << device;
  for (const char* device : {"gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"}) {
    EXPECT_THROW(parse(kShort, {std::string("device=") + device}), ConfigError) << device;
  }
}

TEST(SetUpDevice, CpuTakesTheThreadsAskedFor) {
  const ChosenDevice chosen = set_up_device("cpu", 1);
  EXPECT_TRUE(chosen.torch_device.is_cpu());
  EXPECT_EQ(chosen.n_threads, 1);
  EXPECT_EQ(chosen.description, "cpu, 1 thread");
}

TEST(SetUpDevice, WithoutADeviceCudaSaysWhatIsMissingAndAutoGoesOn) {
  if (kernels::cuda_device_count() > 0) GTEST_SKIP() << "a device is there";
  EXPECT_TRUE(set_up_device("auto", 1).torch_device.is_cpu());
  try {
    set_up_device("cuda", 1);
    FAIL() << "no error";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), HasSubstr("device=cpu"));
  }
}

}  // namespace
}  // namespace segue::cli
