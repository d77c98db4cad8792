#pragma once

#include <vector>

#include "tests/ptx/numbers.h"

namespace segue::ptx {

struct Warp;
struct Block;

/// What two proxies do to the shared memory of a block: the generic one (ld, st, cp.async, ...) and the asynchronous
/// one, by which wgmma reads. Kept where the kernel has wgmma.
class AsyncProxy {
 public:
  void start(std::size_t shared_bytes, std::size_t n_threads);

  /// A generic write of a lane. The bytes have to be free: see is_read.
  void wrote(const Warp& warp, int lane, u64 offset, u64 n_bytes);
  /// Whether a wgmma that was not waited for reads any of the bytes.
  bool is_read(u64 offset, u64 n_bytes) const;
  /// fence.proxy.async of a lane: what it wrote before may be read by wgmma, by those who know of the fence.
  void fence(const Warp& warp, int lane);

  /// A wgmma begins to read 16 bytes at an address of the space .shared, on behalf of a lane. KernelFault unless they
  /// are there, written, landed, and fenced by their writer; a race with the write is reported.
  void begin_read(Warp& warp, int lane, u64 address);
  /// The warp has waited for that wgmma, which stood at `pc`.
  void end_read(Warp& warp, u64 address, u32 pc);

 private:
  /// The last generic write of a word: 0, or 1 + the thread, and how many proxy fences that thread had executed.
  struct Write {
    u16 thread = 0;
    u32 n_fences = 0;
  };
  void check_fenced(const Warp& warp, int lane, u64 offset) const;

  std::vector<u16> n_readers_;            ///< by 16 bytes
  std::vector<Write> writes_;             ///< by 4 bytes
  std::vector<std::vector<u32>> fences_;  ///< by thread: the clock of its warp at each of its fences
};

}  // namespace segue::ptx
