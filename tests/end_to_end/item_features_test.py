"""Features of items from a file of items to a bundle: every command sees them, and a changed file is noticed."""
import pathlib
import shutil
import tempfile
import unittest

from program import good, segue

CONFIGURATION, DATA = 3, 4
CONFIG = """\
seed: 3
device: cpu
threads: 1
data:
  prepared: {work}/prepared
  events: {work}/events.csv
  columns: {{sequence: session, item: item, time: when}}
  items:
    files: {work}/items.csv
    column: id
    features:
      - {{name: genre}}
      - {{name: year, kind: {kind}, column: released}}
model: {{kind: gru_session, embedding_dim: 8, hidden_dim: 8}}
training: {{epochs: 1, batch_sequences: 16}}
evaluation: {{bootstrap_samples: 10}}
output: {{run: {work}/run}}
"""
EVENTS = "session,item,when\n" + "".join(f"s{i // 4},i{i * 5 % 11},2024-01-{1 + i // 20:02d} 10:{i % 60:02d}:00\n" for i in range(400))
ITEMS = "id,genre,released\n" + "".join(f"i{i},{'drama' if i % 2 else 'comedy'},{1990 + i}\n" for i in range(11))


class ItemFeaturesTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = pathlib.Path(directory.name)
        (self.work / "events.csv").write_text(EVENTS)
        self.config = self.configure()

    def configure(self, items=ITEMS, kind="number"):
        (self.work / "items.csv").write_text(items)
        path = self.work / "config.yaml"
        path.write_text(CONFIG.format(work=self.work, kind=kind))
        return path

    def refused(self, code, *words):
        result = segue("prepare", self.config)
        self.assertEqual(result.code, code, str(result))
        for word in words:
            self.assertIn(word, result.err, str(result))
        self.assertFalse((self.work / "prepared").exists())

    def test_every_artefact_carries_them(self):
        counts = good("prepare", self.config, "--json").json["counts"]
        self.assertEqual((counts["item_rows_read"], counts["items_not_listed"]), (11, 0))
        good("train", self.config)
        good("evaluate", self.work / "run")
        bundle = self.work / "bundle"
        good("export", self.work / "run", "--out", bundle)
        for artefact in (self.work / "prepared", bundle):
            self.assertEqual(good("inspect", artefact, "--json").json["item_features"], ["genre", "year"])
        shapes = good("inspect", self.work / "run" / "checkpoints" / "best.safetensors", "--json").json["shapes"]
        self.assertEqual(shapes["model.item_features.genre.weight"], [3, 3])
        self.assertEqual(shapes["model.layers.0.gru.weight_ih"], [24, 8 + 3 + 1])
        # The bundle alone is enough: what it was made from may be gone.
        (self.work / "items.csv").unlink()
        shutil.rmtree(self.work / "prepared")
        good("recommend", bundle, "--histories", self.work / "events.csv", "--out", self.work / "out")

    def test_a_changed_item_file_is_noticed(self):
        first = good("prepare", self.config, "--json").json["fingerprint"]
        good("train", self.config)
        self.configure(ITEMS.replace("i3,drama", "i3,comedy"))
        self.assertNotEqual(good("prepare", self.config, "--json").json["fingerprint"], first)
        result = segue("evaluate", self.work / "run")
        self.assertEqual(result.code, DATA, str(result))
        self.assertIn("train anew", result.err)

    def test_items_that_are_not_listed_are_counted(self):
        self.configure("".join(ITEMS.splitlines(keepends=True)[:-2]))
        result = good("prepare", self.config, "--json")
        self.assertEqual(result.json["counts"]["items_not_listed"], 2)
        self.assertIn("lists 9 of 11 items", result.err)

    def test_bad_item_files_name_the_row(self):
        self.configure(ITEMS + "i3,drama,1990\n")
        self.refused(DATA, "items.csv", "row 12 (line 13)", "'id'", "'i3' was listed before", "on_bad_row")
        self.configure(ITEMS + "i11,drama,soon\n")
        self.refused(DATA, "items.csv", "row 12", "'released'", "'soon' is not a number", "on_bad_row")
        self.configure(ITEMS.replace("released", "year"))
        self.refused(DATA, "items.csv", "no column 'released'", "data.items.features")

    def test_kinds_of_events_are_refused(self):
        self.configure(kind="gap")
        self.refused(CONFIGURATION, "config.yaml:13:", "data.items.features[1].kind", "'gap' is none of category, number")


if __name__ == "__main__":
    unittest.main()
