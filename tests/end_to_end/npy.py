"""NumPy's files without NumPy, by their published layout alone."""
import array
import ast
import math
import pathlib

CODES = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q"}


def write_npy(path, values, shape, descr="<f4"):
    """The flat `values` as an array of `shape`."""
    assert len(values) == math.prod(shape)
    literal = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)!r}, }}"
    literal += " " * (-(10 + len(literal) + 1) % 64) + "\n"
    header = b"\x93NUMPY\x01\x00" + len(literal).to_bytes(2, "little") + literal.encode()
    pathlib.Path(path).write_bytes(header + array.array(CODES[descr], values).tobytes())
    return path


def read_npy(path):
    """(shape, flat values)"""
    content = pathlib.Path(path).read_bytes()
    assert content.startswith(b"\x93NUMPY\x01\x00")
    end = 10 + int.from_bytes(content[8:10], "little")
    header = ast.literal_eval(content[10:end].decode())
    assert not header["fortran_order"]
    return header["shape"], array.array(CODES[header["descr"]], content[end:])
