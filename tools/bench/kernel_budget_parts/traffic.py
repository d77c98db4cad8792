"""Bytes of DRAM and L2 that the fused search and two unfused forms move."""
from . import budget

SCORE_BYTES = 4
TILE_BYTES = 32e6  # of scores that the chunked form keeps in L2
QUERIES_AT_ONCE = 1024  # of it


def fused(nominators, dim, n_queries, n_items, k):
    """DRAM: items once, a sixteenth of them once more, queries, and of each candidate its number (written and read) and its row."""
    row_bytes = dim * budget.BYTES[nominators]
    found = budget.candidates(nominators, k)
    return n_items * row_bytes * (1 + 1 / 16) + n_queries * (2 * row_bytes + found * (8 + row_bytes) + 8 * k)


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


def rows(nominators, k):
    """(items, dim, queries, floor bytes, fused, unfused, chunked DRAM, chunked L2)"""
    for n_items in (1_000_000, 10_000_000):
        for dim in (64, 128, 256):
            for n_queries in (64, 1024, 8192):
                row_bytes = dim * budget.BYTES[nominators]
                shape = (nominators, dim, n_queries, n_items, k)
                floor = n_items * row_bytes + n_queries * (row_bytes + 8 * k)
                yield n_items, dim, n_queries, floor, fused(*shape), unfused(*shape), *chunked(*shape)
