// Kernels that Triton compiled (triton/make_ptx.py) must be right on the software device: they share no author with our
// kernels, nor with the interpreter. Values are whole numbers, small enough that every sum is exact in any order.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/ptx/device_array.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/numbers.h"
#include "tests/ptx/software_device.h"

namespace segue::ptx {
namespace {

constexpr u64 kSeeds[] = {0, 1, 2, 3, 4};

std::string read(const std::string& name) {
  const char* folder = std::getenv("SEGUE_TRITON_PTX");  // made anew by triton/make_ptx_test.py
  std::ifstream file((folder != nullptr ? std::string(folder) : std::string(SEGUE_SOURCE_DIR) + "/tests/ptx/triton") +
                     "/" + name);
  std::stringstream text;
  text << file.rdbuf();
  if (text.str().empty()) throw std::runtime_error("no " + name);
  return text.str();
}

/// A change of a kernel's text.
using Edit = std::string (*)(const std::string& ptx);
std::string unchanged(const std::string& ptx) { return ptx; }

/// Triton puts no proxy fence between cp.async and wgmma: here stands one behind each wait for copies.
std::string with_proxy_fences(const std::string& ptx) {
  std::string text = ptx;
  for (std::size_t at = text.find("cp.async.wait_group"); at != std::string::npos;
       at = text.find("cp.async.wait_group", at + 1))
    text.insert(text.find(';', at) + 1, " fence.proxy.async.shared::cta;");
  return text;
}

class TritonKernel {
 public:
  explicit TritonKernel(const std::string& name, Edit edit = unchanged) : module_(edit(read(name + ".ptx"))) {
    std::stringstream(read(name + ".txt")) >> kernel_ >> shared_bytes_ >> n_warps_;
  }
  bool launch(LoadedModule::Dim grid, std::vector<const void*> arguments) {
    // Triton's last two parameters are scratch memory, here unused.
    static const void* const nothing = nullptr;
    arguments.push_back(&nothing);
    arguments.push_back(&nothing);
    return module_.launch(kernel_, grid, {32 * n_warps_}, arguments, shared_bytes_);
  }

