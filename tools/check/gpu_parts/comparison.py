"""Our searches beside the floor and beside each peer, out of the lines that both printed."""

BYTES = {"bfloat16": 2, "float16": 2, "float32": 4, "int8": 1}


def rates(floors):
    """(GB/s of a copy or None, {dtype: TFLOP/s of mma.sync})"""
    copies = [line["gb_s"] for line in floors if line.get("gb_s")]  # null where a copy took no time at all
    return max(copies, default=None), {line["dtype"]: line["tflop_s"] for line in floors if line.get("what") == "mma.sync"}


def floor_ms(line, copy_gb_s, tflop_s):
    """(milliseconds, what binds): items read once at the rate of a copy, or all products at the dense rate of mma.sync."""
    items, nominators = line["form"].split(":")
    dtype = items if nominators == "plain" else nominators
    memory = (line["n"] + line["queries"]) * line["dim"] * BYTES[dtype] + 8 * line["queries"] * line["k"]
    floors = {}
    if copy_gb_s:
        floors["copy"] = memory / copy_gb_s * 1e-6
    if dtype in tflop_s:
        floors["products"] = 2 * line["queries"] * line["n"] * line["dim"] / tflop_s[dtype] * 1e-9
    if not floors:
        return None, None
    binds = max(floors, key=floors.get)
    return floors[binds], binds


def compare(ours, peers, floors):
    """A row for each of our searches that was timed."""
    copy_gb_s, tflop_s = rates(floors)
    rows = []
    for line in ours:
        if "ms" not in line:
            continue
        shape = {name: line[name] for name in ("n", "dim", "queries", "k")}
        floor, binds = floor_ms(line, copy_gb_s, tflop_s)
        beside = {peer["peer"]: peer["ms"] / line["ms"] for peer in peers if "ms" in peer and all(peer[name] == shape[name] for name in shape)}
        rows.append({"form": line["form"], "scan": line.get("scan"), **shape, "ms": line["ms"], "ms_in_a_row": line["ms_in_a_row"], "equal": line["equal"], "floor_ms": floor,
                     "bound_by": binds, "share_of_floor": floor / line["ms"] if floor else None,
                     "share_in_a_row": floor / line["ms_in_a_row"] if floor else None, "times_as_fast_as": beside})
    return rows


def verdicts(rows):
    """The targets: from 1,024 queries and 128 dimensions on 70 % of the dense rate, up to 64 queries 85 % of the rate of a copy; bfloat16."""
    told = []
    for row in rows:
        if row["form"] != "bfloat16:bfloat16" or row["share_of_floor"] is None or row["dim"] < 128:
            continue
        target = 0.70 if row["queries"] >= 1024 else 0.85 if row["queries"] <= 64 else None
        if target is not None:
            told.append({"scan": row["scan"], "dim": row["dim"], "queries": row["queries"], "k": row["k"], "target": target, "share": row["share_of_floor"],
                         "share_in_a_row": row["share_in_a_row"], "met": row["share_of_floor"] >= target})
    return told


def table(rows):
    lines = [f"{'form':<24} {'d':>4} {'queries':>8} {'k':>5} {'ms':>9} {'in a row':>9} {'floor':>9} {'share':>6} {'by':>9}  least times a peer"]
    for row in rows:
        nearest = min(row["times_as_fast_as"].items(), key=lambda pair: pair[1], default=None)
        floor = f"{row['floor_ms']:>9.4f} {100 * row['share_of_floor']:>5.0f}% {row['bound_by']:>9}" if row["floor_ms"] else f"{'':>9} {'':>6} {'':>9}"
        form = row["form"] + (f" {row['scan']}" if row["scan"] else "")
        lines.append(f"{form:<24} {row['dim']:>4} {row['queries']:>8} {row['k']:>5} {row['ms']:>9.4f} {row['ms_in_a_row']:>9.4f} {floor}"
                     + (f"  {nearest[1]:.2f} ({nearest[0]})" if nearest else "") + ("" if row["equal"] else "  DIFFERS"))
    return "\n".join(lines)
