"""Cycles that a scan needs of each unit of a multiprocessor, and what the whole search can reach of the floor.

A range is given. Its upper end lets all units work at once, so that the busiest one decides. Its lower end adds what no products hide if all warps of
a multiprocessor go in step: barriers, addresses and first reads of slices, start and look of each tile, hits. Blocks that share a multiprocessor, and
groups of warps of a block by wgmma, get apart, and then some multiply while others look: the truth lies between.
"""
import collections
import dataclasses
import math

from . import machines, sass

BYTES = {"bfloat16": 2, "float16": 2, "float32": 4, "int8": 1}
#: Candidates over those that exact scores would leave, k = 100: how far the error bound opens the threshold. bfloat16 and int8 by a trial on
#: Gaussian vectors; the others, whose bounds are tighter, assumed.
NOMINATED = {"bfloat16": 1.16, "float16": 1.05, "float32": 1.05, "int8": 1.7}
LAUNCHES = 6  # nominate, sample, threshold, scan, finish, plain
BLOCKS_OF_QUERIES = {"mma": (16, 64, 128), "wgmma": (16, 64, 128, 256)}
WGMMA_QUERIES = 128  # of a block at least; fewer go by mma
LOADED_AHEAD = 2  # ScanApart::kAhead
# finish.cu and warp_sort.cuh
BLOCK_OF_QUERY = 256  # threads of a block of choose_thresholds_kernel and of finish_kernel
SORTED_BY_WARP = 512


