"""The scan kernels as ptxas makes them: registers, spills and machine code."""
import concurrent.futures
import dataclasses
import functools
import os
import re
import subprocess

from . import sass
from .budget import Sizes

# A mangled name: scan_kernel or another form of it, its dtype, its queries, and what it looks for, as a bool or as an enum.
NAME = re.compile(r"\d(scan_(?:\w+_)?kernel)ILN\w*?DTypeE\dELi(\d+)EL(?:b|N\w*?ScanForE)(\d)E")
MMA_KERNEL, CANDIDATES, SAMPLE = "scan_kernel", "0", "1"
ENTRY = re.compile(r"Compiling entry function '(\w+)'[^\n]*\n(.*?)(?=Compiling entry function|\Z)", re.S)


@dataclasses.dataclass
class Kernel:
    sm: str
    nominators: str
    block_queries: int
    samples: bool
    registers: int
    stack_bytes: int
    spilled_bytes: int
    function: sass.Function = None
    of_budget: bool = True  #: by mma.sync, for candidates or a sample; others are looked at for spills alone

    @functools.cached_property
    def scan(self):
        return sass.Scan(self.function)

    def spills(self):
        """Whether anything of a thread lies in local memory: by ptxas, or by the machine code."""
        return bool(self.stack_bytes or self.spilled_bytes or any(x.kind == "local" for block in self.function.blocks for x in block))


def read_sizes(root):
    """Constants out of the kernels' own headers."""
    text = (root / "kernels/cuda/scan_shared.cuh").read_text() + (root / "kernels/cuda_items.h").read_text()
    value = lambda name: int(re.search(rf"constexpr \S+ {name} = (\d+)", text).group(1))
    return Sizes(value("kCudaTileItems"), value("kSliceBytes"), value("kStages"), value("kHits"))


def resources(log):
    """{mangled name: (registers, stack bytes, bytes of spills)} of what `ptxas -v` said."""
    found = {}
    for name, body in ENTRY.findall(log):
        stack, stored, loaded = map(int, re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", body).groups())
        found[name] = (int(re.search(r"Used (\d+) registers", body).group(1)), stack, stored + loaded)
    return found


def kernels_of(nvcc, nvdisasm, root, folder, sm, nominators):
    """Compiles with the flags of the build (tools/cmake/cuda.cmake, Release)."""
    cubin = folder / f"scan_{nominators}_{sm}.cubin"
    built = subprocess.run(
        [nvcc, "-std=c++17", "-O3", "-DNDEBUG", "--fmad=false", f"-I{root}", f"-I{root / 'src'}", f"-arch=sm_{sm}", "-cubin", "-Xptxas", "-v", "-o",
         cubin, root / "kernels" / "cuda" / f"scan_{nominators}.cu"], capture_output=True, text=True)
    if built.returncode != 0:
        raise SystemExit(f"nvcc failed for sm_{sm}, {nominators}:\n{built.stderr}")
    code = subprocess.run([nvdisasm, "-c", cubin], check=True, capture_output=True, text=True).stdout
    used = resources(built.stderr)
    return [Kernel(sm, nominators, int(match.group(2)), match.group(3) == SAMPLE, *used[name], function,
                   match.group(1) == MMA_KERNEL and match.group(3) in (CANDIDATES, SAMPLE))
            for name, function in sass.functions(code).items() if (match := NAME.search(name))]


def compile_all(nvcc, nvdisasm, root, folder, sms, dtypes):
    """({(sm, nominators): {(block_queries, samples): Kernel}}, all kernels)"""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [(sm, nominators) for sm in sms for nominators in dtypes]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(lambda pair: kernels_of(nvcc, nvdisasm, root, folder, *pair), pairs))
    of_budget = {pair: {(kernel.block_queries, kernel.samples): kernel for kernel in kernels if kernel.of_budget} for pair, kernels in zip(pairs, made)}
    return of_budget, [kernel for kernels in made for kernel in kernels]
