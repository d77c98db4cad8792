"""`segue recommend`, stopped or killed half way and resumed, ends in the bytes of a run that was never stopped."""
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
from program import PROGRAM, environment, files_below, good, make_world, segue, write_config  # noqa: E402

N_HISTORIES = 20000


class ResumeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = work = pathlib.Path(cls.directory.name)
        make_world(work, trips=1000, tests=N_HISTORIES)
        config = write_config(work, epochs=1, edit=lambda text: text.replace("item: city,", "item: city_id,"))
        good("prepare", config)
        good("train", config)
        good("export", work / "run", "--out", work / "bundle")
        good(*cls.command("whole"))

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    @classmethod
    def command(cls, out, *more):
        return ["recommend", cls.work / "bundle", "--histories", cls.work / "data" / "test_histories.csv", "--out", cls.work / out,
                "recommend.shard_histories=500", "threads=1", *more]

    def stopped(self, out, signal_number, code, *more):
        process = subprocess.Popen([PROGRAM, *map(str, self.command(out, *more))], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None and not list((self.work / out).glob("part-00002-*")):
            time.sleep(0.001)
        process.send_signal(signal_number)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, err)
        left = files_below(self.work / out)
        self.assertNotIn("_SUCCESS", left)
        finished = {name for name in left if name.startswith("part-") and ".tmp" not in name}
        self.assertGreaterEqual(len(finished), 2)
        self.assertLess(len(finished), N_HISTORIES // 500)
        return err

    def test_terminated_and_resumed(self):
        self.assertIn("--resume", self.stopped("terminated", signal.SIGTERM, 143))
        result = segue(*self.command("terminated"))
        self.assertEqual(result.code, 2, "unfinished recommendations are refused without --resume")
        self.assertIn("--resume", result.err)
        other = segue(*self.command("terminated", "recommend.k=3", "--resume"))
        self.assertEqual(other.code, 2, "other options cannot go on with them")
        resumed = good(*self.command("terminated", "--resume", "--json")).json
        self.assertGreaterEqual(resumed["shards_kept"], 2)
        self.assertEqual(files_below(self.work / "terminated"), files_below(self.work / "whole"))

    def test_reranked_lists_go_on_with_the_same_second_bundle_alone(self):
        other = self.work / "other-bundle"
        good("export", self.work / "run", "recommend.k=11", "--out", other)
        rerank = [f"recommend.rerank.bundle={self.work / 'bundle'}", "recommend.rerank.candidates=30"]
        good(*self.command("reranked-whole", *rerank))
        self.stopped("reranked", signal.SIGTERM, 143, *rerank)
        for changed in ([f"recommend.rerank.bundle={other}", rerank[1]], [rerank[0], "recommend.rerank.candidates=31"], []):
            result = segue(*self.command("reranked", *changed, "--resume"))
            self.assertEqual(result.code, 2, str(result))
            self.assertIn("another bundle", result.err)
        good(*self.command("reranked", *rerank, "--resume"))
        self.assertEqual(files_below(self.work / "reranked"), files_below(self.work / "reranked-whole"))

    def test_killed_and_resumed(self):
        self.stopped("killed", signal.SIGKILL, -9)
        good(*self.command("killed", "--resume"))
        whole, resumed = files_below(self.work / "whole"), files_below(self.work / "killed")
        self.assertEqual(resumed, whole)

    def test_resuming_what_is_finished_changes_nothing(self):
        before = files_below(self.work / "whole")
        self.assertEqual(good(*self.command("whole", "--resume", "--json")).json["rows"], 0)
        self.assertEqual(files_below(self.work / "whole"), before)
        self.assertEqual(segue(*self.command("whole")).code, 2)

    def test_foreign_files_are_never_removed(self):
        foreign = self.work / "foreign"
        foreign.mkdir()
        (foreign / "thesis.txt").write_text("x")
        result = segue(*self.command("foreign", "--overwrite"))
        self.assertEqual(result.code, 2)
        self.assertIn("thesis.txt", result.err)
        self.assertTrue((foreign / "thesis.txt").exists())


if __name__ == "__main__":
    unittest.main()
