"""Makes the Triton kernels anew and compares them with those of the repository; runs the new ones on the software device.

Needs a Python with triton: this one, the one that SEGUE_TRITON_PYTHON names, or .venv-python of the source tree.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def python_with_triton():
    source = pathlib.Path(os.environ.get("SEGUE_SOURCE_DIR", HERE.parents[2]))
    for candidate in (os.environ.get("SEGUE_TRITON_PYTHON"), sys.executable, source / ".venv-python/bin/python"):
        if candidate and subprocess.run([candidate, "-c", "import triton"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def opcodes(ptx):
    """The opcodes of a kernel with their modifiers."""
    return sorted(set(re.findall(r"^\s*(?:@!?%p\d+\s+)?([a-z][a-z0-9_]*(?:\.[\w:]+)*)\b", ptx, flags=re.M)))


class TritonKernels(unittest.TestCase):
    def setUp(self):
        self.python = python_with_triton()
        if self.python is None:
            self.skipTest("no Python with triton")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        environment = {**os.environ, "TRITON_CACHE_DIR": self.folder.name + "/cache"}
        subprocess.run([self.python, HERE / "make_ptx.py", self.folder.name], check=True, env=environment)

    def test_use_the_opcodes_of_those_in_the_repository(self):
        for kept in sorted(HERE.glob("*.ptx")):
            with self.subTest(kept.name):
                self.assertEqual(opcodes((pathlib.Path(self.folder.name) / kept.name).read_text()), opcodes(kept.read_text()))

    def test_are_right_on_the_software_device(self):
        environment = {**os.environ, "SEGUE_TRITON_PTX": self.folder.name}
        environment.pop("GTEST_OUTPUT", None)
        subprocess.run([os.environ["SEGUE_PTX_TEST"], "--gtest_filter=Triton.*"], check=True, env=environment)


if __name__ == "__main__":
    unittest.main()
