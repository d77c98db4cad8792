"""The budget as tables, for a terminal and for Markdown."""
from . import budget, machines, sass, traffic

TARGETS = (  # of the dense rate of mma.sync, and of the rate of a copy
    ("products", 0.70, [(dim, queries) for dim in (128, 256) for queries in (1024, 8192)]),
    ("memory", 0.85, [(dim, queries) for dim in (128, 256) for queries in (1, 64)]),
)


def percent(share):
    return f"{100 * share:.0f} %"


def aligned(header, rows):
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))) for row in cells)


def markdown(header, rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def resources(machine, kernels, sizes, dim=128):
    """What a kernel takes of a multiprocessor, vectors of 128 dimensions."""
    header = ["nominators", "queries", "registers", "spilled", "shared KB", "blocks", "limited by", "KB in flight", "wanted"]
    rows = []
    for (nominators, block_queries), kernel in kernels.items():
        shared = sizes.shared_bytes(block_queries, dim * budget.BYTES[nominators])
        blocks, limit = machines.blocks_per_processor(machine, kernel.registers, budget.THREADS, shared)
        flying = budget.in_flight(machine, sizes, dim, nominators, blocks)
        rows.append([nominators, block_queries, kernel.registers, kernel.spilled_bytes, f"{shared / 1024:.0f}", blocks, limit if blocks else "does not fit",
                     f"{flying / 1024:.0f}", f"{budget.bytes_wanted(machine) / 1024:.0f}"])
    return header, rows


def units(machine, kernels, sizes, dims, k=100, n_items=1_000_000):
    """Cycles of a multiprocessor for a tile of items on a block."""
    header = ["nominators", "queries", "d", "mma", "ldmatrix", "cp.async", "other", "ops/score", "tensor", "issue", "ALU", "shared", "L2", "slices", "tile",
              "bounds", "hits", "busiest", "alone", "of tensor"]
    rows = []
    for (nominators, block_queries), kernel in kernels.items():
        for dim in dims:
            made = budget.tile(kernel, machine, sizes, dim, budget.candidates(nominators, k) / n_items)
            n_slices = sizes.slices(dim * budget.BYTES[nominators])
            slices, tile = sass.count(kernel.scan.slice), sass.count(kernel.scan.epilogue) + sass.count(kernel.scan.begin)
            named = [n_slices * slices[kind] for kind in ("tensor", "ldmatrix", "copy")]
            per_score = len(kernel.scan.epilogue) * budget.THREADS / (block_queries * sizes.tile_items)
            shares = [made.useful_tensor / cycles for cycles in made.cycles(1)]
            rows.append([nominators, block_queries, dim, *named, n_slices * slices["all"] + tile["all"] - sum(named), f"{per_score:.1f}",
                         *(f"{cycles:.0f}" for cycles in [*made.units.values(), *made.exposed.values()]), made.limiter,
                         percent(shares[1]), percent(shares[0])])
    return header, rows


def lost(found):
    """Where the time above the floor goes, in percent of the floor, largest first."""
    made, floor = found.tile, found.floor
    per_cycle = found.scan[1] / max(made.cycles(found.blocks)[1], 1) / floor
    parts = {name: cycles * per_cycle for name, cycles in made.exposed.items()} if found.bound_by == "products" and found.blocks == 1 else {}
    parts["uneven share"] = 1 / found.spread - 1 if found.bound_by == "products" else 0
    parts["sample"] = found.sample[1] / floor
    parts |= {name: us / floor for name, us in found.fixed.items()}
    if found.bound_by == "products":
        parts["padding and other units"] = made.busy / made.useful_tensor - 1
    named = sorted(((share, name) for name, share in parts.items() if share >= 0.02), reverse=True)
    return ", ".join(f"{name} {100 * share:.0f}" for share, name in named)


def targets(machine, kernels, sizes, nominators="bfloat16", k=100):
    header = ["items", "d", "queries", "block", "blocks", "floor ms", "bound by", "least", "most", "target", "verdict", "above the floor, % of it"]
    rows = []
    for bound, target, shapes in TARGETS:
        for n_items in (1_000_000, 10_000_000):
            for dim, n_queries in shapes:
                found = budget.search(kernels, machine, sizes, nominators, dim, n_queries, n_items, k)
                least, most = found.share
                verdict = "met" if least >= target else "missed" if most < target else "open"
                rows.append([f"{n_items // 1_000_000}M", dim, n_queries, found.block_queries, found.blocks, f"{found.floor / 1e3:.3f}", found.bound_by,
                             percent(least), percent(most), percent(target), verdict, lost(found)])
    return header, rows


def bytes_moved(nominators="bfloat16", k=100):
    header = ["items", "d", "queries", "floor GB", "fused", "unfused", "unfused : fused", "chunked", "and in L2"]
    return header, [[f"{n_items // 1_000_000}M", dim, n_queries, *(f"{part / 1e9:.2f}" for part in (floor, fused, unfused)), f"{unfused / fused:.1f}",
                     f"{chunked / 1e9:.2f}", f"{in_l2 / 1e9:.1f}"]
                    for n_items, dim, n_queries, floor, fused, unfused, chunked, in_l2 in traffic.rows(nominators, k)]


def counted(counters, kernels, sizes):
    """What a run counted beside what the machine code says; @param counters  see tools/bench/kernel_budget --counters"""
    header = ["kernel", "tiles", "instructions/score", "by machine code", "tensor/score", "by machine code", "sectors/tile", "bank conflicts"]
    rows = []
    for entry in counters:
        kernel = kernels[entry["nominators"], entry["block_queries"]]
        scores = entry["tiles"] * entry["block_queries"] * sizes.tile_items
        slices = sizes.slices(entry["dim"] * budget.BYTES[entry["nominators"]])
        static = sass.count(kernel.scan.slice * slices + kernel.scan.epilogue + kernel.scan.begin)
        per_score = budget.THREADS / (entry["block_queries"] * sizes.tile_items)
        rows.append([f"{entry['nominators']} {entry['block_queries']} d={entry['dim']}", entry["tiles"],
                     f"{entry['instructions']['all'] / scores:.2f}", f"{static['all'] * per_score:.2f}",
                     f"{entry['instructions'].get('tensor', 0) / scores:.3f}", f"{static['tensor'] * per_score:.3f}",
                     f"{entry.get('sectors', 0) / entry['tiles']:.0f}", entry.get("bank_conflicts", "-")])
    return header, rows
