#pragma once

// The kernels of scan.cuh, compiled once a dtype (scan_<dtype>.cu).
//
// Queries are the rows of mma's A and items those of B. The queries' rows lie in shared memory for good; slices of 128
// bytes of the items' rows pass through a ring of stages there, and sums are looked at where they were made, in
// registers.

#include "kernels/cuda/scan_look.cuh"
#include "kernels/cuda/scan_mma.cuh"
#include "kernels/cuda/scan_rows.cuh"
#include "kernels/cuda/scan_shared.cuh"
#include "kernels/cuda/scan_wgmma.cuh"
#include "kernels/cuda/stage_barrier.cuh"

namespace segue::kernels::cuda {

/// The parts of a block's shared memory (scan_shared.cuh).
template <class Form>
struct ScanMemory {
  __device__ ScanMemory(char* memory, std::int64_t row_bytes) {
    constexpr ScanSizes kSizes = Form::kSizes;
    stages = reinterpret_cast<ScanStage*>(memory);
    query_rows = memory + kSizes.stages * sizeof(ScanStage);
    facts = reinterpret_cast<TileFacts*>(query_rows + scan_slices(row_bytes) * (Form::kQueries * kSliceBytes));
    hits = reinterpret_cast<WarpHits*>(facts + kSizes.facts);
    bounds = reinterpret_cast<QueryBound*>(hits + kSizes.hit_warps);
    filled = reinterpret_cast<std::uint64_t*>(bounds + Form::kQueries);
    left = filled + kSizes.stages;
  }
  ScanStage* stages;
  char* query_rows;
  TileFacts* facts;
  WarpHits* hits;
  QueryBound* bounds;
  std::uint64_t* filled;  ///< barriers: a stage's slice is there
  std::uint64_t* left;    ///< and all are done with it
};

template <class Form>
__device__ void load_queries(const Scan& scan, const ScanMemory<Form>& memory) {
  constexpr int kChunks = kSliceBytes / 16;
  const std::int64_t first_query = static_cast<std::int64_t>(blockIdx.y) * Form::kQueries;
  const auto n_slices = static_cast<int>(scan_slices(scan.row_bytes));
  const std::int64_t n_chunks = scan.row_bytes / 16;
  for (int i = static_cast<int>(threadIdx.x); i < Form::kQueries * n_slices * kChunks; i += Form::kSizes.threads) {
    const int chunk = i % (n_slices * kChunks);
    const int query = i / (n_slices * kChunks);
    int4 value = make_int4(0, 0, 0, 0);
    if (chunk < n_chunks) {
      const char* row = static_cast<const char*>(scan.queries) + (first_query + query) * scan.row_bytes;
      value = *reinterpret_cast<const int4*>(row + chunk * 16);
    }
    char* slice = memory.query_rows + chunk / kChunks * (Form::kQueries * kSliceBytes);
    *reinterpret_cast<int4*>(slice + swizzled(query, chunk % kChunks)) = value;
  }
  for (int i = static_cast<int>(threadIdx.x); i < Form::kQueries; i += Form::kSizes.threads)
    memory.bounds[i] = scan.bounds[first_query + i];
}

/// Walks over the slices of a block's tiles in the order in which they pass through the ring.
template <class Form>
struct ScanPlace {
  __device__ explicit ScanPlace(const Scan& scan)
      : tile(static_cast<int>(blockIdx.x)), n_slices(static_cast<int>(scan_slices(scan.row_bytes))) {}
  __device__ void next() {
    if (++stage == Form::kSizes.stages) {
      stage = 0;
      round ^= 1;
    }
    if (++slice == n_slices) {
      slice = 0;
      tile += static_cast<int>(gridDim.x);
      if (++facts == Form::kSizes.facts) facts = 0;
    }
  }
  int tile, n_slices;
  int slice = 0, stage = 0, facts = 0;
  unsigned round = 0;  ///< of the ring, modulo 2
};

/// All warps load, multiply and look; other blocks on the multiprocessor work while these wait.
template <class Form, ScanFor kFor>
__device__ void scan_together(const Scan& scan, const ScanMemory<Form>& memory) {
  constexpr int kStages = Form::kSizes.stages;
  const auto thread = static_cast<int>(threadIdx.x);
  const auto n_tiles = static_cast<int>(scan.n_tiles);
  load_queries(scan, memory);
  const ScanRows<kFor, Form::kDType == DType::kInt8, Form::kSizes.threads> rows(scan, thread);
  ScanPlace<Form> loaded(scan);
  const auto load_next = [&] {
    if (loaded.tile < n_tiles) {
      rows.load(loaded.tile, loaded.slice, memory.stages[loaded.stage], memory.facts[loaded.facts]);
      loaded.next();
    }
    commit_copies();  // empty ones too, so that the count of groups tells which are there
  };
  for (int i = 0; i < kStages - 1; ++i) load_next();

  ScanLook<Form, kFor> look(scan, thread, memory.bounds, memory.hits + thread / 32);
  typename Form::Sums sums;
  int stage = 0, facts = 0;
  for (int tile = static_cast<int>(blockIdx.x); tile < n_tiles; tile += static_cast<int>(gridDim.x)) {
    for (int slice = 0; slice < loaded.n_slices; ++slice) {
      wait_for_copies<kStages - 2>();
      __syncthreads();  // the oldest stage is there for all, and all have left the one that is loaded next
      load_next();
      if (slice == 0) look.begin(sums, memory.facts[facts]);
      Form::multiply(sums, memory.query_rows + slice * (Form::kQueries * kSliceBytes), memory.stages[stage]);
      stage = stage + 1 == kStages ? 0 : stage + 1;
    }
    look.look(sums, tile, memory.facts[facts]);
    facts = facts + 1 == Form::kSizes.facts ? 0 : facts + 1;
  }
  look.end();
}

/// Four warps load; groups of four, each with 64 of the queries, go through the ring at their own pace, so that some
/// multiply while others look.
template <class Form, ScanFor kFor>
class ScanApart {
  static constexpr int kStages = Form::kSizes.stages;
  static constexpr int kLookers = Form::kSizes.hit_warps * 32;
  static constexpr int kLoaders = Form::kSizes.threads - kLookers;
  static constexpr int kAhead = 2;  ///< slices that are under way before the first of them is waited for

