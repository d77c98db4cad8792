"""Machine code as nvdisasm prints it: instructions, the flow between blocks of them, loops, and the paths that a steady state takes."""
import collections
import heapq
import re

SECTION = re.compile(r"^\s*\.section\s+\.text\.([^,\s]+)")
LABEL = re.compile(r"^(\.L_x_\d+):")
INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]+\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z0-9_]+)((?:\.[A-Z0-9_]+)*)\s*(.*?)\s*;")
TARGET = re.compile(r"`\((\.L_x_\d+)\)")

# What an instruction is, for tables.
KINDS = {
    "tensor": {"HMMA", "IMMA", "QMMA"},
    "ldmatrix": {"LDSM"},
    "copy": {"LDGSTS"},
    "shared": {"LDS", "STS", "ATOMS"},
    "global": {"LDG", "STG", "ATOMG", "RED", "REDG", "LD", "ST"},
    "local": {"LDL", "STL"},
    "compare": {"FSETP", "ISETP", "FMNMX", "FMNMX3", "IMNMX", "VIMNMX", "VIMNMX3", "PLOP3", "VOTE", "P2R", "R2P", "FSET"},
}
# The pipe of 64 lanes a clock and multiprocessor; IMAD and the arithmetic of floats have one of their own.
ALU = (KINDS["compare"] - {"VOTE"}) | {
    "LOP3", "LOP", "SEL", "FSEL", "SHF", "SHL", "SHR", "IADD3", "IADD", "VIADD", "LEA", "PRMT", "MOV", "CS2R", "BMSK", "IABS", "SGXT", "LOP32I",
    "IADD32I", "FLO", "POPC", "BREV"}


class Instruction(collections.namedtuple("Instruction", "predicate opcode modifiers operands")):
    @property
    def kind(self):
        return next((kind for kind, opcodes in KINDS.items() if self.opcode in opcodes), "other")

    @property
    def is_row_copy(self):
        """One of the copies of 16 bytes a lane by which a stage is filled."""
        return self.opcode == "LDGSTS" and ".128" in self.modifiers


class Block(list):
    """Instructions that run one after another; `next` are the indices of the blocks that may follow."""

    def __init__(self):
        super().__init__()
        self.next = []


def functions(text):
    """{mangled name: Function} of what `nvdisasm -c` printed."""
    found, name, lines = {}, None, []
    for line in [*text.splitlines(), ".section .text.,"]:
        section = re.match(r"^\s*\.section\s", line)
        if section:
            if name:
                found[name] = Function(lines)
            match = SECTION.match(line)
            name, lines = (match.group(1) if match else None), []
        elif name is not None:
            lines.append(line)
    return found


class Function:
    """The blocks of a function in the order of their addresses, without the ways that only a diverged warp takes."""

    def __init__(self, lines):
        labels, blocks, targets = {}, [Block()], []
        falls = []  # whether a block runs on into the next
        def close(falls_through, target=None):
            targets.append(target)
            falls.append(falls_through)
            blocks.append(Block())
        for line in lines:
            label = LABEL.match(line)
            if label:
                if blocks[-1]:
                    close(True)
                labels[label.group(1)] = len(blocks) - 1
                continue
            match = INSTRUCTION.match(line)
            if not match:
                continue
            made = Instruction(*match.groups())
            blocks[-1].append(made)
            target = TARGET.search(made.operands)
            conditional = made.predicate is not None
            if made.opcode == "BRA":
                diverged = ".DIV" in made.modifiers
                conditional = conditional or re.match(r"!?UP\d", made.operands) is not None
                close(conditional or diverged, None if diverged else target.group(1) if target else None)
            elif made.opcode == "CALL" and target:
                close(conditional, target.group(1))
            elif made.opcode in ("EXIT", "RET"):
                close(conditional)
        targets.append(None)
        falls.append(False)
        for i, block in enumerate(blocks):
            block.next = [i + 1] if falls[i] and i + 1 < len(blocks) else []
            if targets[i] in labels:
                block.next.append(labels[targets[i]])
        self.blocks = blocks

    def back_edges(self):
        """[(first block, last block)] of loops, by addresses."""
        return [(head, last) for last, block in enumerate(self.blocks) for head in block.next if head <= last]

    def loop(self, wanted):
        """The smallest loop that holds, for each of `wanted`, an instruction it is true of; None where there is none."""
        holding = [(last - head, head, last) for head, last in self.back_edges()
                   if all(any(want(instruction) for block in self.blocks[head:last + 1] for instruction in block) for want in wanted)]
        return min(holding)[1:] if holding else None

    def shortest(self, start, goal, within, avoid=()):
        """Blocks from `start` to `goal`, the fewest instructions, staying between the addresses of `within`; None: no way."""
        queue, seen = [(0, [start])], set()
        while queue:
            cost, path = heapq.heappop(queue)
            at = path[-1]
            if at == goal and len(path) > (1 if start == goal else 0):
                return path
            if at in seen and at != start:
                continue
            seen.add(at)
            for following in self.blocks[at].next:
                if within[0] <= following <= within[1] and following not in avoid:
                    heapq.heappush(queue, (cost + len(self.blocks[following]), [*path, following]))
        return None

    def through(self, stops, within):
        """The shortest way over all `stops` (blocks, in order)."""
        path = [stops[0]]
        for start, goal in zip(stops, stops[1:]):
            if start == goal:
                continue
            part = self.shortest(start, goal, within)
            if part is None:
                raise ValueError(f"no way from block {start} to block {goal}")
            path += part[1:]
        return path

    def instructions(self, path):
        return [instruction for index in path for instruction in self.blocks[index]]