@dataclasses.dataclass(frozen=True)
class FormSizes:
    """Of a block of so many queries by one form: ScanSizes of kernels/cuda/scan_shared.cuh, and its launch bounds."""
    threads: int
    hit_warps: int  # that multiply and look; the others load
    stages: int
    facts: int
    buckets_per_tile: int
    promised_blocks: int

    @property
    def loader_warps(self):
        return self.threads // 32 - self.hit_warps

    @property
    def slices_ahead(self):
        """(most, least) slices that a block has under way."""
        most = LOADED_AHEAD + 1 if self.loader_warps else self.stages - 1
        return most, max(most - 1, 1)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Constants of kernels/cuda/scan_shared.cuh; forms: {(form, block_queries): FormSizes}"""
    tile_items: int
    slice_bytes: int
    warp_hits: int
    facts_bytes: int
    hits_bytes: int
    bound_bytes: int
    forms: dict

    def of(self, form, block_queries):
        """Few queries go by mma whatever was asked for."""
        return self.forms[form if block_queries >= WGMMA_QUERIES else "mma", block_queries]

    def slices(self, row_bytes):
        return -(-row_bytes // self.slice_bytes)

    def shared_bytes(self, form, block_queries, row_bytes):
        """scan_shared_bytes()"""
        of = self.of(form, block_queries)
        return (of.stages * (self.tile_items * self.slice_bytes + 16) + block_queries * (self.slices(row_bytes) * self.slice_bytes + self.bound_bytes)
                + of.facts * self.facts_bytes + of.hit_warps * self.hits_bytes)

    def block_queries(self, form, n_queries, row_bytes, shared_bytes):
        """scan_block_queries(); 0: none fits"""
        chosen = 0
        for queries in BLOCKS_OF_QUERIES[form]:
            n_bytes = self.shared_bytes(form, queries, row_bytes)
            if n_bytes > shared_bytes:
                break
            if form == "mma" and queries == 128 and 2 * (n_bytes + machines.RESERVED_SHARED_BYTES) > shared_bytes + machines.RESERVED_SHARED_BYTES:
                break
            chosen = queries
            if queries >= n_queries:
                break
        return chosen


def sample_rank(k, step):
    """sample_rank.h"""
    expected = k / step
    return math.ceil(expected + 5.6 * math.sqrt(expected) + 4.5)


def capacity_for(rank, step):
    capacity = 1024
    while capacity < (rank + 6 * math.sqrt(rank) + 12) * step:
        capacity *= 2
    return capacity


@dataclasses.dataclass(frozen=True)
class Sample:
    step: int
    rank: int
    n_tiles: int
    n_splits: int
    n_buckets: int

    @property
    def n_above(self):
        """Items whose true score reaches the threshold, about."""
        return self.rank * self.step


def plan_sample(n_queries, n_query_blocks, n_items, k, n_slots, per_tile, tile_items=128):
    """plan_sample() of fused_top_k.cu; None: such a search goes another way"""
    most = max(448 if n_queries <= 64 else 256, 4 * k)
    for step in (64, 32, 16, 8, 4, 2, 1):
        rank = sample_rank(k, step)
        n_tiles = -(-(-(-n_items // step)) // tile_items)
        if n_tiles * per_tile < 4 * rank or rank * step * 8 > n_items or (rank * step > most and step > 16) or capacity_for(rank, step) > 8192:
            continue
        n_splits = min(max(min(n_slots // n_query_blocks, 4096 // per_tile), 1), n_tiles)
        most_tiles = -(-n_tiles // n_splits)
        tiles_per_bucket = min(max(n_tiles * per_tile // (16 * rank), 1), most_tiles)
        return Sample(step, rank, n_tiles, n_splits, -(-most_tiles // tiles_per_bucket) * n_splits * per_tile)
    return None


@dataclasses.dataclass
class Tile:
    """A tile of items on a block: cycles of a multiprocessor for each unit, and those that nothing hides if all go in step."""
    units: dict
    exposed: dict
    useful_tensor: float  # without what pads slices
    counts: dict  # instructions of all warps

    @property
    def busy(self):
        return max(self.units.values())

    @property
    def limiter(self):
        return max(self.units, key=self.units.get)

    def cycles(self, n_blocks):
        """(optimistic, pessimistic) cycles for a tile of each of `n_blocks` on one multiprocessor."""
        return n_blocks * self.busy, n_blocks * (self.busy + sum(self.exposed.values()))


def products(instruction):
    """FMA of a tensor instruction, for each warp that issues it: .16816 is 16 x 8 x 16 of one warp, .64x128x16 is of four."""
    for part in instruction.modifiers.split("."):
        if part[:3] == "168" and part.isdigit():
            return 16 * 8 * int(part[3:])
        if part.count("x") == 2:
            return math.prod(map(int, part.split("x"))) // 4
    raise ValueError(f"no shape in {instruction.opcode}{instruction.modifiers}")


def tile(kernel, machine, sizes, dim, hits_per_query_and_item):
    """@param kernel  compiled.Kernel"""
    scan, of, row_bytes = kernel.scan, sizes.of(kernel.form, kernel.block_queries), dim * BYTES[kernel.nominators]
    n_slices = sizes.slices(row_bytes)
    one = sass.count(scan.of_tile(n_slices))  # of a warp
    counts = collections.Counter({kind: n * of.hit_warps for kind, n in one.items()})
    counts.update({kind: n * of.loader_warps for kind, n in sass.count(scan.of_loader(n_slices)).items()})
    warp_hits = hits_per_query_and_item * kernel.block_queries * sizes.tile_items / of.hit_warps
    # A warp asks which rows of sums have hits where any has; they are handed over when the warp's room is full, by its lanes.
    hit_instructions = -math.expm1(-warp_hits) * scan.hits.chain + warp_hits * (scan.hits.row + scan.hits.move / 32)
    counts["all"] += hit_instructions * of.hit_warps
    rate = machine.rate(kernel.form, kernel.nominators)
    fma = sum(products(x) for x in scan.of_tile(n_slices) if x.kind == "tensor") * of.hit_warps
    by_tensor = counts["tensor"] / 4 * machines.WGMMA_BYTES if kernel.form == "wgmma" else 0  # wgmma reads both operands itself
    copies = n_slices * sizes.tile_items * sizes.slice_bytes
    units = {
        "tensor": fma / rate,
        "issue": counts["all"] / machines.SCHEDULERS,
        "ALU": counts["alu"] * 32 / machines.ALU_LANES,
        "shared": (by_tensor + copies + counts["ldmatrix"] * machines.LDMATRIX_BYTES) / machines.SHARED_BYTES + counts["shared"],
        "L2": sizes.tile_items * row_bytes / machine.l2_bytes,
    }
    at_once = of.hit_warps / machines.SCHEDULERS  # warps that a scheduler issues in turn
    # By wgmma a slice follows while the one before is multiplied, so that the first of a tile alone waits.
    waits = 1 if kernel.form == "wgmma" else n_slices
    exposed = {
        "slices": waits * (machines.BARRIER_CYCLES + machines.LDMATRIX_CYCLES + (0 if kernel.form == "wgmma" else scan.prologue * at_once)),
        "tile": (len(scan.start) + len(scan.look)) * at_once,
        "hits": hit_instructions * at_once + warp_hits / 32 * machines.ATOMIC_CYCLES,
    }
    return Tile(units, exposed, kernel.block_queries * sizes.tile_items * dim / rate, counts)


@dataclasses.dataclass
class Search:
    """A search of n_queries among n_items: microseconds, (optimistic, pessimistic) where two are given."""
    kernel: object
    blocks: int  # on a multiprocessor
    floor: float
    bound_by: str  # the floor: "products" or "memory"
    scan: tuple
    sample: tuple
    fixed: dict
    spread: float  # work over what the fullest multiprocessor would do were it shared evenly
    tile: Tile

    @property
    def total(self):
        fixed = sum(self.fixed.values())
        return self.scan[0] + self.sample[0] + fixed / 2, self.scan[1] + self.sample[1] + fixed

    @property
    def share(self):
        """(pessimistic, optimistic) of the floor."""
        return self.floor / self.total[1], self.floor / self.total[0]


def pass_us(kernel, machine, sizes, dim, n_queries, n_tiles, n_splits, hits, occupied):
    """(optimistic, pessimistic) of a scan by blocks that share n_tiles, its Tile, and how evenly it is spread."""
    made, of = tile(kernel, machine, sizes, dim, hits), sizes.of(kernel.form, kernel.block_queries)
    row_bytes = dim * BYTES[kernel.nominators]
    n_query_blocks = -(-n_queries // kernel.block_queries)
    n_blocks = n_query_blocks * n_splits
    tiles_of_block = -(-n_tiles // n_splits)
    rounds = -(-n_blocks // (machine.n_processors * occupied))
    on_fullest = min(occupied, -(-n_blocks // machine.n_processors))
    to_us = 1e-3 / machine.clock_ghz
    # A slice that is asked for comes no sooner than memory answers, however many blocks there are.
    waits = [sizes.slices(row_bytes) * machine.dram_latency_ns * 1e-3 / ahead for ahead in of.slices_ahead]
    dram = n_tiles * sizes.tile_items * row_bytes / machine.copy_tb_s * 1e-6
    times = [max(rounds * tiles_of_block * max(cycles * to_us, wait), dram) for cycles, wait in zip(made.cycles(on_fullest), waits)]
    loading = -(-kernel.block_queries * sizes.slices(row_bytes) * 8 // (of.threads * 4)) * machine.dram_latency_ns * 1e-3
    spread = n_query_blocks * n_tiles / (rounds * tiles_of_block * on_fullest * machine.n_processors)
    return (times[0], times[1] + loading), made, min(1.0, spread)


def bytes_wanted(machine):
    """In flight on a multiprocessor, by Little's law."""
    return machine.copy_tb_s * 1e3 * machine.dram_latency_ns / machine.n_processors


