"""Every bad input ends with a message that names cause and remedy, the right exit code, and nothing half written."""
import pathlib
import shutil
import tempfile
import unittest

from program import good, make_world, segue, write_config

USAGE, CONFIGURATION, DATA = 2, 3, 4
HEADER = "session,item,when\n"
ROWS = "".join(f"s{i // 4},i{i % 7},2024-01-{1 + i // 4 % 28:02d} 10:{i % 4:02d}:00\n" for i in range(80))
EVENTS_CONFIG = """\
data:
  events: {events}
  prepared: {work}/prepared
  columns: {{sequence: session, item: item, time: when}}
"""


class BadEventsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = pathlib.Path(directory.name)

    def prepare(self, content, *words, code=DATA, name="events.csv", options=()):
        """Prepares a file of this content and checks code, words of the message, and that nothing was left."""
        events = self.work / name
        events.write_bytes(content if isinstance(content, bytes) else content.encode())
        config = self.work / "config.yaml"
        config.write_text(EVENTS_CONFIG.format(events=events, work=self.work))
        result = segue("prepare", config, *options)
        self.assertEqual(result.code, code, str(result))
        for word in words:
            self.assertIn(word, result.err, str(result))
        if code != 0:
            self.assertFalse((self.work / "prepared").exists(), "a prepared dataset was left behind")
            self.assertEqual({path.name for path in self.work.iterdir()}, {name, "config.yaml"}, "something was left behind")
        return result

    def test_good_events_pass(self):
        self.prepare(HEADER + ROWS, code=0)

    def test_missing_column(self):
        self.prepare("session,article,when\n" + ROWS, "events.csv", "item", "article")

    def test_bad_time(self):
        self.prepare(HEADER + ROWS + "s90,i1,yesterday\n", "events.csv", "81", "when", "yesterday")

    def test_bad_number(self):
        text = HEADER.replace("\n", ",price\n") + ROWS.replace("\n", ",1.5\n") + "s90,i1,2024-01-01,cheap\n"
        self.prepare(text, "events.csv", "81", "price", "cheap", options=("data.features=[{name: price, kind: number}]",))

    def test_empty_id(self):
        self.prepare(HEADER + ROWS + "s90,,2024-01-01 10:00:00\n", "events.csv", "81", "item")
        shutil.rmtree(self.work / "prepared", ignore_errors=True)
        self.prepare(HEADER + ROWS + ",i1,2024-01-01 10:00:00\n", "events.csv", "81", "session")

    def test_wrong_number_of_columns(self):
        self.prepare(HEADER + ROWS + "s90,i1\n", "events.csv", "81")

    def test_not_utf8(self):
        self.prepare((HEADER + ROWS).encode() + b"s90,caf\xe9,2024-01-01 10:00:00\n", "events.csv", "81", "UTF-8")

    def test_truncated_gzip(self):
        import gzip
        whole = gzip.compress((HEADER + ROWS * 50).encode())
        self.prepare(whole[:len(whole) // 2], "events.csv.gz", name="events.csv.gz")

    def test_truncated_parquet(self):
        import pyarrow
        import pyarrow.parquet
        table = pyarrow.table({"session": ["a"] * 1000, "item": ["b"] * 1000, "when": list(range(1000))})
        pyarrow.parquet.write_table(table, self.work / "events.parquet")
        whole = (self.work / "events.parquet").read_bytes()
        self.prepare(whole[:len(whole) // 2], "events.parquet", name="events.parquet")

    def test_empty_file_and_header_alone(self):
        self.prepare("", "events.csv")
        self.prepare(HEADER, "events")

    def test_no_such_file(self):
        self.prepare(HEADER + ROWS, "nowhere-*.csv", options=(f"data.events={self.work}/nowhere-*.csv",))

    def test_a_run_that_never_began_does_not_claim_its_directory(self):
        config = self.work / "config.yaml"
        config.write_text(EVENTS_CONFIG.format(events=self.work / "events.csv", work=self.work))
        train = ("train", config, "--run", self.work / "run", "training.epochs=1", "device=cpu")
        self.assertEqual(segue(*train).code, DATA)
        (self.work / "events.csv").write_text(HEADER + ROWS)
        good(*train)
        self.assertEqual(segue(*train).code, USAGE)

    def test_skipped_rows_are_counted_and_reported(self):
        result = self.prepare(HEADER + ROWS + "s90,i1,yesterday\ns91,,2024-01-01\n", code=0, options=("data.on_bad_row=skip", "--json"))
        self.assertIn("2", str(result.json["skipped_rows"] if "skipped_rows" in result.json else result.json))
        self.assertIn("skip", result.out + result.err)


class BadConfigurationTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = pathlib.Path(directory.name)

    def expect(self, text, *words, options=()):
        config = self.work / "config.yaml"
        config.write_text(text)
        result = segue("prepare", config, *options)
        self.assertEqual(result.code, CONFIGURATION, str(result))
        for word in words:
            self.assertIn(word, result.err, str(result))
        self.assertEqual([path.name for path in self.work.iterdir()], ["config.yaml"])

    def test_unknown_key_names_the_nearest_with_its_place(self):
        self.expect("training:\n  learning_rat: 0.1\n", "config.yaml:2:", "learning_rat", "learning_rate")
        self.expect("trainin:\n  epochs: 1\n", "config.yaml:1:", "trainin", "training")

    def test_wrong_type_range_and_word(self):
        self.expect("training:\n  epochs: many\n", "config.yaml:2:", "epochs", "many")
        self.expect("training:\n  epochs: 0\n", "config.yaml:2:", "epochs", "1")
        self.expect("training:\n  loss: crossentropy\n", "config.yaml:2:", "loss", "cross_entropy")

    def test_not_yaml(self):
        self.expect("training: [1, 2\n", "config.yaml")

    def test_bad_override(self):
        self.expect("seed: 1\n", "training.epoch", "epochs", options=("training.epoch=1",))

    def test_missing_file(self):
        result = segue("train", self.work / "nowhere.yaml")
        self.assertEqual(result.code, CONFIGURATION, str(result))
        self.assertIn("nowhere.yaml", result.err)


class WrongUseTest(unittest.TestCase):
    def test_usage(self):
        for arguments in ((), ("dance",), ("train",), ("generate", "trips"), ("doctor", "--frobnicate"), ("recommend", "x")):
            result = segue(*arguments)
            self.assertEqual(result.code, USAGE, str(result))
            self.assertTrue(result.err.strip(), arguments)


class DamagedArtefactTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = work = pathlib.Path(cls.directory.name)
        make_world(work, trips=1000, tests=50)
        cls.config = write_config(work, epochs=1)
        good("train", cls.config)
        good("export", work / "run", "--out", work / "bundle")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def damaged(self, path, damage):
        """`path` with damage done to it, put right again when the test ends."""
        whole = path.read_bytes()
        self.addCleanup(path.write_bytes, whole)
        path.write_bytes(damage(whole))

    def expect(self, *arguments, words, code=DATA):
        result = segue(*arguments)
        self.assertEqual(result.code, code, str(result))
        for word in words:
            self.assertIn(word, result.err, str(result))

    @staticmethod
    def flip(whole):
        at = len(whole) * 2 // 3
        return whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1:]

    @staticmethod
    def truncate(whole):
        return whole[:len(whole) // 2]

    @staticmethod
    def newer(whole):
        import re
        return re.sub(rb'"version":\s*\d+', b'"version": 99', whole, count=1)

    def test_checkpoint(self):
        for damage in (self.truncate, lambda whole: b"", lambda whole: b"\xff" * 8 + whole[8:]):
            with self.subTest(damage):
                self.damaged(self.work / "run" / "checkpoints" / "best.safetensors", damage)
                self.expect("evaluate", self.work / "run", words=["best.safetensors"])
                self.doCleanups()

    def test_bundle(self):
        files = sorted(path for path in (self.work / "bundle").iterdir() if path.name not in ("model.pt", "manifest.json"))
        for path in files:
            for damage in (self.flip, self.truncate):
                with self.subTest(path.name, damage=damage.__name__):
                    self.damaged(path, damage)
                    self.recommend_is_refused(path.name)
                    self.doCleanups()
        self.damaged(self.work / "bundle" / "manifest.json", self.truncate)
        self.recommend_is_refused("manifest.json")

    def recommend_is_refused(self, *words):
        out = self.work / "refused"
        self.expect("recommend", self.work / "bundle", "--histories", self.work / "data" / "test_histories.csv", "--out", out, words=words)
        self.assertFalse(out.exists())

    def test_newer_bundle(self):
        self.damaged(self.work / "bundle" / "manifest.json", self.newer)
        self.recommend_is_refused("99")

    def test_prepared_dataset(self):
        for path in sorted((self.work / "prepared").iterdir()):
            for damage in (self.flip, self.truncate):
                if path.name == "manifest.json" and damage is self.flip:
                    continue
                with self.subTest(path.name, damage=damage.__name__):
                    self.damaged(path, damage)
                    self.expect("evaluate", self.work / "run", words=["prepared"])
                    self.doCleanups()

    def test_newer_prepared_dataset(self):
        self.damaged(self.work / "prepared" / "manifest.json", self.newer)
        self.expect("evaluate", self.work / "run", words=["99"])

    def test_what_is_no_run_and_no_bundle(self):
        self.expect("evaluate", self.work / "data", words=["data"])
        self.expect("export", self.work / "data", "--out", self.work / "refused", words=["data"])
        self.assertFalse((self.work / "refused").exists())
        self.expect("recommend", self.work / "run", "--histories", self.work / "data" / "test_histories.csv", "--out",
                    self.work / "refused", words=["bundle"])

    def test_bad_histories_leave_no_success_file(self):
        path = self.work / "bad.csv"
        path.write_text((self.work / "data" / "test_histories.csv").read_text() + "only,three,values\n")
        self.expect("recommend", self.work / "bundle", "--histories", path, "--out", self.work / "partial", words=["bad.csv"])
        self.assertFalse((self.work / "partial" / "_SUCCESS").exists())
        self.assertEqual([name for name in (self.work / "partial").glob("*") if "part-" not in name.name], [])

    def test_a_model_that_diverges_stops_with_code_6_and_names_the_step(self):
        result = segue("train", self.config, f"output.run={self.work}/diverged", "training.optimizer=sgd", "training.learning_rate=1e30",
                       "training.max_gradient_norm=0", "training.warmup_steps=0")
        self.assertEqual(result.code, 6, str(result))
        self.assertIn("step", result.err)


if __name__ == "__main__":
    unittest.main()
