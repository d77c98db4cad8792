"""tools/check/gpu where no GPU is: its dry run, and what it makes of programs that fail, hang or are not there."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("SEGUE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(ROOT / "tools" / "check"))
from gpu_parts import comparison, facts, step

GOOD = '{"kind": "top_k", "form": "bfloat16:bfloat16", "n": 1000000, "dim": 128, "queries": 1024, "k": 100, "ms": 0.5, "ms_in_a_row": 0.45, "equal": true}'
FLOORS = ('{"kind": "floor", "what": "copy", "gb_s": 4000}', '{"kind": "floor", "what": "mma.sync", "dtype": "bfloat16", "tflop_s": 600}')
TESTS = '''for argument in "$@"; do case $argument in --gtest_output=xml:*) echo '<testsuites tests="3" failures="0" errors="0" disabled="0"/>' > "${argument#*xml:}";; esac; done'''


class Programs:
    """A folder with stand-ins for kernels_test and cuda_top_k."""

    def __init__(self, bench, tests=TESTS):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        for name, body in (("cuda_top_k", bench), ("kernels_test", tests)):
            if body is not None:
                (self.path / name).write_text(f"#!/bin/bash\n{body}\n")
                (self.path / name).chmod(0o755)

    def check(self, *arguments):
        """(exit status, result)"""
        out = self.path / "out" / "gpu.json"
        ran = subprocess.run([sys.executable, ROOT / "tools" / "check" / "gpu", "--dry-run", "--build", self.path, "--out", out, "--python", "/bin/false",
                              *arguments], capture_output=True, text=True)
        return ran.returncode, json.loads(out.read_text())


def printing(*lines):
    return "\n".join(f"echo '{line}'" for line in lines)


class DryRun(unittest.TestCase):
    def test_every_step_has_an_outcome(self):
        status, result = Programs(printing(*FLOORS, GOOD)).check()
        self.assertEqual(status, 0, result["steps"])
        self.assertEqual(list(result["steps"]), ["facts", "build", "contract tests", "tests by mma", "memcheck", "racecheck", "our top-k by mma",
                                                 "our top-k", "torch's top-k", "comparison"])
        self.assertEqual(result["steps"]["contract tests"]["counts"]["tests"], 3)
        self.assertEqual(result["steps"]["torch's top-k"]["status"], "skipped")
        self.assertEqual(result["verdict"], "passed")
        # 2 x 1,024 x 1M x 128 at 600 TFLOP/s are 0.437 ms, and 256 MB at 4 TB/s only 0.064.
        row = result["comparison"][0]
        self.assertAlmostEqual(row["floor_ms"], 0.43691, 4)
        self.assertEqual(row["bound_by"], "products")
        self.assertEqual([told["met"] for told in result["targets"]], [True])

    def test_without_a_device_the_bench_is_skipped_with_its_reason(self):
        status, result = Programs(printing('{"kind": "skipped", "reason": "no CUDA device"}')).check()
        self.assertEqual(status, 0)
        self.assertEqual(result["steps"]["our top-k"]["reason"], "no CUDA device")

    def test_programs_that_are_not_there_are_named(self):
        _, result = Programs(None).check()
        self.assertIn("no cuda_top_k", result["steps"]["our top-k"]["reason"])

    def test_another_binary_for_the_bench(self):
        other = Programs(printing(GOOD))
        status, result = Programs(None).check("--bench-binary", str(other.path / "cuda_top_k"))
        self.assertEqual((status, len(result["ours"])), (0, 1))
        self.assertIsNone(result["comparison"][0]["floor_ms"])


class WhatGoesWrong(unittest.TestCase):
    def test_a_hanging_bench_is_killed_and_what_it_printed_is_kept(self):
        status, result = Programs(printing(*FLOORS, GOOD) + "\nprintf '{\"kind\": \"top_'\nsleep 600").check("--seconds", "10")
        self.assertEqual(status, 1)
        self.assertEqual(result["steps"]["our top-k"]["status"], "failed")
        self.assertIn("killed", result["steps"]["our top-k"]["reason"])
        self.assertEqual(len(result["ours"]), 1)
        self.assertEqual(result["verdict"], "failed: our top-k")

    def test_a_wrong_list_fails(self):
        wrong = GOOD.replace("true", 'false, "differs": "query 0, rank 3"')
        status, result = Programs(printing(wrong) + "\nexit 1").check()
        self.assertEqual(status, 1)
        self.assertIn("query 0, rank 3", result["steps"]["our top-k"]["reason"])
        self.assertEqual(len(result["comparison"]), 1)

    def test_failing_tests_are_named_and_the_other_steps_run(self):
        status, result = Programs(printing(GOOD), "echo '[  FAILED  ] TopK.ByHand (1 ms)'; exit 1").check()
        self.assertEqual(status, 1)
        self.assertIn("TopK.ByHand", result["steps"]["contract tests"]["reason"])
        self.assertEqual(result["steps"]["our top-k"]["status"], "passed")

    def test_without_a_dry_run_a_missing_device_fails(self):
        if facts.device():
            self.skipTest("a device is there")
        programs = Programs(printing(GOOD))
        out = programs.path / "gpu.json"
        ran = subprocess.run([sys.executable, ROOT / "tools" / "check" / "gpu", "--build", programs.path, "--out", out, "--python", "/bin/false"],
                             capture_output=True, text=True)
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(json.loads(out.read_text())["steps"]["facts"]["status"], "failed")


class Parts(unittest.TestCase):
    def test_a_tree_without_git_has_a_hash_of_its_kernels(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "kernels").mkdir()
            (root / "kernels" / "top_k.h").write_text("one")
            one = facts.revision(root)
            self.assertIsNone(one["commit"])
            (root / "kernels" / "top_k.h").write_text("other")
            self.assertNotEqual(one["kernels_sha256"], facts.revision(root)["kernels_sha256"])

    def test_a_killed_command_takes_its_children_along(self):
        status, lines, _, seconds = step.run(["bash", "-c", "echo begun; sleep 300 & wait"], 1)
        self.assertIsNone(status)
        self.assertEqual(lines, ["begun"])
        self.assertLess(seconds, 30)

    def test_few_queries_are_bound_by_the_copy(self):
        line = {"form": "float32:int8", "n": 1_000_000, "dim": 128, "queries": 1, "k": 10}
        floor, binds = comparison.floor_ms(line, 4000, {"int8": 1000})
        self.assertEqual(binds, "copy")
        self.assertAlmostEqual(floor, 128e6 / 4e12 * 1e3, 4)

    def test_peers_of_the_same_shape_alone(self):
        ours = [json.loads(GOOD)]
        peer = {"peer": "torch", "n": 1_000_000, "dim": 128, "queries": 1024, "k": 100, "ms": 5.0}
        rows = comparison.compare(ours, [peer, peer | {"k": 10, "peer": "other"}], [])
        self.assertEqual(rows[0]["times_as_fast_as"], {"torch": 10.0})


@unittest.skipUnless(os.environ.get("SEGUE_TORCH_PYTHON"), "needs an interpreter with torch: SEGUE_TORCH_PYTHON")
class Peers(unittest.TestCase):
    def test_both_forms_find_the_same_on_the_cpu(self):
        ran = subprocess.run([os.environ["SEGUE_TORCH_PYTHON"], ROOT / "tools" / "check" / "gpu_parts" / "peers.py", "--device", "cpu", "--n", "9000", "--dims",
                              "16", "--queries", "3", "--k", "5", "--seconds", "0"], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        self.assertEqual(len(lines), 4)
        self.assertEqual([line["recall"] for line in lines if "float32" in line["peer"]], [1.0, 1.0])


if __name__ == "__main__":
    unittest.main()