 public:
  __device__ ScanApart(const Scan& scan, const ScanMemory<Form>& memory)
      : scan_(scan),
        memory_(memory),
        thread_(static_cast<int>(threadIdx.x)),
        n_tiles_(static_cast<int>(scan.n_tiles)),
        place_(scan) {}

  __device__ void run() {
    if (thread_ == 0) {
      for (int i = 0; i < kStages; ++i) {
        make_barrier(memory_.filled + i, kLoaders);
        make_barrier(memory_.left + i, kLookers / 32);
      }
    }
    load_queries(scan_, memory_);
    publish_to_tensor_cores();
    __syncthreads();
    // The same for all lanes of a warp, and known to be.
    const int group = __shfl_sync(0xFFFF'FFFFU, thread_ / 128, 0);
    if (group * 128 >= kLookers) {
      set_registers<Form::kLoaderRegisters, false>();
      load();
    } else {
      set_registers<Form::kLookerRegisters, true>();
      multiply_and_look(group);
    }
  }

 private:
  __device__ void load() {
    const ScanRows<kFor, Form::kDType == DType::kInt8, kLoaders> rows(scan_, thread_ - kLookers);
    int filled = 0, n_ahead = 0;
    const auto fill = [&] {
      publish_to_tensor_cores();
      arrive(memory_.filled + filled);
      filled = filled + 1 == kStages ? 0 : filled + 1;
    };
    for (; place_.tile < n_tiles_; place_.next()) {
      wait_for_round(memory_.left + place_.stage, place_.round ^ 1U);  // the one before; before the first none is
      rows.load(place_.tile, place_.slice, memory_.stages[place_.stage], memory_.facts[place_.facts]);
      commit_copies();
      if (n_ahead < kAhead) {
        ++n_ahead;
      } else {
        wait_for_copies<kAhead>();
        fill();
      }
    }
    wait_for_copies<0>();
    for (; n_ahead > 0; --n_ahead) fill();
  }

  __device__ void multiply_and_look(int group) {
    const int warp = thread_ / 32;
    ScanLook<Form, kFor> look(scan_, thread_, memory_.bounds, memory_.hits + warp);
    typename Form::Sums sums;
    while (place_.tile < n_tiles_) {
      const int tile = place_.tile;
      const TileFacts& facts = memory_.facts[place_.facts];
      wait_for_round(memory_.filled + place_.stage, place_.round);
      look.begin(sums, facts);
      Form::begin(sums);
      int before = multiply(sums, group, 0);
      for (int slice = 1; slice < place_.n_slices; ++slice) {
        wait_for_round(memory_.filled + place_.stage, place_.round);
        const int stage = multiply(sums, group, slice);
        wait_for_products<1>();
        leave(before);
        before = stage;
      }
      wait_for_products<0>();
      Form::end(sums);
      leave(before);
      look.look(sums, tile, facts);
    }
    look.end();
  }

  /// Begins to add the products of a slice. @returns its stage
  __device__ int multiply(typename Form::Sums& sums, int group, int slice) {
    const int stage = place_.stage;
    Form::multiply(sums, group, memory_.query_rows + slice * (Form::kQueries * kSliceBytes), memory_.stages[stage]);
    place_.next();
    return stage;
  }

  __device__ void leave(int stage) {
    __syncwarp();
    if (thread_ % 32 == 0) arrive(memory_.left + stage);
  }

  const Scan& scan_;
  const ScanMemory<Form>& memory_;
  const int thread_, n_tiles_;
  ScanPlace<Form> place_;
};

template <DType kDType, int kQueries, ScanFor kFor>
__global__ void __launch_bounds__(ScanByMma<kDType, kQueries>::kSizes.threads,
                                  ScanByMma<kDType, kQueries>::kBlocksPerProcessor)
    scan_kernel(const __grid_constant__ Scan scan) {
  using Form = ScanByMma<kDType, kQueries>;
  extern __shared__ __align__(1024) char memory[];
  scan_together<Form, kFor>(scan, ScanMemory<Form>(memory, scan.row_bytes));
}

/// The same on Hopper's own tensor core instructions. Other targets compile the name alone; the host does not ask for
/// it.
template <DType kDType, int kQueries, ScanFor kFor>
__global__ void __launch_bounds__(ScanByWgmma<kDType, kQueries>::kSizes.threads, 1)
    scan_wgmma_kernel(const __grid_constant__ Scan scan) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using Form = ScanByWgmma<kDType, kQueries>;
  extern __shared__ __align__(1024) char memory[];
  const ScanMemory<Form> parts(memory, scan.row_bytes);
  ScanApart<Form, kFor>(scan, parts).run();
#else
  (void)scan;
  __trap();
#endif
}

template <DType kDType, ScanFor kFor>
ScanKernel scan_kernel_for(ScanForm form, std::int64_t block_queries) {
  const bool wgmma = form == ScanForm::kWgmma;
  switch (block_queries) {
    case 16: return scan_kernel<kDType, 16, kFor>;
    case 64: return scan_kernel<kDType, 64, kFor>;
    case 128: return wgmma ? scan_wgmma_kernel<kDType, 128, kFor> : scan_kernel<kDType, 128, kFor>;
    default: return scan_wgmma_kernel<kDType, 256, kFor>;
  }
}

template <DType kDType>
ScanKernel scan_kernel_of(ScanForm form, std::int64_t block_queries, ScanFor what) {
  switch (what) {
    case ScanFor::kCandidates: return scan_kernel_for<kDType, ScanFor::kCandidates>(form, block_queries);
    case ScanFor::kMaxima: return scan_kernel_for<kDType, ScanFor::kMaxima>(form, block_queries);
    case ScanFor::kBest: break;
  }
  return scan_kernel_for<kDType, ScanFor::kBest>(form, block_queries);
}

}  // namespace segue::kernels::cuda