class Scan:
    """The parts of a scan kernel: what a warp runs for each slice, for each tile, and for each hit."""

    def __init__(self, function):
        self.function = function
        self.inner = function.loop([lambda i: i.kind == "tensor", lambda i: i.is_row_copy])
        if self.inner is None:
            raise ValueError("no loop with tensor instructions and copies")
        outer = [(last - head, head, last) for head, last in function.back_edges()
                 if (head < self.inner[0] and last >= self.inner[1]) or (head <= self.inner[0] and last > self.inner[1])]
        if not outer:
            raise ValueError("no loop around that of the slices")
        self.outer = min(outer)[1:]
        head, last = self.inner
        holds = lambda want: [i for i in range(head, last + 1) if any(want(x) for x in function.blocks[i])]
        products = holds(lambda i: i.kind in ("tensor", "ldmatrix"))
        stops = [head, *holds(lambda i: i.is_row_copy), *products, last]
        path = function.through(sorted(set(stops)), self.inner)
        #: A slice that is not the first of its tile, and whose block does not move its hits.
        self.slice = function.instructions(path)
        #: What the first slice of a tile runs besides: sums become zeros.
        self.begin = self._begin(path, products[0])
        self.epilogue_path = self._epilogue()
        #: A tile without hits, behind its last slice.
        self.epilogue = function.instructions(self.epilogue_path)

    def _begin(self, path, products):
        at = path.index(products)
        for i in range(at - 1, 0, -1):
            branch = path[i]
            others = [b for b in self.function.blocks[branch].next if b != path[i + 1] and self.inner[0] < b <= self.inner[1]]
            for other in others:
                way = self.function.shortest(other, products, self.inner)
                made = self.function.instructions(way[:-1]) if way else []
                if any(x.opcode in ("CS2R", "MOV", "IMAD") for x in made) and not any(x.kind == "copy" for x in made):
                    return made
        return []

    def _epilogue(self):
        exits = [b for b in self.function.blocks[self.inner[1]].next if not self.inner[0] <= b <= self.inner[1]]
        if not exits:  # the loop is left by a jump back to its head's neighbour
            exits = [self.inner[1] + 1]
        head, last = self.outer
        path = self.function.shortest(exits[0], head, (head, max(last, exits[0])), avoid=range(self.inner[0], self.inner[1] + 1))
        if path is None:
            raise ValueError("no way from the last slice to the next tile")
        return path[:-1] if path[-1] == head else path

    def prologue_of_slice(self):
        """Instructions of a slice before its first tensor instruction: nothing of the block hides them."""
        return next(i for i, x in enumerate(self.slice) if x.kind == "tensor")

    def hit(self):
        """Instructions of one hit of a warp: from the vote on it to the next, through the atomic counter in shared memory. The mean
        over the places where a hit may be found; 0 for a kernel without."""
        costs = []
        path = self.epilogue_path
        for index, branch in enumerate(path[:-1]):
            others = [b for b in self.function.blocks[branch].next if b != path[index + 1]]
            for other in others:
                if other <= branch:
                    continue
                end = path[index + 1]
                counters = [i for i in range(other, max(end, other) + 1) if any(x.opcode == "ATOMS" for x in self.function.blocks[i])]
                if not counters:
                    continue
                within = (other, max(end, counters[0]))
                first = self.function.shortest(other, counters[0], within) or [other]
                rest = self.function.shortest(counters[0], end, within)
                if rest:
                    costs.append(len(self.function.instructions(first)) + len(self.function.instructions(rest[1:-1])))
        return sum(costs) / len(costs) if costs else 0.0


def count(instructions):
    """{kind: how many}, with "all" and "alu" (of the pipe of 64 lanes)."""
    kinds = collections.Counter(instruction.kind for instruction in instructions)
    kinds["all"] = len(instructions)
    kinds["alu"] = sum(instruction.opcode in ALU for instruction in instructions)
    return kinds