 private:
  LoadedModule module_;
  std::string kernel_;
  std::size_t shared_bytes_ = 0;
  unsigned n_warps_ = 0;
};

Options with_seed(u64 seed) {
  Options options;
  options.seed = seed;
  options.races = true;
  return options;
}

int whole_number(Random& random, int most) {
  return static_cast<int>(random.below(2 * static_cast<u64>(most) + 1)) - most;
}

template <class T>
T element(int value) {
  return static_cast<T>(value);
}

/// A product of a [n_rows, depth] and b, [n_columns, depth] or with `by_rows` [depth, n_columns].
template <class T, class Sum>
void check_matmul(const std::string& name, T (*element_of)(int), int most, bool by_rows, i32 n_rows, i32 n_columns,
                  i32 depth, bool perturb = false, Edit edit = unchanged) {
  for (u64 seed : kSeeds) {
    Options options = with_seed(seed);
    options.perturb_mma = perturb;
    configure(options);
    TritonKernel kernel(name, edit);
    Random random(seed + 17);
    const i32 a_stride = depth + 16, b_stride = (by_rows ? (n_columns + 15) / 16 * 16 : depth) + 16,
              c_stride = (n_columns + 15) / 16 * 16;
    const i32 b_rows = by_rows ? depth : n_columns;
    std::vector<int> a(static_cast<std::size_t>(n_rows * a_stride)), b(static_cast<std::size_t>(b_rows * b_stride));
    for (int& value : a) value = whole_number(random, most);
    for (int& value : b) value = whole_number(random, most);
    std::vector<T> a_elements, b_elements;
    for (int value : a) a_elements.push_back(element_of(value));
    for (int value : b) b_elements.push_back(element_of(value));
    const DeviceArray<T> a_device(a_elements), b_device(b_elements);
    const DeviceArray<Sum> c_device(std::vector<Sum>(static_cast<std::size_t>(n_rows * c_stride), Sum{-77}));
    ASSERT_TRUE(kernel.launch({static_cast<unsigned>(n_rows + 63) / 64, static_cast<unsigned>(n_columns + 31) / 32},
                              {a_device.argument(), b_device.argument(), c_device.argument(), &n_rows, &n_columns,
                               &depth, &a_stride, &b_stride, &c_stride}))
        << describe(faults());
    const std::vector<Sum> c = c_device.values();
    for (i32 row = 0; row < n_rows; ++row) {
      for (i32 column = 0; column < c_stride; ++column) {
        i64 sum = 0;
        double magnitude = 0;
        for (i32 k = 0; k < depth && column < n_columns; ++k) {
          const int product = a[static_cast<std::size_t>(row * a_stride + k)] *
                              b[static_cast<std::size_t>(by_rows ? k * b_stride + column : column * b_stride + k)];
          sum += product;
          magnitude += std::abs(product);
        }
        const auto expected = static_cast<Sum>(column < n_columns ? sum : -77);
        const Sum found = c[static_cast<std::size_t>(row * c_stride + column)];
        if (perturb) {
          ASSERT_NEAR(static_cast<double>(found), static_cast<double>(expected), magnitude * 0x1p-12)
              << row << " " << column << " seed " << seed;
        } else {
          ASSERT_EQ(found, expected) << row << " " << column << " seed " << seed;
        }
      }
    }
    EXPECT_EQ(describe(take_faults()), "") << "seed " << seed;
    EXPECT_GT(counters_of("matmul").n_mma, 0U);
  }
}

TEST(Triton, Bf16Matmul) {
  const auto bf16 = [](int value) { return bfloat_bits(value); };
  check_matmul<u16, float>("matmul_bf16", bf16, 16, false, 70, 45, 80);
  check_matmul<u16, float>("matmul_bf16", bf16, 16, false, 64, 32, 32);
  check_matmul<u16, float>("matmul_bf16", bf16, 16, false, 1, 1, 16);
}

TEST(Triton, Fp16MatmulWithATransposedOperand) {
  const auto fp16 = [](int value) { return half_bits(value); };
  check_matmul<u16, float>("matmul_fp16", fp16, 16, true, 70, 48, 80);
  check_matmul<u16, float>("matmul_fp16", fp16, 16, true, 129, 64, 96);
}

TEST(Triton, Tf32Matmul) { check_matmul<float, float>("matmul_tf32", element<float>, 16, false, 70, 45, 80); }

TEST(Triton, Int8Matmul) {
  check_matmul<i8, i32>("matmul_int8", element<i8>, 127, false, 70, 45, 80);
  check_matmul<i8, i32>("matmul_int8", element<i8>, 127, false, 65, 33, 176);
}

TEST(Triton, APerturbedMatmulStaysNearTheSum) {
  check_matmul<u16, float>(
      "matmul_bf16", [](int value) { return bfloat_bits(value); }, 16, false, 70, 45, 80, true);
  check_matmul<u16, float>(
      "wgmma_bf16", [](int value) { return bfloat_bits(value); }, 16, false, 70, 45, 80, true, with_proxy_fences);
}

TEST(Triton, Bf16MatmulByWgmma) {
  const auto bf16 = [](int value) { return bfloat_bits(value); };
  check_matmul<u16, float>("wgmma_bf16", bf16, 16, false, 70, 45, 80, false, with_proxy_fences);
  check_matmul<u16, float>("wgmma_bf16", bf16, 16, false, 64, 32, 32, false, with_proxy_fences);
  check_matmul<u16, float>("wgmma_bf16", bf16, 16, false, 130, 33, 256, false, with_proxy_fences);
}

TEST(Triton, Tf32MatmulByWgmma) {
  check_matmul<float, float>("wgmma_tf32", element<float>, 16, false, 70, 45, 80, false, with_proxy_fences);
}

TEST(Triton, Int8MatmulByWgmma) {
  check_matmul<i8, i32>("wgmma_int8", element<i8>, 127, false, 65, 33, 176, false, with_proxy_fences);
}

TEST(Triton, WithoutProxyFencesAWgmmaIsRefused) {
  for (u64 seed : kSeeds) {
    configure(with_seed(seed));
    TritonKernel kernel("wgmma_bf16");
    const i32 n_rows = 64, n_columns = 32, depth = 64, stride = 64;
    const DeviceArray<u16> a(std::vector<u16>(64 * 64, 0)), b(std::vector<u16>(32 * 64, 0));
    const DeviceArray<float> c(std::vector<float>(64 * 64, 0));
    EXPECT_FALSE(kernel.launch(
        {1}, {a.argument(), b.argument(), c.argument(), &n_rows, &n_columns, &depth, &stride, &stride, &stride}));
    EXPECT_NE(describe(take_faults()).find("no fence.proxy.async"), std::string::npos) << "seed " << seed;
  }
}

TEST(Triton, Softmax) {
  for (u64 seed : kSeeds) {
    configure(with_seed(seed));
    TritonKernel kernel("softmax");
    Random random(seed + 3);
    const i32 n_rows = 5, n_columns = 201, stride = 210;
    std::vector<float> x(static_cast<std::size_t>(n_rows * stride));
    for (float& value : x) value = static_cast<float>(8 * random.unit() - 4);
    const DeviceArray<float> x_device(x), y_device(std::vector<float>(x.size(), -1));
    ASSERT_TRUE(kernel.launch({5}, {x_device.argument(), y_device.argument(), &n_columns, &stride}))
        << describe(faults());
    const std::vector<float> y = y_device.values();
    for (i32 row = 0; row < n_rows; ++row) {
      const float* values = x.data() + row * stride;
      double sum = 0;
      for (i32 i = 0; i < n_columns; ++i) sum += std::exp(static_cast<double>(values[i]));
      for (i32 i = 0; i < stride; ++i) {
        const double expected = i < n_columns ? std::exp(static_cast<double>(values[i])) / sum : -1.0;
        ASSERT_NEAR(y[static_cast<std::size_t>(row * stride + i)], expected, 1e-6 * std::fabs(expected));
      }
    }
    EXPECT_EQ(describe(take_faults()), "");
  }
}

TEST(Triton, AtomicReduction) {
  for (u64 seed : kSeeds) {
    configure(with_seed(seed));
    TritonKernel kernel("atomic_sum");
    Random random(seed + 5);
    const i32 n = 5000;
    std::vector<i32> x(static_cast<std::size_t>(n));
    i32 sum = 0, most = 0;
    for (i32& value : x) {
      value = whole_number(random, 1000);
      sum += value;
      most = std::max(most, value);
    }
    const DeviceArray<i32> x_device(x), total(std::vector<i32>{0}), largest(std::vector<i32>{0});
    ASSERT_TRUE(kernel.launch({10}, {x_device.argument(), total.argument(), largest.argument(), &n}))
        << describe(faults());
    EXPECT_EQ(total.values()[0], sum);
    EXPECT_EQ(largest.values()[0], most);
    EXPECT_EQ(describe(take_faults()), "");
  }
}

}  // namespace
}  // namespace segue::ptx
