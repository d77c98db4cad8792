#!/usr/bin/env python3
"""Writes the PTX that Triton makes of a few kernels for sm_80 and sm_90: an oracle that shares no author with our kernels.

usage: make_ptx.py [FOLDER]        (with a Python that has triton; no GPU is needed)

Beside each FOLDER/<name>.ptx stands <name>.txt: kernel name, bytes of dynamic shared memory, warps a block.
"""
import pathlib
import re
import sys

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def matmul(a, b, c, n_rows, n_columns, depth, a_stride, b_stride, c_stride, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
           DEPTH: tl.constexpr, SUM: tl.constexpr, BY_ROWS: tl.constexpr):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inner = tl.arange(0, DEPTH)
    total = tl.zeros((ROWS, COLUMNS), dtype=SUM)
    for start in range(0, depth, DEPTH):
        at = start + inner
        left = tl.load(a + rows[:, None] * a_stride + at[None, :], mask=(rows[:, None] < n_rows) & (at[None, :] < depth), other=0)
        if BY_ROWS:
            place = at[:, None] * b_stride + columns[None, :]
        else:
            place = columns[None, :] * b_stride + at[:, None]
        right = tl.load(b + place, mask=(columns[None, :] < n_columns) & (at[:, None] < depth), other=0)
        total = tl.dot(left, right, total, out_dtype=SUM)
    tl.store(c + rows[:, None] * c_stride + columns[None, :], total, mask=(rows[:, None] < n_rows) & (columns[None, :] < n_columns))


@triton.jit
def softmax(x, y, n_columns, stride, WIDTH: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, WIDTH)
    values = tl.load(x + row * stride + at, mask=at < n_columns, other=-float("inf"))
    raised = tl.exp(values - tl.max(values, axis=0))
    tl.store(y + row * stride + at, raised / tl.sum(raised, axis=0), mask=at < n_columns)


@triton.jit
def atomic_sum(x, total, largest, n, WIDTH: tl.constexpr):
    at = tl.program_id(0) * WIDTH + tl.arange(0, WIDTH)
    values = tl.load(x + at, mask=at < n, other=0)
    tl.atomic_add(total, tl.sum(values, axis=0))
    tl.atomic_max(largest, tl.max(values, axis=0))


def divisible(kernel, names):
    return {(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in names}


def matmul_source(element, total, by_rows):
    signature = {name: "i32" for name in ("n_rows", "n_columns", "depth", "a_stride", "b_stride", "c_stride")}
    signature.update(a=f"*{element}", b=f"*{element}", c="*i32" if total is tl.int32 else "*fp32", ROWS="constexpr",
                     COLUMNS="constexpr", DEPTH="constexpr", SUM="constexpr", BY_ROWS="constexpr")
    constants = {"ROWS": 64, "COLUMNS": 32, "DEPTH": 32, "SUM": total, "BY_ROWS": by_rows}
    # Masks that whole vectors share let Triton copy by cp.async.
    whole = ["a", "b", "c", "depth", "a_stride", "b_stride", "c_stride"] + (["n_columns"] if by_rows else [])
    return ASTSource(matmul, signature=signature, constexprs=constants, attrs=divisible(matmul, whole))


def sources():
    for name, element, total, by_rows in (("matmul_bf16", "bf16", tl.float32, False), ("matmul_fp16", "fp16", tl.float32, True),
                                          ("matmul_tf32", "fp32", tl.float32, False), ("matmul_int8", "i8", tl.int32, False)):
        yield name, 80, matmul_source(element, total, by_rows), {"num_warps": 4, "num_stages": 3}
    # For Hopper the same products become wgmma: with rows of 64, 128 and 32 bytes, each in the swizzle of its width.
    for name, element, total in (("wgmma_bf16", "bf16", tl.float32), ("wgmma_tf32", "fp32", tl.float32), ("wgmma_int8", "i8", tl.int32)):
        yield name, 90, matmul_source(element, total, False), {"num_warps": 4, "num_stages": 3}
    yield "softmax", 80, ASTSource(softmax, signature={"x": "*fp32", "y": "*fp32", "n_columns": "i32", "stride": "i32", "WIDTH": "constexpr"},
                               constexprs={"WIDTH": 256}), {"num_warps": 4}
    yield "atomic_sum", 80, ASTSource(atomic_sum, signature={"x": "*i32", "total": "*i32", "largest": "*i32", "n": "i32",
                                                         "WIDTH": "constexpr"}, constexprs={"WIDTH": 512}), {"num_warps": 4}


def readable(ptx):
    """Without debugging sections and comments, which hold paths of the machine."""
    ptx = ptx.split("\t.section")[0].rstrip() + "\n"
    ptx = re.sub(r'(\.file\s+\d+ )".*/', r'\1"', ptx)
    ptx = re.sub(r"[ \t]*//.*", "", ptx)
    return re.sub(r"\n{2,}", "\n", ptx.replace("\0", ""))


def make(folder):
    for name, capability, source, options in sources():
        kernel = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
        (folder / f"{name}.ptx").write_text(readable(kernel.asm["ptx"]))
        (folder / f"{name}.txt").write_text(f"{kernel.metadata.name} {kernel.metadata.shared} {kernel.metadata.num_warps}\n")


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
