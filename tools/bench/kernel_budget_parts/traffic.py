"""Bytes of DRAM and L2 that the fused search and two unfused forms move."""
from . import budget, machines

SCORE_BYTES = 4
TILE_BYTES = 32e6  # of scores that the chunked form keeps in L2
QUERIES_AT_ONCE = 1024  # of it


def sample_of(sizes, nominators, dim, n_queries, n_items, k):
    """The sample of a search by mma.sync on an H200."""
    machine = next(machine for machine in machines.MACHINES if machine.sm == "90a")
    queries = sizes.block_queries("mma", n_queries, dim * budget.BYTES[nominators], machine.shared_per_block)
    of = sizes.of("mma", queries)
    return budget.plan_sample(n_queries, -(-n_queries // queries), n_items, k, machine.n_processors * of.promised_blocks, of.buckets_per_tile, sizes.tile_items)


def fused(sizes, nominators, dim, n_queries, n_items, k):
    """DRAM: items once, those of the sample once more, queries, maxima (written and read), and of each candidate its number (the same) and its row."""
    row_bytes, sample = dim * budget.BYTES[nominators], sample_of(sizes, nominators, dim, n_queries, n_items, k)
    found = sample.n_above * budget.NOMINATED[nominators]
    return n_items * row_bytes * (1 + 1 / sample.step) + n_queries * (2 * row_bytes + found * (8 + row_bytes) + 8 * sample.n_buckets + 8 * k)


def unfused(nominators, dim, n_queries, n_items, k):
    """DRAM: items, queries, all scores written, and read by one pass of selection."""
    row_bytes = dim * budget.BYTES[nominators]
    return n_items * row_bytes + n_queries * (row_bytes + 2 * SCORE_BYTES * n_items + 8 * k)


def chunked(nominators, dim, n_queries, n_items, k):
    """(DRAM, L2) bytes: a tile of scores of up to QUERIES_AT_ONCE queries stays in L2, so that items pass once for as many; the lists of the
    chunks are written and merged."""
    row_bytes = dim * budget.BYTES[nominators]
    at_once = min(n_queries, QUERIES_AT_ONCE)
    chunk = max(1, int(TILE_BYTES / SCORE_BYTES / at_once))
    lists = n_queries * -(-n_items // chunk) * min(k, chunk) * 8 * 2
    passes = -(-n_queries // at_once)
    return passes * n_items * row_bytes + n_queries * (row_bytes + 8 * k) + lists, 2 * SCORE_BYTES * n_queries * n_items


def rows(sizes, nominators, k):
    """(items, dim, queries, floor bytes, fused, unfused, chunked DRAM, chunked L2)"""
    for n_items in (1_000_000, 10_000_000):
        for dim in (64, 128, 256):
            for n_queries in (64, 1024, 8192):
                row_bytes = dim * budget.BYTES[nominators]
                shape = (nominators, dim, n_queries, n_items, k)
                floor = n_items * row_bytes + n_queries * (row_bytes + 8 * k)
                yield n_items, dim, n_queries, floor, fused(sizes, *shape), unfused(*shape), *chunked(*shape)
