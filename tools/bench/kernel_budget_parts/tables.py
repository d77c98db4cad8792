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
    """What a kernel takes of a multiprocessor, vectors of 128 dimensions; @param kernels  compiled.Kernel"""
    header = ["nominators", "queries", "threads", "registers", "spilled", "shared KB", "blocks", "limited by", "KB in flight", "wanted"]
    rows = []
    for kernel in kernels:
        of = sizes.of(kernel.form, kernel.block_queries)
        shared = sizes.shared_bytes(kernel.form, kernel.block_queries, dim * budget.BYTES[kernel.nominators])
        blocks, limit = machines.blocks_per_processor(machine, kernel.registers, of.threads, shared)
        flying = budget.in_flight(kernel, sizes, dim, blocks)
        rows.append([kernel.nominators, kernel.label, of.threads, kernel.registers, kernel.spilled_bytes, f"{shared / 1024:.0f}", blocks,
                     limit if blocks else "does not fit", f"{flying / 1024:.0f}", f"{budget.bytes_wanted(machine) / 1024:.0f}"])
    return header, rows


def units(machine, kernels, sizes, dims, k=100, n_items=1_000_000):
    """Cycles of a multiprocessor for a tile of items on a block."""
    header = ["nominators", "queries", "d", "mma", "ldmatrix", "cp.async", "other", "start/score", "look/score", "tensor", "issue", "ALU", "shared", "L2",
              "slices", "tile", "hits", "busiest", "in step", "of tensor"]
    rows = []
    for kernel in kernels:
        of = sizes.of(kernel.form, kernel.block_queries)
        sample = budget.plan_sample(kernel.block_queries, 1, n_items, k, machine.n_processors, of.buckets_per_tile, sizes.tile_items)
        for dim in dims:
            made = budget.tile(kernel, machine, sizes, dim, sample.n_above * budget.NOMINATED[kernel.nominators] / n_items)
            named = [made.counts[kind] for kind in ("tensor", "ldmatrix", "copy")]
            per_score = of.hit_warps * 32 / (kernel.block_queries * sizes.tile_items)
            shares = [made.useful_tensor / cycles for cycles in made.cycles(1)]
            rows.append([kernel.nominators, kernel.label, dim, *named, f"{made.counts['all'] - sum(named):.0f}",
                         f"{len(kernel.scan.start) * per_score:.1f}", f"{len(kernel.scan.look) * per_score:.1f}",
                         *(f"{cycles:.0f}" for cycles in [*made.units.values(), *made.exposed.values()]), made.limiter,
                         percent(shares[1]), percent(shares[0])])
    return header, rows


def lost(found):
    """Where time goes beside the products or the copy, in percent of the floor, largest first."""
    made, floor, parts = found.tile, found.floor, {}
    if found.bound_by == "products":
        of_tile = found.scan[1] / made.cycles(1)[1] / floor
        parts = {name: cycles * of_tile for name, cycles in made.exposed.items()}
        parts["uneven share"] = 1 / found.spread - 1
        parts["padding and other units"] = made.busy / made.useful_tensor - 1
    parts["sample"] = found.sample[1] / floor
    parts |= {name: us / floor for name, us in found.fixed.items()}
    named = sorted(((share, name) for name, share in parts.items() if share >= 0.02), reverse=True)
    return ", ".join(f"{name} {100 * share:.0f}" for share, name in named)


def forms_of(machine):
    return ("mma", "wgmma") if machine.wgmma_fma else ("mma",)


def targets(machine, kernels, sizes, nominators="bfloat16", k=100):
    header = ["items", "d", "queries", "block", "blocks", "floor ms", "bound by", "least", "most", "target", "verdict", "lost at the lower end, % of the floor"]
    rows = []
    for bound, target, shapes in TARGETS:
        for n_items in (1_000_000, 10_000_000):
            for dim, n_queries in shapes:
                for form in forms_of(machine) if bound == "products" else ("mma",):
                    found = budget.search(kernels, machine, sizes, form, nominators, dim, n_queries, n_items, k)
                    least, most = found.share
                    verdict = "met" if least >= target else "missed" if most < target else "open"
                    rows.append([f"{n_items // 1_000_000}M", dim, n_queries, found.kernel.label, found.blocks, f"{found.floor / 1e3:.3f}", found.bound_by,
                                 percent(least), percent(most), percent(target), verdict, lost(found)])
    return header, rows


def bytes_moved(sizes, nominators="bfloat16", k=100):
    header = ["items", "d", "queries", "floor GB", "fused", "unfused", "unfused : fused", "chunked", "and in L2"]
    return header, [[f"{n_items // 1_000_000}M", dim, n_queries, *(f"{part / 1e9:.2f}" for part in (floor, fused, unfused)), f"{unfused / fused:.1f}",
                     f"{chunked / 1e9:.2f}", f"{in_l2 / 1e9:.1f}"]
                    for n_items, dim, n_queries, floor, fused, unfused, chunked, in_l2 in traffic.rows(sizes, nominators, k)]


def counted(counters, kernels, sizes):
    """What a run counted beside what the machine code says; @param counters  see tools/bench/kernel_budget --counters"""
    header = ["kernel", "tiles", "instructions/score", "by machine code", "tensor/score", "by machine code", "sectors/tile", "bank conflicts"]
    rows = []
    by_name = {(kernel.nominators, kernel.form, kernel.block_queries): kernel for kernel in kernels}
    for entry in counters:
        kernel = by_name[entry["nominators"], entry.get("form", "mma"), entry["block_queries"]]
        of = sizes.of(kernel.form, kernel.block_queries)
        slices, scores = sizes.slices(entry["dim"] * budget.BYTES[entry["nominators"]]), entry["block_queries"] * sizes.tile_items
        parts = (sass.count(kernel.scan.of_tile(slices)), of.hit_warps), (sass.count(kernel.scan.of_loader(slices)), of.loader_warps)
        static = {kind: 32 * sum(counts[kind] * warps for counts, warps in parts) / scores for kind in ("all", "tensor")}
        counted_scores = entry["tiles"] * scores
        rows.append([f"{entry['nominators']} {kernel.label} d={entry['dim']}", entry["tiles"],
                     f"{entry['instructions']['all'] / counted_scores:.2f}", f"{static['all']:.2f}",
                     f"{entry['instructions'].get('tensor', 0) / counted_scores:.3f}", f"{static['tensor']:.3f}",
                     f"{entry.get('sectors', 0) / entry['tiles']:.0f}", entry.get("bank_conflicts", "-")])
    return header, rows
