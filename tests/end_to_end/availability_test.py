"""Items of several words, with an age, that come and go: every command from events to lists sees the same. Who is available when, and
what popularity then recommends, is worked out here by hand."""
import csv
import json
import pathlib
import tempfile
import unittest

from program import good, segue, tensors

CONFIGURATION, DATA = 3, 4
CONFIG = """\
seed: 3
device: cpu
threads: 1
data:
  prepared: {work}/prepared
  events: {work}/events.csv
  time_format: days
  columns: {{sequence: user, item: item, time: day, reward: minutes}}
  features: [{{name: place, kind: category, context: true, history: false}}]
  items:
    files: {work}/items.csv
    available_from: begins
    available_until: ends
    features:
      - {{name: genres, kind: categories}}
      - {{name: age, kind: age, column: begins}}
  split: {{kind: time, validation_from: "100", test_from: "200"}}
model: {model}
training: {{epochs: 1, batch_sequences: 4, metric: hit_rate@1}}
evaluation: {{metrics: [hit_rate@1, hit_rate@2], baselines: {{names: [popularity]}}, bootstrap_samples: 10}}
recommend: {{k: 3, format: csv}}
output: {{run: {work}/{run}}}
"""
ITEMS = """\
item,genres,begins,ends
a,Drama|War,,150
b,Drama,50,
c,,60,250
d,War | Farce|War,,
"""
# Training events (days 61 to 65): a 4 times, b 3 times, c twice, d once.
TRAINING = "aaaabbbccd"
EVENTS = [(f"u{i % 4}", item, 61 + i / 4, 1.5 * i) for i, item in enumerate(TRAINING)]
# Validation: of the candidates a b c d, the most popular one is a.
EVENTS += [("u0", "a", 100, 0), ("u1", "b", 101, 0)]
# Test: a has gone; the most popular item left is b until day 250, and c goes with that day.
EVENTS += [("u0", "b", 200, 0), ("u1", "a", 210, 0), ("u2", "c", 249, 0), ("u3", "c", 250, 0)]
HISTORIES = """\
user,item,day,place
early,d,10,home
middle,d,10,home
middle,,149,work
late,d,149,home
late,d,150,home
last,d,10,home
last,,250,nowhere
"""
# d alone is there from ever to never; b comes on day 50, c on day 60 and goes on 250, a goes on 150.
AVAILABLE = {"early": "ad", "middle": "abcd", "late": "bcd", "last": "bd"}
MODELS = {"popularity": "{kind: popularity}", "gru": "{kind: gru_session, embedding_dim: 4, hidden_dim: 4, visited_weights: true}",
          "knn": "{kind: feature_knn}"}


class AvailabilityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.directory.name)
        cls.write_events(cls.work / "events.csv")
        (cls.work / "items.csv").write_text(ITEMS)
        (cls.work / "histories.csv").write_text(HISTORIES)
        cls.evaluations = {}
        for run, model in MODELS.items():
            config = cls.work / f"{run}.yaml"
            config.write_text(CONFIG.format(work=cls.work, run=run, model=model))
            good("train", config)
            cls.evaluations[run] = good("evaluate", cls.work / run, "--json").json
            good("export", cls.work / run, "--out", cls.work / f"{run}-bundle")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    @staticmethod
    def write_events(path, minutes=None):
        rows = "".join(f"{user},{item},{day},home,{worth if minutes is None else minutes}\n" for user, item, day, worth in EVENTS)
        path.write_text("user,item,day,place,minutes\n" + rows)

    def lists(self, run, *overrides):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "lists"
            good("recommend", self.work / f"{run}-bundle", "--histories", self.work / "histories.csv", "--out", out, "recommend.k=4",
                 *overrides)
            lists = {}
            for shard in sorted(out.glob("part-*.csv")):
                with open(shard, newline="") as file:
                    for row in csv.DictReader(file):
                        lists.setdefault(row["sequence"], []).append(row["item"])
            return lists

    def metrics(self, run, *overrides):
        json_of = good("evaluate", self.work / run, *overrides, "--out", self.work / "other", "--json").json
        return {name: round(value["value"], 9) for name, value in json_of["systems"][0]["metrics"].items()}

    def test_only_what_is_available_is_ranked(self):
        # b, c and c are candidates (b, then c, by counts) when they are asked for, but for c on day 250; a has gone.
        protocol = self.evaluations["popularity"]["protocol"]
        self.assertEqual((protocol["n_queries"], protocol["unavailable_targets"]), (4, 2))
        self.assertIn("available at the time of the target", protocol["candidates"])
        for system in self.evaluations["popularity"]["systems"]:  # the filter and the baseline of the same name alike
            values = {name: metric["value"] for name, metric in system["metrics"].items()}
            self.assertEqual(values, {"hit_rate@1": 1 / 4, "hit_rate@2": 2 / 4})
        for run in MODELS:
            self.assertEqual(self.evaluations[run]["systems"][-1]["metrics"], self.evaluations["popularity"]["systems"][-1]["metrics"])

    def test_validation_ranks_the_same_items(self):
        manifest = json.loads((self.work / "popularity" / "manifest.json").read_text())
        self.assertEqual(manifest["training"]["best_metric"], 1 / 2)
        self.assertEqual(self.metrics("popularity", "evaluation.part=validation"), {"hit_rate@1": 1 / 2, "hit_rate@2": 1})

    def test_a_bundle_knows_the_intervals(self):
        self.assertEqual(self.lists("popularity"),
                         {user: [item for item in "abcd" if item in items] for user, items in AVAILABLE.items()})
        for run in ("gru", "knn"):
            for user, items in self.lists(run).items():
                self.assertEqual(sorted(items), list(AVAILABLE[user]), (run, user))

    def test_an_index_knows_them_too(self):
        without = self.lists("gru")
        good("index", "build", self.work / "gru-bundle")
        self.assertEqual(self.lists("gru"), without)

    def test_histories_need_times(self):
        result = segue("recommend", self.work / "gru-bundle", "--histories", self.work / "histories.csv", "--out", self.work / "timeless",
                       "data.columns.time=")
        self.assertEqual(result.code, CONFIGURATION, str(result))
        self.assertIn("data.columns.time=COLUMN", result.err)
        self.assertFalse((self.work / "timeless").exists())

    def test_a_context_is_read_of_the_request_and_its_column_is_needed(self):
        scores = {}
        for place in ("home", "nowhere"):
            path = self.work / "one.csv"
            path.write_text(f"user,item,day,place\nx,d,61,home\nx,,62,{place}\n")
            good("recommend", self.work / "gru-bundle", "--histories", path, "--out", self.work / place)
            scores[place] = next((self.work / place).glob("part-*")).read_text()
        self.assertNotEqual(scores["home"], scores["nowhere"])
        path.write_text("user,item,day\nx,d,61\n")
        result = segue("recommend", self.work / "gru-bundle", "--histories", path, "--out", self.work / "no-column")
        self.assertEqual(result.code, DATA, str(result))
        for word in ("one.csv", "no column 'place'", "data.features"):
            self.assertIn(word, result.err)

    def test_words_and_ages_are_in_the_bundle(self):
        stored = tensors(self.work / "gru-bundle" / "item_features.safetensors")
        genres = json.loads((self.work / "gru-bundle" / "item_features.json").read_text())["features"][0]
        self.assertEqual(genres["values"], ["Drama", "War", "Farce"])
        # Items in the order of their first event: a b c d; then the unknown one.
        self.assertEqual(memoryview(stored["genres.offsets"][2]).cast("q").tolist(), [0, 2, 3, 3, 5, 5])
        self.assertEqual(memoryview(stored["genres"][2]).cast("i").tolist(), [1, 2, 1, 2, 3])
        ages = memoryview(stored["age"][2]).cast("f").tolist()
        self.assertEqual((ages[0], ages[3], ages[4]), (0, 0, 0))
        self.assertAlmostEqual(ages[1], 1, places=5)  # b is older than c; two values stand one deviation from their mean
        self.assertAlmostEqual(ages[2], -1, places=5)
        shapes = good("inspect", self.work / "gru" / "checkpoints" / "best.safetensors", "--json").json["shapes"]
        self.assertEqual(shapes["model.item_features.genres.weight"], [4, 4])

    def test_rewards_are_numbers_from_zero(self):
        config = self.work / "popularity.yaml"
        events = self.work / "bad.csv"
        for bad in ("-1", "nan", ""):
            self.write_events(events, minutes=bad)
            result = segue("prepare", config, f"data.events={events}", f"data.prepared={self.work}/bad")
            self.assertEqual(result.code, DATA, str(result))
            for word in ("bad.csv, row 1 (line 2)", "column 'minutes'", "expected a finite number >= 0", "data.on_bad_row: skip"):
                self.assertIn(word, result.err)


if __name__ == "__main__":
    unittest.main()
