"""Cycles that a scan needs of each unit of a multiprocessor, and what the whole search can reach of the floor.

A range is given. Its upper end lets all units work at once, so that the busiest one decides. Its lower end adds what a block cannot
overlap with its own products: barrier, addresses and first ldmatrix of each slice, the look at the sums of each tile, hits. Another block on the same
multiprocessor can hide that, one block alone cannot.
"""
import dataclasses
import math

from . import machines, sass

WARPS = 8
THREADS = 256
QUERY_BLOCKS = (16, 64, 128, 256)
BYTES = {"bfloat16": 2, "float16": 2, "float32": 4, "int8": 1}
#: Candidates over those that exact scores would leave, k = 100: how far the error bound opens the threshold. bfloat16 and int8 by a trial on
#: Gaussian vectors; the others, whose bounds are tighter, assumed.
NOMINATED = {"bfloat16": 1.16, "float16": 1.05, "float32": 1.05, "int8": 1.7}
LAUNCHES = 7  # nominate, sample, threshold, clearing the counts, scan, finish, plain


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Constants of kernels/cuda/scan_shared.cuh and of the workload."""
    tile_items: int
    slice_bytes: int
    stages: int
    hits: int

    def shared_bytes(self, block_queries, row_bytes):
        fixed = self.stages * self.tile_items * (self.slice_bytes + 8) + self.hits * 8 + 4
        return -(-fixed // 128) * 128 + block_queries * (16 + self.slices(row_bytes) * self.slice_bytes)

    def slices(self, row_bytes):
        return -(-row_bytes // self.slice_bytes)


def sample_rank(k, step=16):
    return math.ceil(k / step + 5 * math.sqrt(k / step) + 1)


def candidates(nominators, k):
    return 16 * sample_rank(k) * NOMINATED[nominators]


@dataclasses.dataclass
class Tile:
    """A tile of items on a block: cycles of a multiprocessor for each unit, and what the block cannot overlap."""
    units: dict
    exposed: dict
    useful_tensor: float  # without what pads slices

    @property
    def busy(self):
        return max(self.units.values())

    @property
    def limiter(self):
        return max(self.units, key=self.units.get)

    def cycles(self, n_blocks):
        """(optimistic, pessimistic) cycles for a tile of each of `n_blocks` on one multiprocessor."""
        together = n_blocks * self.busy
        return together, max(together, self.busy + sum(self.exposed.values()))


def products(instruction):
    """FMA of a tensor instruction: .16816 is 16 x 8 x 16."""
    shape = next(part for part in instruction.modifiers.split(".") if part[:3] == "168" and part.isdigit())
    return 16 * 8 * int(shape[3:])


def tile(kernel, machine, sizes, dim, hits_per_query_and_item):
    """@param kernel  compiled.Kernel"""
    scan, row_bytes = kernel.scan, dim * BYTES[kernel.nominators]
    n_slices = sizes.slices(row_bytes)
    per_slice, per_tile = sass.count(scan.slice), sass.count(scan.epilogue) + sass.count(scan.begin)
    hits = hits_per_query_and_item * kernel.block_queries * sizes.tile_items  # of the block
    hit = scan.hit()
    instructions = n_slices * per_slice["all"] + per_tile["all"] + hits / WARPS * hit
    rate = machine.fma[kernel.nominators]
    fma = sum(products(x) for x in scan.slice if x.kind == "tensor") * WARPS * n_slices
    ldmatrix = n_slices * per_slice["ldmatrix"] * WARPS * machines.LDMATRIX_BYTES
    copies = n_slices * sizes.tile_items * sizes.slice_bytes
    other_shared = (n_slices * per_slice["shared"] + per_tile["shared"]) * WARPS * machines.SHARED_BYTES
    units = {
        "tensor": fma / rate,
        "issue": instructions * WARPS / machines.SCHEDULERS,
        "ALU": (n_slices * per_slice["alu"] + per_tile["alu"]) * WARPS * 32 / machines.ALU_LANES,
        "shared": (ldmatrix + copies + other_shared) / machines.SHARED_BYTES,
        "L2": (sizes.tile_items * row_bytes + 32) / machine.l2_bytes,
    }
    at_once = WARPS / machines.SCHEDULERS  # warps of the block that a scheduler issues in turn
    exposed = {
        "slices": n_slices * (machines.BARRIER_CYCLES + scan.prologue_of_slice() * at_once + machines.LDMATRIX_CYCLES),
        "tile": per_tile["all"] * at_once,
        "bounds": machine.l2_latency if per_tile["global"] else 0,
        "hits": hits / WARPS * hit * at_once + min(1, hits) * machines.ATOMIC_CYCLES,
    }
    return Tile(units, exposed, kernel.block_queries * sizes.tile_items * dim / rate)


@dataclasses.dataclass
class Search:
    """A search of n_queries among n_items: microseconds, (optimistic, pessimistic) where two are given."""
    block_queries: int
    blocks: int  # on a multiprocessor
    floor: float
    bound_by: str  # the floor: "products" or "memory"
    scan: tuple
    sample: tuple
    fixed: dict
    spread: float  # work over what the fullest multiprocessor would do were it shared evenly
    limiter: str
    tile: Tile

    @property
    def total(self):
        fixed = sum(self.fixed.values())
        return self.scan[0] + self.sample[0] + fixed / 2, self.scan[1] + self.sample[1] + fixed

    @property
    def share(self):
        """(pessimistic, optimistic) of the floor."""
        return self.floor / self.total[1], self.floor / self.total[0]


def pass_us(kernel, machine, sizes, dim, n_queries, n_tiles, n_slots, hits, occupied):
    """(optimistic, pessimistic) of a scan by blocks that share n_tiles, its Tile, and how evenly it is spread."""
    made = tile(kernel, machine, sizes, dim, hits)
    n_query_blocks = -(-n_queries // kernel.block_queries)
    n_splits = min(max(n_slots // n_query_blocks, 1), n_tiles)
    n_blocks = n_query_blocks * n_splits
    tiles_of_block = -(-n_tiles // n_splits)
    rounds = -(-n_blocks // (machine.n_processors * occupied))
    on_fullest = min(occupied, -(-n_blocks // machine.n_processors))
    cycles = [rounds * tiles_of_block * one for one in made.cycles(on_fullest)]
    dram = n_tiles * sizes.tile_items * dim * BYTES[kernel.nominators] / machine.copy_tb_s * 1e-6
    in_flight = [on_fullest * stages * sizes.tile_items * min(dim * BYTES[kernel.nominators], sizes.slice_bytes)
                 for stages in (sizes.stages - 1, sizes.stages - 2)]
    slowed = [max(1.0, bytes_wanted(machine) / flying) for flying in in_flight]
    loading = -(-kernel.block_queries * sizes.slices(dim * BYTES[kernel.nominators]) * 8 // (THREADS * 4)) * machine.dram_latency_ns * 1e-3
    to_us = 1e-3 / machine.clock_ghz
    times = [max(cycle * to_us, dram * slow) for cycle, slow in zip(cycles, slowed)]
    spread = n_query_blocks * n_tiles / (rounds * tiles_of_block * on_fullest * machine.n_processors)
    limiter = "DRAM" if dram > cycles[0] * to_us else made.limiter
    return (times[0], times[1] + loading), made, min(1.0, spread), limiter


def bytes_wanted(machine):
    """In flight on a multiprocessor, by Little's law."""
    return machine.copy_tb_s * 1e3 * machine.dram_latency_ns / machine.n_processors


