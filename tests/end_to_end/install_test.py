"""`cmake --install` gives a tree that runs after a move, when the virtual environment is out of reach."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from program import BUILD, SOURCE, environment, files_below, good, make_world, segue, write_config


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = work = pathlib.Path(cls.directory.name)
        subprocess.run(["cmake", "--install", BUILD, "--prefix", work / "first"], check=True, stdout=subprocess.DEVNULL)
        shutil.move(work / "first", work / "moved")
        cls.program = work / "moved" / "bin" / "segue"
        cls.venv = (SOURCE / ".venv").resolve()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def test_every_library_is_found_in_the_moved_tree_or_the_system(self):
        listing = subprocess.run(["ldd", self.program], capture_output=True, text=True, check=True, env=environment()).stdout
        self.assertNotIn("not found", listing)
        self.assertNotIn(str(self.venv), listing)
        inside = [line for line in listing.splitlines() if str((self.work / "moved").resolve()) in os.path.realpath(line.split("=>")[-1].split()[0])]
        for library in ("libtorch_cpu", "libc10", "libarrow", "libparquet", "libyaml-cpp"):
            self.assertTrue(any(library in line for line in inside), f"{library} does not come from the tree:\n{listing}")

    def test_nothing_is_opened_below_the_virtual_environment(self):
        done = subprocess.run([self.program, "doctor"], capture_output=True, text=True, env=environment(LD_DEBUG="files"), check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertNotIn(str(self.venv), done.stderr)

    def test_it_recommends_with_the_virtual_environment_hidden(self):
        make_world(self.work, trips=500, tests=20)
        good("train", write_config(self.work, epochs=1))
        good("export", self.work / "run", "--out", self.work / "bundle")
        good("recommend", self.work / "bundle", "--histories", self.work / "data" / "test_histories.csv", "--out", self.work / "expected")
        arguments = ["recommend", self.work / "bundle", "--histories", self.work / "data" / "test_histories.csv", "--out", self.work / "out"]
        hide = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none '{self.venv}' && exec \"$@\"", "sh"]
        if subprocess.run([*hide, "true"], capture_output=True, check=False).returncode != 0:
            hide = []  # No right to mount: the two tests above still say that nothing is read from there.
        done = subprocess.run([*hide, self.program, *map(str, arguments)], capture_output=True, text=True, env=environment(), check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertEqual(files_below(self.work / "out"), files_below(self.work / "expected"))

    def test_version(self):
        self.assertEqual(segue("--version", program=self.program).code, 0)


if __name__ == "__main__":
    unittest.main()
