// The runtime: what a device would punish is caught and named, streams run late, and calls are counted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ptx/device_array.h"
#include "tests/ptx/device_code/architecture.h"
#include "tests/ptx/device_code/misuse.h"
#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

class Runtime : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override { start({}); }
  static void start(const Options& options) { configure(options); }
  /// The fault that a finished launch left, which is forgotten; the device is new afterwards.
  static Fault only_fault(cudaError_t error) {
    EXPECT_EQ(cudaDeviceSynchronize(), error) << cudaGetErrorName(error);
    EXPECT_EQ(cudaGetLastError(), error);  // sticky
    const std::vector<Fault> found = take_faults();
    EXPECT_EQ(found.size(), 1U) << describe(found);
    return found.empty() ? Fault{FaultKind::kMisuse, "", ""} : found[0];
  }
};
using RuntimeDeathTest = Runtime;

TEST_F(RuntimeDeathTest, TheHostMayNotTouchDeviceMemory) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const DeviceArray<int> array(std::vector<int>{1, 2, 3});
  EXPECT_DEATH(
      {
        volatile int value = array.data()[0];
        (void)value;
      },
      "");
}

TEST_F(Runtime, OneByteBeyondAnAllocation) {
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 15), cudaSuccess);
  write_at(static_cast<int*>(memory), 2, 1, nullptr);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  write_at(static_cast<int*>(memory), 3, 1, nullptr);
  const Fault fault = only_fault(cudaErrorIllegalAddress);
  EXPECT_EQ(fault.kind, FaultKind::kOutOfBounds);
  EXPECT_THAT(fault.message, testing::ContainsRegex("out of bounds: a write of 4 bytes of global memory at 0x[0-9a-f]+ "
                                                    "is at offset 12 of cudaMalloc #1 of 15 bytes"));
  EXPECT_THAT(fault.message, testing::HasSubstr("thread (0,0,0), at misuse.cu:"));
}

TEST_F(Runtime, BelowAnAllocationAndNull) {
  const DeviceArray<int> array(std::vector<int>{1, 2, 3});
  write_at(array.data(), -1, 1, nullptr);
  EXPECT_EQ(only_fault(cudaErrorIllegalAddress).kind, FaultKind::kOutOfBounds);
  start({});
  write_at(nullptr, 0, 1, nullptr);
  EXPECT_THAT(only_fault(cudaErrorIllegalAddress).message, testing::HasSubstr("is no device memory"));
}

TEST_F(Runtime, UseAfterFree) {
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 64), cudaSuccess);
  ASSERT_EQ(cudaFree(memory), cudaSuccess);
  write_at(static_cast<int*>(memory), 0, 1, nullptr);
  EXPECT_EQ(only_fault(cudaErrorIllegalAddress).kind, FaultKind::kUseAfterFree);
  EXPECT_EQ(cudaFree(memory), cudaErrorIllegalAddress);  // sticky
  (void)take_faults();
}

TEST_F(Runtime, UninitialisedMemory) {
  const DeviceArray<int> from(std::size_t{4}), to(std::size_t{4});
  ASSERT_EQ(cudaMemset(from.data(), 1, 12), cudaSuccess);
  copy_words(to.data(), from.data(), 3, nullptr);
  EXPECT_EQ(to.values()[2], 0x01010101);
  copy_words(to.data(), from.data(), 4, nullptr);
  const Fault fault = only_fault(cudaErrorLaunchFailure);
  EXPECT_EQ(fault.kind, FaultKind::kUninitialised);
  EXPECT_THAT(fault.message, testing::HasSubstr("thread (3,0,0)"));
}

TEST_F(Runtime, AMisalignedPair) {
  const DeviceArray<char> from(std::vector<char>(32, 'a'));
  const DeviceArray<int> to(std::size_t{2});
  read_pair(from.data() + 8, to.data(), nullptr);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  read_pair(from.data() + 4, to.data(), nullptr);
  EXPECT_EQ(only_fault(cudaErrorMisalignedAddress).kind, FaultKind::kMisaligned);
}

TEST_F(Runtime, AFailedAssertion) {
  assert_positive(1, nullptr);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  assert_positive(0, nullptr);
  EXPECT_THAT(only_fault(cudaErrorAssert).message, testing::HasSubstr("value > 0"));
}

