#include <algorithm>
#include <chrono>

#include "kernels/cuda/check.cuh"
#include "tools/bench/cuda_top_k/device_clock.h"

namespace segue::bench {
namespace {

class Event {
 public:
  Event() { SEGUE_CUDA_CHECK(cudaEventCreate(&event_)); }
  ~Event() { (void)cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record() { SEGUE_CUDA_CHECK(cudaEventRecord(event_)); }
  double since(const Event& earlier) {
    SEGUE_CUDA_CHECK(cudaEventSynchronize(event_));
    float milliseconds = 0;
    SEGUE_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, earlier.event_, event_));
    return milliseconds;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

double milliseconds_of(const std::function<void()>& work, int in_a_row) {
  Event begin, end;
  begin.record();
  for (int i = 0; i < in_a_row; ++i) work();
  end.record();
  return end.since(begin) / in_a_row;
}

std::vector<double> repeat(const std::function<void()>& work, int n_least, int n_most, double seconds) {
  std::vector<double> times;
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  while (static_cast<int>(times.size()) < n_most && (static_cast<int>(times.size()) < n_least || passed() < seconds))
    times.push_back(milliseconds_of(work));
  return times;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace segue::bench
