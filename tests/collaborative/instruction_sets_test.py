"""Code for an instruction set that a machine may lack stays where only the choice at run time reaches it.

An inline function that several files compile is linked once, from any of them. The files of src/collaborative that are
compiled for AVX2 or AVX-512 may therefore hold no inline function but those of their own Eigen.
"""
import os
import pathlib
import shutil
import subprocess
import unittest

BUILD = pathlib.Path(os.environ["SEGUE_BUILD_DIR"])


class InlineFunctions(unittest.TestCase):
    def weak_symbols(self, instruction_set):
        found = list((BUILD / "src/collaborative").rglob(f"dense_{instruction_set}.cc.o"))
        if not found:
            self.skipTest("not compiled for this processor")
        listing = subprocess.run(["nm", "--defined-only", "-C", str(found[0])], capture_output=True, text=True, check=True)
        return [line.split(maxsplit=2)[2] for line in listing.stdout.splitlines() if " W " in line]

    def setUp(self):
        if not shutil.which("nm"):
            self.skipTest("nm is not installed")
        if "CMAKE_BUILD_TYPE:STRING=Release" not in (BUILD / "CMakeCache.txt").read_text():
            self.skipTest("less is inlined without optimisation")

    def test_are_those_of_their_own_eigen(self):
        for instruction_set, name in (("avx2", "EigenAvx2::"), ("avx512", "EigenAvx512::")):
            with self.subTest(instruction_set):
                symbols = self.weak_symbols(instruction_set)
                self.assertTrue(symbols)
                self.assertEqual([symbol for symbol in symbols if name not in symbol], [])


if __name__ == "__main__":
    unittest.main()