TEST_F(Runtime, ADeviceTakesThePtxThatSuitsIt) {
  for (const auto& [capability, taken] :
       {std::pair{80, 80}, std::pair{86, 80}, std::pair{90, 901}, std::pair{80, 80}}) {
    Options options;
    options.compute_capability = capability;
    start(options);
    const DeviceArray<int> architecture(std::vector{0});
    write_architecture(architecture.data());
    EXPECT_EQ(architecture.values()[0], taken) << capability;
  }
}

TEST_F(Runtime, SharedMemoryBeyondTheLimits) {
  for (const auto& [capability, most] : {std::pair{80, 163}, std::pair{86, 99}, std::pair{90, 227}}) {
    Options options;
    options.compute_capability = capability;
    start(options);
    const DeviceArray<int> result(std::size_t{1});
    fill_shared(result.data(), 1, 32, 48 * 1024, nullptr);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    fill_shared(result.data(), 1, 32, 48 * 1024 + 4, nullptr);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue) << "without the attribute";
    const auto set = [](int kilobytes) {
      return cudaFuncSetAttribute(fill_shared_kernel_address(), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  kilobytes * 1024);
    };
    EXPECT_EQ(set(most + 1), cudaErrorInvalidValue);
    (void)cudaGetLastError();
    EXPECT_EQ(set(most), cudaSuccess);
    fill_shared(result.data(), 1, 32, static_cast<std::size_t>(most) * 1024, nullptr);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    EXPECT_EQ(result.values()[0], most * 256 - 1);
  }
}

