"""What the budget takes for granted of each architecture, with where it is from. Nothing here was measured by this project but what says so.

Published figures are quoted as remembered: the papers' own sentences were not at hand.
"""
import dataclasses

KIB = 1024
REGISTERS = 65536  # of a multiprocessor, all architectures here
WARPS_AT_ONCE = 64  # of sm_80, sm_90 and sm_100; sm_86, sm_89 and sm_120 have 48
RESERVED_SHARED_BYTES = 1024  # of each block, for the system

# What this project's tools/bench/cuda_top_k measured on an NVIDIA H200 (driver 580.159.04, CUDA 13.0): TFLOP/s of dense products by mma.sync, TB/s
# read and written by a copy, and the clock that ncu saw under load, of 1.755 to 1.98 GHz.
H200_MMA_SYNC = {"bfloat16": 591, "float16": 591, "float32": 296, "int8": 1196}
H200_COPY = 4.226
H200_CLOCK_GHZ = 1.80
H200_PROCESSORS = 132
#: Products a clock and multiprocessor of that.
HOPPER_MMA_SYNC = {name: rate * 1e12 / 2 / H200_PROCESSORS / (H200_CLOCK_GHZ * 1e9) for name, rate in H200_MMA_SYNC.items()}
# H100 whitepaper: 989 TFLOP/s dense bf16 at 1.83 GHz.
HOPPER_WGMMA = {"bfloat16": 2048, "float16": 2048, "float32": 1024, "int8": 4096}


@dataclasses.dataclass(frozen=True)
class Machine:
    sm: str  # as nvcc names it
    card: str
    n_processors: int
    clock_ghz: float
    copy_tb_s: float
    shared_per_processor: int
    shared_per_block: int
    fma: dict  # nominators: dense products a clock and multiprocessor, by mma.sync
    l2_bytes: float  # a clock and multiprocessor
    l2_latency: int  # cycles
    dram_latency_ns: int  # under load
    sources: str
    wgmma_fma: dict = dataclasses.field(default_factory=dict)  # the same by wgmma, where there is one

    def rate(self, form, nominators):
        """Dense products a clock and multiprocessor."""
        return (self.wgmma_fma if form == "wgmma" else self.fma)[nominators]


MACHINES = [
    Machine(
        "80", "A100 80GB SXM", 108, 1.41, 1.77, 164 * KIB, 163 * KIB,
        {"bfloat16": 1024, "float16": 1024, "float32": 512, "int8": 2048}, 47, 260, 700,
        "A100 whitepaper: 312 TFLOP/s dense bf16 by mma.sync is 1024 FMA a clock and multiprocessor, L2 5120 bytes a clock over 108; copies "
        "at 0.87 of 2.04 TB/s (assumed); L2 latency of arXiv 2402.13499; 700 ns under load (assumed)"),
    Machine(
        "90a", "H200 SXM", H200_PROCESSORS, H200_CLOCK_GHZ, H200_COPY, 228 * KIB, 227 * KIB, HOPPER_MMA_SYNC, 28, 270, 800,
        "**measured by this project on an H200** (`tools/bench/cuda_top_k`): mma.sync at 591 TFLOP/s for bf16 and fp16, 296 for tf32, 1196 TOP/s for int8, "
        "copies at 4.226 TB/s, and a clock of 1.80 GHz under load, of which follow 1,244, 623 and 2,517 FMA a clock and multiprocessor; wgmma at the 2048 of "
        "the H100 whitepaper and the same clock (not measured); L2 5.7 TB/s read on 114 multiprocessors (Chips and Cheese, \"Nvidia's H100: Funny L2\"); latencies as for "
        "sm_80, 800 ns under load (assumed)", HOPPER_WGMMA),
    Machine(
        "100", "B200", 148, 1.85, 6.9, 228 * KIB, 227 * KIB, HOPPER_MMA_SYNC, 28, 300, 900,
        "no published rate of mma.sync was found (the peak is that of tcgen05): **assumed to be what was measured on sm_90, a clock and multiprocessor**; "
        "copies at 0.9 of the 7.7 TB/s of the data sheet (assumed), L2 as sm_90 (assumed), latencies assumed"),
]
#: Kernels are also built for these; a block has 99 KB of shared memory and a multiprocessor 100, so that fewer queries fit.
SMALL_SHARED = ("86", "89", "120")
SMALL_SHARED_BYTES = 99 * KIB

# Shared memory passes 32 banks of 4 bytes a clock; ldmatrix.x4 reads 512 bytes.
SHARED_BYTES = 128
LDMATRIX_BYTES = 512
WGMMA_BYTES = 6 * KIB  # of an instruction of four warps, 64 queries by 128 items over 32 bytes of their rows: 2 KB of A and 4 KB of B
SCHEDULERS = 4
ALU_LANES = 64  # CUDA programming guide, throughput of arithmetic instructions: compare, minimum, maximum

# Cycles that only the pessimistic end of a range counts (arXiv 2402.13499 and its kind; rounded).
BARRIER_CYCLES = 30
LDMATRIX_CYCLES = 33
ATOMIC_CYCLES = 700  # on global memory, with its answer
LAUNCH_US = 1.5  # between dependent kernels of a stream: drain and launch (assumed)


def blocks_by_registers(registers, threads):
    return REGISTERS // (-(-registers * 32 // 256) * 256 * (threads // 32))


def blocks_per_processor(machine, registers, threads, shared_bytes):
    """(blocks, what limits them)."""
    warps = threads // 32
    of_registers = blocks_by_registers(registers, threads)
    of_warps = WARPS_AT_ONCE // warps
    of_shared = machine.shared_per_processor // (shared_bytes + RESERVED_SHARED_BYTES) if shared_bytes <= machine.shared_per_block else 0
    return min((of_registers, "registers"), (of_shared, "shared memory"), (of_warps, "threads"))
