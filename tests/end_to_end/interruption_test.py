"""A training run that is stopped in mid-epoch and resumed ends in the same bits as one that was never stopped."""
import json
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from program import PROGRAM, environment, good, make_world, segue, tensors, write_config

EPOCHS = 3


class InterruptionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = work = pathlib.Path(cls.directory.name)
        make_world(work, trips=8000, tests=50)
        cls.config = write_config(work, epochs=EPOCHS)
        good("prepare", cls.config)
        good("train", cls.config, f"output.run={work}/whole")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def stopped_run(self, name, signal_number, expected_code):
        """Starts a run, stops it by a signal once it has made some steps of the second epoch, and returns its directory."""
        run = self.work / name
        process = subprocess.Popen([PROGRAM, "train", self.config, f"output.run={run}"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=environment())
        log = run / "training.jsonl"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if log.exists() and '"kind":"epoch"' in log.read_text().replace(" ", ""):
                break
            time.sleep(0.005)
        time.sleep(0.05)
        self.assertIsNone(process.poll(), "the run ended before it could be stopped: make it longer")
        process.send_signal(signal_number)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, expected_code, err)
        self.assertIn("--resume", err)
        return run

    def assert_same_weights(self, run):
        for name in ("latest", "best"):
            whole, resumed = (tensors(path / "checkpoints" / f"{name}.safetensors") for path in (self.work / "whole", run))
            self.assertEqual(whole.keys(), resumed.keys())
            different = [key for key in whole if whole[key] != resumed[key]]
            self.assertEqual(different, [], f"{name}: tensors that differ")

    def test_terminated_in_mid_epoch_and_resumed(self):
        run = self.stopped_run("terminated", signal.SIGTERM, 143)
        good("train", self.config, f"output.run={run}", "--resume")
        self.assert_same_weights(run)
        epochs = [json.loads(line)["epoch"] for line in (run / "training.jsonl").read_text().splitlines() if '"epoch"' in line and
                  json.loads(line)["kind"] == "epoch"]
        self.assertEqual(epochs, list(range(1, EPOCHS + 1)))

    def test_interrupted_twice_and_resumed(self):
        run = self.stopped_run("interrupted", signal.SIGINT, 130)
        process = subprocess.Popen([PROGRAM, "train", self.config, f"output.run={run}", "--resume"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=environment())
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (0, 130, -signal.SIGINT))
        good("train", self.config, f"output.run={run}", "--resume")
        self.assert_same_weights(run)

    def test_killed_outright_leaves_whole_files(self):
        run = self.work / "killed"
        process = subprocess.Popen([PROGRAM, "train", self.config, f"output.run={run}"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=environment())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (run / "checkpoints" / "latest.safetensors").exists():
            time.sleep(0.002)
        process.kill()
        process.wait()
        tensors(run / "checkpoints" / "latest.safetensors")
        good("train", self.config, f"output.run={run}", "--resume")
        self.assert_same_weights(run)

    def test_resuming_with_another_model_is_refused(self):
        result = segue("train", self.config, f"output.run={self.work}/whole", "--resume", "model.hidden_dim=32")
        self.assertIn(result.code, (3, 4), str(result))
        self.assertIn("hidden_dim", result.err)


if __name__ == "__main__":
    unittest.main()
