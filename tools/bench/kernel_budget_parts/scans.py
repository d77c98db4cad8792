"""The parts of the scan kernels: what a warp runs for each slice of items, for each tile, and for each hit.

Ways are the shortest ones over what must be passed: a full tile, items without a bias, no hits. What is rarer is counted beside them. (A sample's
first slice may be read as with a bias, some twenty instructions a tile.)
"""

def is_tensor(instruction):
    return instruction.kind == "tensor"


def before_products(instructions):
    return instructions[:next(i for i, x in enumerate(instructions) if is_tensor(x))]


def behind_products(instructions):
    return instructions[len(instructions) - next(i for i, x in enumerate(reversed(instructions)) if is_tensor(x)):]


def around(function, inner):
    """The smallest loop around another."""
    outer = [(last - head, head, last) for head, last in function.back_edges() if head <= inner[0] and last >= inner[1] and (head, last) != inner]
    if not outer:
        raise ValueError("no loop around that of the slices")
    return min(outer)[1:]


def fullest_copies(function, loop):
    """The block that copies a slice of a full tile: the one unrolled, others go row by row."""
    return max(range(loop[0], loop[1] + 1), key=lambda i: sum(x.is_row_copy for x in function.blocks[i]))


def first_of_tile(function, path, loop):
    """What a loop over slices runs for the first of a tile alone: ways around parts of `path`, without copies of rows."""
    extra = []
    for at, branch in enumerate(path[:-1]):
        for other in function.blocks[branch].next:
            if other == path[at + 1] or not path[at + 1] > other > branch:
                continue
            way = function.shortest(other, path[at + 1], loop)
            made = function.instructions(way[:-1]) if way else []
            if made and not any(x.is_row_copy for x in made):
                extra += made
    return extra


class Hits:
    """What hits add to the look at a tile, from the vote of a warp on whether any lane has one; nothing in a kernel without.

    `chain`: instructions of asking each row of sums for its hits; `row`: of noting those of a row that has some, the mean over rows;
    `move`: of handing over what a lane noted.
    """

    def __init__(self, function, path):
        self.chain = self.row = self.move = 0
        voted = next((i for i, block in enumerate(path) if any(x.opcode == "REDUX" for x in function.blocks[block])), len(path))
        for block, end in zip(path[voted:], path[voted + 1:]):
            others = [other for other in function.blocks[block].next if block < other < end]
            if others:
                self._read(function, others[0], end)
                return

    def _read(self, function, first, end):
        within = (first, end)
        asked = function.shortest(first, end, within)
        if asked is None:
            return
        self.chain = len(function.instructions(asked[:-1]))
        rows = []
        for block in range(first, end):
            if not any(x.opcode in ("VOTE", "VOTEU") for x in function.blocks[block]):
                continue
            note = next((i for i in range(block, end) if any(x.opcode == "STS" for x in function.blocks[i])), None)
            if note is not None:
                rows.append(len(function.instructions(function.through([first, block, note, end], within)[:-1])) - self.chain)
        self.row = sum(rows) / len(rows) if rows else 0
        loop = function.loop([lambda x: x.opcode == "ATOMG", lambda x: x.opcode == "LDS"])
        if loop:
            stops = [i for i in range(loop[0], loop[1] + 1) if any(x.opcode in ("ATOMG", "STG") for x in function.blocks[i])]
            self.move = len(function.instructions(function.through(sorted({loop[0], *stops, loop[1]}), loop)))


class Together:
    """By mma.sync: all warps of a block load, multiply and look."""

    def __init__(self, function):
        inner = function.loop([is_tensor, lambda x: x.is_row_copy])
        if inner is None:
            raise ValueError("no loop with tensor instructions and copies")
        outer = around(function, inner)
        products = [i for i in range(inner[0], inner[1] + 1) if any(x.kind in ("tensor", "ldmatrix") for x in function.blocks[i])]
        path = function.through(sorted({inner[0], fullest_copies(function, inner), *products, inner[1]}), inner)
        #: A slice that is not the first of its tile.
        self.slice = function.instructions(path)
        #: What the first slice of a tile runs besides: sums become what thresholds take away, and a tile's facts are asked for.
        self.start = first_of_tile(function, path, inner)
        exits = [b for b in function.blocks[inner[1]].next if not inner[0] <= b <= inner[1]] or [inner[1] + 1]
        behind = function.shortest(exits[0], outer[0], (outer[0], max(outer[1], exits[0])), avoid=range(inner[0], inner[1] + 1))
        before = function.shortest(outer[0], inner[0], (outer[0], inner[0])) if outer[0] < inner[0] else [outer[0]]
        if behind is None or before is None:
            raise ValueError("no way from the last slice to the next tile")
        #: A tile without hits, from its last slice to the first of the next.
        self.look = function.instructions(behind + before[1:-1])
        self.hits = Hits(function, behind)
        self.prologue = len(before_products(self.slice))

    def of_tile(self, n_slices):
        """Instructions of a warp that multiplies, for a tile."""
        return self.slice * n_slices + self.start + self.look

    def of_loader(self, n_slices):
        """Of a warp that does nothing but load."""
        return []


class Apart:
    """By wgmma: some warps load; others multiply and look, the first slice of a tile outside of the loop over the others."""

    def __init__(self, function):
        inner, loading = function.loop([is_tensor]), function.loop([lambda x: x.is_row_copy, lambda x: x.opcode == "SYNCS"])
        if inner is None or loading is None:
            raise ValueError("no loop with tensor instructions, or none with copies")
        outer = around(function, inner)
        head, last = inner
        self.slice = function.instructions(function.through(sorted({head, *(
            i for i in range(head, last + 1) if any(map(is_tensor, function.blocks[i]))), last}), inner))
        multiplies = [i for i in range(outer[0], head) if any(map(is_tensor, function.blocks[i]))]
        if not multiplies:
            raise ValueError("no first slice before the loop over the others")
        behind = [function.shortest(multiplies[-1], outer[1], outer, avoid=range(head, last + 1))]
        path = function.through([outer[0], multiplies[-1]], outer)[:-1] + behind[0] if behind[0] else None
        if path is None:
            raise ValueError("no way from the first slice to the look")
        first = function.instructions(path)
        self.start, self.look = before_products(first), behind_products(first)
        self._first = first[len(self.start):len(first) - len(self.look)]
        self.hits = Hits(function, path)
        self.prologue = len(self.start)
        copies = fullest_copies(function, loading)
        publishes = [i for i in range(copies, loading[1] + 1) if any(x.opcode == "DEPBAR" for x in function.blocks[i])]
        path = function.through(sorted({loading[0], copies, *publishes, loading[1]}), loading)
        self.load = function.instructions(path)
        self.load_start = first_of_tile(function, path, loading)

    def of_tile(self, n_slices):
        return self.start + self._first + self.slice * (n_slices - 1) + self.look

    def of_loader(self, n_slices):
        return self.load * n_slices + self.load_start
