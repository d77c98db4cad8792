"""What the budget takes for granted of each architecture, with where it is from. Nothing here was measured by this project but what says so.

Published figures are quoted as remembered: the papers' own sentences were not at hand. tools/check/gpu measures copies and mma.sync on the device.
"""
import dataclasses

KIB = 1024
REGISTERS = 65536  # of a multiprocessor, all architectures here
WARPS_AT_ONCE = 64  # of sm_80, sm_90 and sm_100; sm_86, sm_89 and sm_120 have 48
RESERVED_SHARED_BYTES = 1024  # of each block, for the system

# Hopper's peak is that of wgmma. mma.sync reaches 0.629 of it: Luo et al., "Benchmarking and Dissecting the Nvidia Hopper GPU
# Architecture through Microbenchmarking", arXiv 2402.13499 (mean over dtypes; the successor is arXiv 2501.12084).
HOPPER_MMA_SYNC = 0.629


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


MACHINES = [
    Machine(
        "80", "A100 80GB SXM", 108, 1.41, 1.77, 164 * KIB, 163 * KIB,
        {"bfloat16": 1024, "float16": 1024, "float32": 512, "int8": 2048}, 47, 260, 700,
        "A100 whitepaper: 312 TFLOP/s dense bf16 by mma.sync is 1024 FMA a clock and multiprocessor, L2 5120 bytes a clock over 108; copies "
        "at 0.87 of 2.04 TB/s (assumed); L2 latency of arXiv 2402.13499; 700 ns under load (assumed)"),
    Machine(
        "90a", "H200 SXM", 132, 1.755, 4.3, 228 * KIB, 227 * KIB,
        {name: HOPPER_MMA_SYNC * fma for name, fma in {"bfloat16": 2048, "float16": 2048, "float32": 1024, "int8": 4096}.items()}, 28, 270, 800,
        "H100 whitepaper: 989 TFLOP/s dense bf16 is 2048 FMA a clock and multiprocessor by wgmma, times 0.629 for mma.sync (arXiv 2402.13499); "
        "copies at 4.3 TB/s (measured by this project on such a machine); L2 5.7 TB/s read on 114 multiprocessors (Chips and Cheese, "
        "\"Nvidia's H100: Funny L2\"); latencies as for sm_80, 800 ns under load (assumed)"),
    Machine(
        "100", "B200", 148, 1.85, 6.9, 228 * KIB, 227 * KIB,
        {name: HOPPER_MMA_SYNC * fma for name, fma in {"bfloat16": 2048, "float16": 2048, "float32": 1024, "int8": 4096}.items()}, 28, 300, 900,
        "no published rate of mma.sync was found (the peak is that of tcgen05): **assumed to be that of sm_90**; copies at 0.9 of the 7.7 TB/s of "
        "the data sheet (assumed), L2 as sm_90 (assumed), latencies assumed"),
]
#: Kernels are also built for these; a block has 99 KB of shared memory and a multiprocessor 100, so that fewer queries fit.
SMALL_SHARED = "sm_86, sm_89 and sm_120"

# Shared memory passes 32 banks of 4 bytes a clock; ldmatrix.x4 reads 512 bytes.
SHARED_BYTES = 128
LDMATRIX_BYTES = 512
SCHEDULERS = 4
ALU_LANES = 64  # CUDA programming guide, throughput of arithmetic instructions: compare, minimum, maximum

# Cycles that only the pessimistic end of a range counts (arXiv 2402.13499 and its kind; rounded).
BARRIER_CYCLES = 30
LDMATRIX_CYCLES = 33
ATOMIC_CYCLES = 100
LAUNCH_US = 1.5  # between dependent kernels of a stream: drain and launch (assumed)


def blocks_per_processor(machine, registers, threads, shared_bytes):
    """(blocks, what limits them)."""
    warps = threads // 32
    of_registers = REGISTERS // (-(-registers * 32 // 256) * 256 * warps)
    of_warps = WARPS_AT_ONCE // warps
    of_shared = machine.shared_per_processor // (shared_bytes + RESERVED_SHARED_BYTES) if shared_bytes <= machine.shared_per_block else 0
    return min((of_registers, "registers"), (of_shared, "shared memory"), (of_warps, "threads"))
