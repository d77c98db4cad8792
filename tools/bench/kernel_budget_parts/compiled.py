"""The scan kernels as ptxas makes them: registers, spills and machine code; and the sizes that they were compiled with."""
import concurrent.futures
import dataclasses
import functools
import os
import re
import subprocess
import tempfile

from . import sass, scans
from .budget import FormSizes, Sizes

# A mangled name: scan_kernel or another form of it, its dtype, its queries, and what it looks for.
NAME = re.compile(r"\d(scan_(?:\w+_)?kernel)ILN\w*?DTypeE\dELi(\d+)EL(?:b|N\w*?ScanForE)(\d)E")
FORMS = {"scan_kernel": "mma", "scan_wgmma_kernel": "wgmma"}
WGMMA_SM = "90a"  # elsewhere that form is a trap
PURPOSES = {"0": "candidates", "1": "sample", "2": "best of buckets"}
CANDIDATES, SAMPLE = "0", "1"
ENTRY = re.compile(r"Compiling entry function '(\w+)'[^\n]*\n(.*?)(?=Compiling entry function|\Z)", re.S)

# What the headers say, as data of a module, which nvcc prints without a device: rows of FormSizes, and Sizes.
PROBE = """
#include "kernels/cuda/scan_mma.cuh"
#include "kernels/cuda/scan_wgmma.cuh"
using namespace segue::kernels;
using namespace segue::kernels::cuda;
template <int q> using Mma = ScanByMma<DType::kBFloat16, q>;
template <int q> using Wgmma = ScanByWgmma<DType::kBFloat16, q>;
extern "C" __device__ const int mma_sizes[] = {MMA_ROWS};
extern "C" __device__ const int wgmma_sizes[] = {WGMMA_ROWS};
extern "C" __device__ const int shared_sizes[] = {kTileItems, kSliceBytes, kWarpHits, sizeof(TileFacts), sizeof(WarpHits), sizeof(QueryBound)};
"""
FIELDS = "F::kQueries, F::kSizes.threads, F::kSizes.hit_warps, F::kSizes.stages, F::kSizes.facts, F::kItemWarps * 4 * F::kBucketParts"
N_OF_ROW = 7


@dataclasses.dataclass
class Kernel:
    sm: str
    nominators: str
    form: str  # "mma" or "wgmma"
    block_queries: int
    purpose: str  # of PURPOSES
    registers: int
    stack_bytes: int
    spilled_bytes: int
    function: sass.Function = None
    of_budget: bool = True  #: for candidates or a sample, by a form that the architecture has; others are looked at for spills alone

    @functools.cached_property
    def scan(self):
        return (scans.Apart if self.form == "wgmma" else scans.Together)(self.function)

    @property
    def samples(self):
        return self.purpose == SAMPLE

    @property
    def label(self):
        return f"{self.block_queries} wgmma" if self.form == "wgmma" else str(self.block_queries)

    def spills(self):
        """Whether anything of a thread lies in local memory: by ptxas, or by the machine code."""
        return bool(self.stack_bytes or self.spilled_bytes or any(x.kind == "local" for block in self.function.blocks for x in block))


def data_of(ptx, name):
    """The ints of a constant in PTX, whose last bytes are left out where they are zeros."""
    n_bytes, text = re.search(rf"{name}\[(\d+)\] = \{{([^}}]*)\}}", ptx).groups()
    written = bytes(int(part) for part in text.split(",")).ljust(int(n_bytes), b"\0")
    return [int.from_bytes(written[i:i + 4], "little") for i in range(0, len(written), 4)]


def read_sizes(nvcc, root):
    """Constants of the kernels, by their compiler."""
    code = lambda kind, queries, blocks: FIELDS.replace("F::", f"{kind}<{queries}>::") + f", {blocks}"
    mma = ", ".join(code("Mma", queries, f"Mma<{queries}>::kBlocksPerProcessor") for queries in (16, 64, 128))
    wgmma = ", ".join(code("Wgmma", queries, 1) for queries in (128, 256))
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "sizes.cu")
        with open(source, "w") as file:
            file.write(PROBE.replace("WGMMA_ROWS", wgmma).replace("MMA_ROWS", mma))
        ptx = subprocess.run([nvcc, "-std=c++17", f"-I{root}", f"-I{root / 'src'}", "-arch=sm_80", "-ptx", "-o", "-", source],
                             check=True, capture_output=True, text=True).stdout
    forms = {}
    for form in FORMS.values():
        values = data_of(ptx, form + "_sizes")
        for at in range(0, len(values), N_OF_ROW):
            forms[form, values[at]] = FormSizes(*values[at + 1:at + N_OF_ROW])
    return Sizes(*data_of(ptx, "shared_sizes"), forms)


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
    made = []
    for name, function in sass.functions(code).items():
        match = NAME.search(name)
        if not match:
            continue
        form = FORMS[match.group(1)]
        counts = match.group(3) in (CANDIDATES, SAMPLE) and (form == "mma" or sm == WGMMA_SM)
        made.append(Kernel(sm, nominators, form, int(match.group(2)), match.group(3), *used[name], function, counts))
    return made


def compile_all(nvcc, nvdisasm, root, folder, sms, dtypes):
    """({(sm, nominators): {(form, block_queries, samples): Kernel}}, all kernels)"""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [(sm, nominators) for sm in sms for nominators in dtypes]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(lambda pair: kernels_of(nvcc, nvdisasm, root, folder, *pair), pairs))
    of_budget = {pair: {(kernel.form, kernel.block_queries, kernel.samples): kernel for kernel in kernels if kernel.of_budget}
                 for pair, kernels in zip(pairs, made)}
    return of_budget, [kernel for kernels in made for kernel in kernels]