TEST_F(Runtime, LaunchesThatNoDeviceTakes) {
  const DeviceArray<int> to(std::size_t{1});
  fill_shared(to.data(), 1, 1025, 0, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "not sticky";
  fill_shared(to.data(), 0, 32, 0, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  bounded_block(65, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  bounded_block(64, nullptr);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(Runtime, StreamsRunLate) {
  const std::vector<int> ones(100, 1), zeros(100, 0);
  const DeviceArray<int> from(ones), to(zeros);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  copy_words(to.data(), from.data(), 100, stream);
  EXPECT_EQ(cudaStreamQuery(nullptr), cudaSuccess);
  EXPECT_EQ(to.values(), zeros) << "a copy in the default stream does not wait for a stream that does not block";
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(to.values(), ones);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(Runtime, TheLegacyStreamWaitsForBlockingOnes) {
  const std::vector<int> ones(100, 1), zeros(100, 0);
  const DeviceArray<int> from(ones), to(zeros);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  copy_words(to.data(), from.data(), 100, stream);
  EXPECT_EQ(to.values(), ones);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(Runtime, EventsOrderStreams) {
  bool has_shown = false;
  for (std::uint64_t seed = 1; seed < 12; ++seed) {
    for (bool waits : {false, true}) {
      Options options;
      options.seed = seed;
      start(options);
      const std::vector<int> ones(10, 1), zeros(10, 0);
      const DeviceArray<int> from(ones), middle(zeros), to(zeros);
      cudaStream_t first = nullptr, second = nullptr;
      cudaEvent_t done = nullptr;
      ASSERT_EQ(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking), cudaSuccess);
      ASSERT_EQ(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking), cudaSuccess);
      ASSERT_EQ(cudaEventCreate(&done), cudaSuccess);
      copy_words(middle.data(), from.data(), 10, first);
      ASSERT_EQ(cudaEventRecord(done, first), cudaSuccess);
      if (waits) {
        ASSERT_EQ(cudaStreamWaitEvent(second, done, 0), cudaSuccess);
      }
      copy_words(to.data(), middle.data(), 10, second);
      ASSERT_EQ(cudaStreamSynchronize(second), cudaSuccess);
      const bool is_right = to.values() == ones;
      EXPECT_TRUE(is_right || !waits) << "seed " << seed;
      has_shown = has_shown || !is_right;
      ASSERT_EQ(cudaEventDestroy(done), cudaSuccess);
      ASSERT_EQ(cudaStreamDestroy(first), cudaSuccess);
      ASSERT_EQ(cudaStreamDestroy(second), cudaSuccess);
    }
  }
  EXPECT_TRUE(has_shown) << "without the event some order is wrong";
}

TEST_F(Runtime, PinnedMemoryIsReadLate) {
  const DeviceArray<int> to(std::vector<int>{0});
  int* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(reinterpret_cast<void**>(&pinned), sizeof(int)), cudaSuccess);
  *pinned = 1;
  ASSERT_EQ(cudaMemcpyAsync(to.data(), pinned, sizeof(int), cudaMemcpyHostToDevice, nullptr), cudaSuccess);
  *pinned = 2;  // too early
  EXPECT_EQ(to.values()[0], 2);
  ASSERT_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST_F(Runtime, CallsAreCounted) {
  const DeviceArray<int> from(std::vector<int>{1, 2}), to(std::vector<int>{0, 0});
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  reset_counters();
  copy_words(to.data(), from.data(), 2, nullptr);
  EXPECT_EQ(runtime_counters().n_launches, 1U);
  EXPECT_EQ(runtime_counters().n_allocations, 0U);
  EXPECT_EQ(runtime_counters().n_synchronisations, 0U);
  EXPECT_EQ(to.values()[1], 2);
  EXPECT_EQ(runtime_counters().n_copies_to_host, 1U);
  EXPECT_EQ(runtime_counters().n_synchronisations, 1U);
  const Counters kernel = counters_of("copy_words");
  EXPECT_EQ(kernel.n_launches, 1U);
  EXPECT_EQ(kernel.global_bytes_read, 8U);
  EXPECT_EQ(kernel.global_sectors, 2U);
  EXPECT_EQ(kernel.ideal_global_sectors, 2U);
}

TEST_F(Runtime, CopiesAreChecked) {
  const DeviceArray<int> array(std::vector<int>{1, 2});
  int host[4] = {};
  EXPECT_EQ(cudaMemcpy(host, array.data(), 12, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(take_faults().size(), 1U);
  EXPECT_EQ(cudaMemcpy(array.data(), host, 8, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, array.data(), 8, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(host[1], 2);
  EXPECT_EQ(cudaFree(array.data() + 1), cudaErrorInvalidValue);
  EXPECT_EQ(take_faults().size(), 1U);
  (void)cudaGetLastError();
}

TEST_F(Runtime, VariablesOfTheDevice) {
  const DeviceArray<int> to(std::vector<int>{1});
  add_constant(to.data(), nullptr);
  EXPECT_EQ(to.values()[0], 6);
  const int value = 10;
  ASSERT_EQ(cudaMemcpyToSymbol(constant_address(), &value, sizeof value, 0, cudaMemcpyHostToDevice), cudaSuccess);
  add_constant(to.data(), nullptr);
  EXPECT_EQ(to.values()[0], 16);
}

TEST_F(Runtime, DevicesHaveMemoryOfTheirOwn) {
  Options options;
  options.n_devices = 2;
  start(options);
  int count = 0;
  ASSERT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 2);
  const DeviceArray<int> on_first(std::vector<int>{1});
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  write_at(on_first.data(), 0, 5, nullptr);  // memory of the other device
  EXPECT_EQ(only_fault(cudaErrorIllegalAddress).kind, FaultKind::kOutOfBounds);
  EXPECT_EQ(cudaSetDevice(2), cudaErrorIllegalAddress);
}

TEST_F(Runtime, BlocksMayWaitForEachOther) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Options options;
    options.seed = seed;
    options.resident_blocks = 2;
    start(options);
    const DeviceArray<unsigned> arrived(std::vector<unsigned>{0});
    const DeviceArray<int> values(std::size_t{6}), sums(std::size_t{6});
    grid_barrier(arrived.data(), values.data(), sums.data(), 6, nullptr);
    EXPECT_EQ(sums.values(), std::vector<int>(6, 21));
  }
}

TEST_F(Runtime, AKernelWithoutEndIsStopped) {
  Options options;
  options.max_warp_instructions = 100'000;
  start(options);
  LoadedModule module(".version 8.7\n.target sm_80\n.address_size 64\n.entry forever() { again: bra again; }\n");
  EXPECT_FALSE(module.launch("forever", {}, {}, {}));
  EXPECT_EQ(take_faults()[0].kind, FaultKind::kRunaway);
}

TEST_F(Runtime, Occupancy) {
  int n_blocks = 0;
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&n_blocks, fill_shared_kernel_address(), 256, 0),
            cudaSuccess);
  EXPECT_EQ(n_blocks, 8);  // 2048 threads
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&n_blocks, fill_shared_kernel_address(), 32, 40 * 1024),
            cudaSuccess);
  EXPECT_EQ(n_blocks, 4);  // 164 KB, and each block takes one more
}

}  // namespace
}  // namespace segue::ptx
