"""Machine code as nvdisasm prints it: instructions, the flow between blocks of them, loops, and the paths that a steady state takes."""
import collections
import heapq
import re

SECTION = re.compile(r"^\s*\.section\s+\.text\.([^,\s]+)")
LABEL = re.compile(r"^(\.L_x_\d+):")
INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]+\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z0-9_]+)((?:\.[A-Za-z0-9_]+)*)\s*(.*?)\s*;")
TARGET = re.compile(r"`\((\.L_x_\d+)\)")

# What an instruction is, for tables.
KINDS = {
    "tensor": {"HMMA", "IMMA", "QMMA", "HGMMA", "IGMMA", "QGMMA"},
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
        if self.predicate == "!PT":  # what the compiler puts before copies; it never runs
            return "other"
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


def count(instructions):
    """{kind: how many}, with "all" and "alu" (of the pipe of 64 lanes)."""
    kinds = collections.Counter(instruction.kind for instruction in instructions)
    kinds["all"] = len(instructions)
    kinds["alu"] = sum(instruction.opcode in ALU for instruction in instructions)
    return kinds
