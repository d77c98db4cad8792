#include "tests/test_device/test_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <string>

namespace segue::test_device {
namespace {

using testing::HasSubstr;

at::Tensor numbers(at::IntArrayRef shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  return at::arange(n, at::kFloat).remainder(7).sub(3).div(4).reshape(shape);
}

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return {};
}

class TestDevice : public testing::Test {
 protected:
  void SetUp() override { reset_counts(); }
};

TEST_F(TestDevice, ItsMemoryIsOutOfTheHostsReach) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // autograd has started threads of its own
  const at::Tensor tensor = numbers({3}).to(device());
  EXPECT_TRUE(tensor.device().is_privateuseone());
  EXPECT_DEATH({ [[maybe_unused]] volatile float x = tensor.const_data_ptr<float>()[0]; }, "");
  EXPECT_DEATH(tensor.mutable_data_ptr<float>()[0] = 1, "");
  EXPECT_TRUE(at::equal(tensor.cpu(), numbers({3})));
}

TEST_F(TestDevice, OperatorsGiveTheBitsOfTheCpu) {
  const at::Tensor a = numbers({5, 4}), b = numbers({4, 3}), bias = numbers({3});
  const auto run = [](const at::Tensor& x, const at::Tensor& y, const at::Tensor& z) {
    const at::Tensor product = at::addmm(z, x, y);
    return at::cat({at::log_softmax(product, 1), product.exp().t().contiguous().view({5, 3})}, 1);
  };
  const at::Tensor here = run(a.to(device()), b.to(device()), bias.to(device()));
  EXPECT_TRUE(here.device().is_privateuseone());
  EXPECT_TRUE(at::equal(here.cpu(), run(a, b, bias)));
}

TEST_F(TestDevice, ViewsOutputsAndChangesInPlaceAreOfOneMemory) {
  const at::Tensor whole = at::zeros({4, 4}, at::TensorOptions(device()));
  at::Tensor row = whole.narrow(0, 1, 1), column = whole.t().select(0, 2);
  EXPECT_TRUE(row.add_(1).is_same(row));
  column.fill_(5);
  at::Tensor out = whole.narrow(0, 3, 1);
  at::mul_out(out, row, row);
  at::Tensor expected = at::zeros({4, 4});
  expected.narrow(0, 1, 1).add_(1);
  expected.t().select(0, 2).fill_(5);
  expected.narrow(0, 3, 1).copy_(expected.narrow(0, 1, 1).square());
  EXPECT_TRUE(at::equal(whole.cpu(), expected));
}

TEST_F(TestDevice, OutputsGrow) {
  const at::Tensor a = numbers({6}).to(device());
  at::Tensor out = at::empty({0}, a.options());
  at::add_out(out, a, a);
  EXPECT_TRUE(at::equal(out.cpu(), numbers({6}) * 2));
  out.resize_({20});
  EXPECT_TRUE(at::equal(out.narrow(0, 0, 6).cpu(), numbers({6}) * 2));
}

TEST_F(TestDevice, TensorsOfTheHostAreRefusedAsCudaDoes) {
  const at::Tensor here = numbers({3, 3}).to(device()), there = numbers({3, 3}), rows = at::tensor({2, 0}, at::kLong);
  const char* const said = "Expected all tensors to be on the same device";
  EXPECT_THAT(error_of([&] { at::mm(here, there); }), HasSubstr(said));
  EXPECT_THAT(error_of([&] { at::cat({here, there}); }), HasSubstr(said));
  EXPECT_THAT(error_of([&] { here.index_select(0, rows); }), HasSubstr(said));
  EXPECT_THAT(error_of([&] { at::Tensor(there).add_(here); }), HasSubstr(said));
  // Numbers and indices may come from there.
  EXPECT_TRUE(at::equal((here + at::scalar_tensor(2)).cpu(), there + 2));
  EXPECT_TRUE(at::equal(here.index({rows}).cpu(), there.index({rows})));
}

TEST_F(TestDevice, CountsWhatTheHostWaitsFor) {
  const at::Tensor a = numbers({8}).to(device(), /*non_blocking=*/true);
  EXPECT_EQ(counts().to_device, 1);
  EXPECT_EQ(counts().to_device_bytes, 32);
  EXPECT_EQ(counts().n_waits(), 0);
  const at::Tensor sum = (a * a).sum();
  EXPECT_EQ(counts().to_host, 0);
  EXPECT_EQ(sum.item<float>(), numbers({8}).square().sum().item<float>());
  EXPECT_EQ(counts().to_host, 1);
  [[maybe_unused]] const at::Tensor on_host = a.to(at::kCPU);
  EXPECT_EQ(counts().to_host, 2);
  EXPECT_EQ(counts().to_host_bytes, 32);
  const at::Tensor mask = a.gt(0), times = at::ones_like(a, at::kLong);
  EXPECT_EQ(counts().to_host, 2);
  [[maybe_unused]] const at::Tensor masked = a.index({mask}), places = mask.nonzero();
  [[maybe_unused]] const at::Tensor repeated = a.repeat_interleave(times), told = a.repeat_interleave(times, 0, 8);
  EXPECT_EQ(counts().waits.at("aten::nonzero"), 2);  // one for the mask
  EXPECT_EQ(counts().waits.at("aten::repeat_interleave"), 1);
  EXPECT_EQ(counts().to_host, 5) << counts().text();
  EXPECT_EQ(counts().n_waits(), 5);
  [[maybe_unused]] const at::Tensor blocked = numbers({8}).to(device());
  EXPECT_EQ(counts().n_waits(), 6) << counts().text();
  EXPECT_GT(counts().operators, 5);
}

TEST_F(TestDevice, GradientsAreThoseOfTheCpu) {
  const auto gradients = [](at::Device where) {
    const at::Tensor table = numbers({6, 4}).to(where).requires_grad_(), w = numbers({9, 4}).to(where).requires_grad_();
    const at::Tensor u = numbers({9, 3}).to(where).requires_grad_(), b = numbers({9}).to(where).requires_grad_();
    const at::Tensor rows = at::tensor({1, 5, 1, 0, 2}, at::kLong).to(where), sizes = at::tensor({2, 2, 1}, at::kLong);
    const at::Tensor x = at::embedding(table, rows);
    const at::Tensor states =
        std::get<0>(at::gru(x, sizes, at::zeros({1, 2, 3}, x.options()), {w, u, b, b}, true, 1, 0.0, true, false));
    (at::layer_norm(states, {3}) * states).sum().backward();
    return std::vector<at::Tensor>{table.grad().cpu(), w.grad().cpu(), u.grad().cpu(), b.grad().cpu()};
  };
  const auto expected = gradients(at::kCPU), found = gradients(device());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(at::allclose(expected[i], found[i], 1e-5, 1e-6)) << i;
}

TEST_F(TestDevice, RunsOutOfMemory) {
  const std::size_t before = Memory::instance().in_use();
  {
    const LittleMemory little(1000);
    const at::Tensor fits = at::empty({200}, at::TensorOptions(device()));
    EXPECT_THROW(at::empty({100}, at::TensorOptions(device())), c10::OutOfMemoryError);
  }
  EXPECT_EQ(Memory::instance().in_use(), before);
  EXPECT_NO_THROW(at::empty({100}, at::TensorOptions(device())));
}

}  // namespace
}  // namespace segue::test_device
