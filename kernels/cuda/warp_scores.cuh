#pragma once

// Scores by the definition, of 32 items at a time: a warp reads their rows together, 64 bytes of each, and then each
// lane adds up its own item's. Lanes that read rows by themselves would ask for 32 lines with every instruction.

#include "kernels/cuda/score.cuh"

namespace segue::kernels::cuda {

template <DType kDType>
class WarpScores {
  using Stored = typename Element<kDType>::Stored;
  static constexpr bool kIsInt8 = kDType == DType::kInt8;
  static constexpr int kChunks = 4;                 // of 16 bytes that are read of each row
  static constexpr int kRowsAtOnce = 32 / kChunks;  // by one instruction
  static constexpr int kLoads = 32 / kRowsAtOnce;
  static constexpr int kElements = 16 / static_cast<int>(sizeof(Stored));

 public:
  /// Of a warp, in shared memory. A row has room for a chunk more, so that eight lanes meet no bank twice.
  struct Buffer {
    int4 chunks[32][kChunks + 1];
  };

  /// @param aligned  rows begin on 16 bytes
  __device__ WarpScores(const ScoredQuery& query, const DeviceVectors& items, const float* bias, bool aligned,
                        Buffer& buffer)
      : query_(query), items_(items), bias_(bias), aligned_(aligned), lane_(threadIdx.x % 32), buffer_(buffer) {}

  /// The score of the lane's item; of -1 anything. For all lanes of a warp.
  __device__ float operator()(std::int32_t item) const {
    const float bias = item >= 0 && bias_ != nullptr ? bias_[item] : 0.0F;
    if (!aligned_ || !query_.aligned) return item < 0 ? 0.0F : defined_score<kDType>(query_, items_, item, bias, false);
    std::conditional_t<kIsInt8, int, float> sum{};
    if constexpr (!kIsInt8) sum = bias;
    const int n_chunks = static_cast<int>(items_.dim) / kElements;
    int4 ahead[kLoads];
    if (n_chunks > 0) read(item, 0, n_chunks, ahead);
    for (int first = 0; first < n_chunks; first += kChunks) {
#pragma unroll
      for (int i = 0; i < kLoads; ++i) buffer_.chunks[i * kRowsAtOnce + lane_ / kChunks][lane_ % kChunks] = ahead[i];
      __syncwarp();
      if (first + kChunks < n_chunks) read(item, first + kChunks, n_chunks, ahead);
#pragma unroll
      for (int c = 0; c < kChunks; ++c) {
        if (first + c < n_chunks) add_chunk<kDType>(query_, (first + c) * kElements, buffer_.chunks[lane_][c], sum);
      }
      __syncwarp();
    }
    if (item < 0) return 0.0F;
    return score_from<kDType>(query_, items_, item, bias, static_cast<std::int64_t>(n_chunks) * kElements, sum);
  }

 private:
  /// Reads chunks `first` and on of all lanes' items.
  __device__ void read(std::int32_t item, int first, int n_chunks, int4 (&to)[kLoads]) const {
    const int chunk = first + lane_ % kChunks;
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const std::int32_t row = __shfl_sync(0xFFFF'FFFFU, item, i * kRowsAtOnce + lane_ / kChunks);
      to[i] =
          row >= 0 && chunk < n_chunks ? reinterpret_cast<const int4*>(items_.row(row))[chunk] : make_int4(0, 0, 0, 0);
    }
  }

  const ScoredQuery& query_;
  const DeviceVectors& items_;
  const float* bias_;
  const bool aligned_;
  const int lane_;
  Buffer& buffer_;
};

}  // namespace segue::kernels::cuda