def in_flight(kernel, sizes, dim, blocks):
    ahead = sizes.of(kernel.form, kernel.block_queries).slices_ahead[0]
    return blocks * ahead * sizes.tile_items * min(dim * BYTES[kernel.nominators], sizes.slice_bytes)


def sort_cycles(n_keys):
    """Of the keys of a query: 512 in the registers of one warp, 16 a lane, or more by the block in shared memory."""
    if n_keys <= SORTED_BY_WARP:
        # 45 steps: 15 between lanes, 16 keys by some 10 instructions, and 30 of 8 pairs in a lane by some 8.
        return 15 * 16 * 10 + 30 * 8 * 8
    stages = math.ceil(math.log2(n_keys))
    return stages * (stages + 1) / 2 * 60


def fixed_us(machine, sample, nominators, dim, n_queries):
    """What does not grow with the items."""
    found = sample.n_above * NOMINATED[nominators]
    us, latency = 1e-3 / machine.clock_ghz, machine.dram_latency_ns * 1e-3
    waves = -(-n_queries // (machine.n_processors * 8))  # 8 blocks of 256 threads on a multiprocessor
    row_bytes = dim * BYTES[nominators]
    held = -(-sample.n_buckets // BLOCK_OF_QUERY)
    # 15 times halving what is left between two values: compare and count those that a thread holds (2 warps a scheduler), add up, and one barrier.
    halving = 15 * (2 * 2 * held + 60 + machines.BARRIER_CYCLES + machines.LDMATRIX_CYCLES)
    # Counts, numbers of items, their rows into L2; then each lane adds up its row in order, one FMA of 4 cycles behind the other.
    turns = -(-found // BLOCK_OF_QUERY)
    finish = 3 * latency + (turns * (dim * 4 + row_bytes / 64 * machine.l2_latency) + sort_cycles(found)) * us
    finish_bytes = n_queries * found * row_bytes / machine.copy_tb_s * 1e-6
    return {
        "launches": LAUNCHES * machines.LAUNCH_US,
        "threshold": waves * (latency + halving * us),
        "finish": max(waves * finish, finish_bytes),
    }


def search(kernels, machine, sizes, form, nominators, dim, n_queries, n_items, k):
    """@param kernels  {(form, block_queries, samples): compiled.Kernel} of the nominators and the machine"""
    row_bytes = dim * BYTES[nominators]
    block_queries = sizes.block_queries(form, n_queries, row_bytes, machine.shared_per_block)
    of_form = form if block_queries >= WGMMA_QUERIES else "mma"
    kernel, sampler = kernels[of_form, block_queries, False], kernels[of_form, block_queries, True]
    of = sizes.of(of_form, block_queries)
    occupied, _ = machines.blocks_per_processor(machine, kernel.registers, of.threads, sizes.shared_bytes(of_form, block_queries, row_bytes))
    n_tiles, n_query_blocks, n_slots = -(-n_items // sizes.tile_items), -(-n_queries // block_queries), machine.n_processors * occupied
    sample = plan_sample(n_queries, n_query_blocks, n_items, k, n_slots, of.buckets_per_tile, sizes.tile_items)
    n_splits = min(max(n_slots // n_query_blocks, 1), n_tiles)
    scan, made, spread = pass_us(kernel, machine, sizes, dim, n_queries, n_tiles, n_splits, sample.n_above * NOMINATED[nominators] / n_items, occupied)
    sampled, *_ = pass_us(sampler, machine, sizes, dim, n_queries, sample.n_tiles, sample.n_splits, 0, occupied)
    floors = {"products": n_queries * n_items * dim / machine.fma[nominators] / machine.n_processors / machine.clock_ghz * 1e-3,
              "memory": n_items * row_bytes / machine.copy_tb_s * 1e-6}
    bound_by = max(floors, key=floors.get)
    return Search(kernel, occupied, floors[bound_by], bound_by, scan, sampled, fixed_us(machine, sample, nominators, dim, n_queries), spread, made)