def in_flight(machine, sizes, dim, nominators, blocks):
    return blocks * (sizes.stages - 1) * sizes.tile_items * min(dim * BYTES[nominators], sizes.slice_bytes)


def fixed_us(machine, nominators, dim, n_queries, k):
    """What does not grow with the items."""
    found = candidates(nominators, k)
    us = 1e-3 / machine.clock_ghz
    waves = -(-n_queries // (machine.n_processors * 8))
    row_bytes = dim * BYTES[nominators]
    chain = row_bytes / 16 / 4 * machine.dram_latency_ns / 1e3 + dim * 4 * us  # a lane reads a row by 16 bytes, four ahead, and adds in order
    stages = math.ceil(math.log2(found))
    sort = stages * (stages + 1) / 2 * 60 * us
    finish_bytes = n_queries * found * row_bytes / machine.copy_tb_s * 1e-6
    return {
        "launches": LAUNCHES * machines.LAUNCH_US,
        # One thread walks down a histogram, four times: 62 bins of exponents and half of 256 for the others, a shared load each.
        "threshold": waves * (62 + 3 * 128) * 35 * us,
        "finish": max(waves * (-(-found // THREADS) * chain + sort), finish_bytes),
    }


def search(kernels, machine, sizes, nominators, dim, n_queries, n_items, k):
    """@param kernels  {(block_queries, samples): compiled.Kernel} of the nominators and the machine"""
    row_bytes = dim * BYTES[nominators]
    block_queries = 0
    for queries in QUERY_BLOCKS:
        if sizes.shared_bytes(queries, row_bytes) > machine.shared_per_block:
            break
        block_queries = queries
        if queries >= n_queries:
            break
    kernel, sampler = kernels[block_queries, False], kernels[block_queries, True]
    shared = sizes.shared_bytes(block_queries, row_bytes)
    occupied, _ = machines.blocks_per_processor(machine, kernel.registers, THREADS, shared)
    n_tiles = -(-n_items // sizes.tile_items)
    scan, made, spread, limiter = pass_us(kernel, machine, sizes, dim, n_queries, n_tiles, machine.n_processors * occupied,
                                          candidates(nominators, k) / n_items, occupied)
    sample, *_ = pass_us(sampler, machine, sizes, dim, n_queries, -(-n_tiles // 16), machine.n_processors, 0, occupied)
    floors = {"products": n_queries * n_items * dim / machine.fma[nominators] / machine.n_processors / machine.clock_ghz * 1e-3,
              "memory": n_items * row_bytes / machine.copy_tb_s * 1e-6}
    bound_by = max(floors, key=floors.get)
    return Search(block_queries, occupied, floors[bound_by], bound_by, scan, sample, fixed_us(machine, nominators, dim, n_queries, k), spread,
                  limiter, made)
