"""Every kind of filter, as a user meets it: trained, evaluated, exported, opened again and recommended by, with the same commands as a
model trained by gradient. What `popularity` and an item-kNN without shrinkage recommend is computed again here."""
import collections
import csv
import json
import pathlib
import tempfile
import unittest

from program import good, segue

USAGE, CONFIGURATION, DATA = 2, 3, 4
CONFIG = """\
seed: 5
device: cpu
threads: 2
data:
  prepared: {work}/prepared
  events: {work}/events.csv
  columns: {{sequence: user, item: item, time: time}}
  items:
    files: {work}/items.csv
    features: [{{name: colour, kind: category}}]
  split: {{kind: last_item}}
model: {{kind: {kind}}}
training: {{metric: ndcg@5}}
evaluation: {{metrics: [hit_rate@5, ndcg@5], baselines: {{names: [popularity]}}, bootstrap_samples: 20}}
recommend: {{k: 4, format: csv, hide_seen: true}}
output: {{run: {work}/{kind}}}
"""
KINDS = ("popularity", "recent_popularity", "item_knn", "feature_knn", "ease", "ials")
N_ITEMS = 17


def items_of(user):
    """Two tastes, of even and of odd items."""
    return [f"i{(2 * ((user * 5 + k * k) % 8) + user % 2) % N_ITEMS}" for k in range(5 + user % 4)]


class FiltersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.directory.name)
        cls.users = {f"u{user}": items_of(user) for user in range(60)}
        rows = [(f"u{user}", item, 86400 * place + user) for user in range(60) for place, item in enumerate(cls.users[f"u{user}"])]
        (cls.work / "events.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows))
        (cls.work / "items.csv").write_text("item,colour\n" + "".join(f"i{i},{'red' if i % 2 else 'blue'}\n" for i in range(N_ITEMS)))
        cls.histories = {"a": ["i0", "i2"], "b": ["i3"], "nobody": ["never seen"]}
        (cls.work / "histories.csv").write_text(
            "user,item,time\n" + "".join(f"{u},{item},{t}\n" for u, items in cls.histories.items() for t, item in enumerate(items)))
        cls.evaluations, cls.lists = {}, {}
        for kind in KINDS:
            config = cls.work / f"{kind}.yaml"
            config.write_text(CONFIG.format(work=cls.work, kind=kind))
            good("train", config)
            cls.evaluations[kind] = good("evaluate", cls.work / kind, "--json").json
            good("export", cls.work / kind, "--out", cls.work / f"{kind}-bundle")
            good("recommend", cls.work / f"{kind}-bundle", "--histories", cls.work / "histories.csv", "--out", cls.work / f"{kind}-lists")
            cls.lists[kind] = cls.read_lists(cls.work / f"{kind}-lists")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    @staticmethod
    def read_lists(folder):
        lists = collections.defaultdict(list)
        for shard in sorted(folder.glob("part-*.csv")):
            with open(shard, newline="") as file:
                for row in csv.DictReader(file):
                    lists[row["sequence"]].append((row["item"], float(row["score"])))
        return lists

    def training_sets(self):
        """last_item holds the last event and the one before it back."""
        return [set(items[:-2]) for items in self.users.values()]

    def test_lists_are_whole_and_hide_what_was_seen(self):
        for kind in KINDS:
            for user, items in self.histories.items():
                names = [item for item, _ in self.lists[kind][user]]
                self.assertEqual(len(names), 4, (kind, user))
                self.assertEqual(len(set(names)), 4, (kind, user))
                self.assertFalse(set(names) & set(items), (kind, user))
                scores = [score for _, score in self.lists[kind][user]]
                self.assertEqual(scores, sorted(scores, reverse=True), (kind, user))

    def test_popularity_by_plain_python(self):
        counts = collections.Counter(item for items in self.users.values() for item in items[:-2])
        for user, items in self.histories.items():
            best = sorted((count for item, count in counts.items() if item not in items), reverse=True)[:4]
            self.assertEqual([score for _, score in self.lists["popularity"][user]], best, user)
            for item, score in self.lists["popularity"][user]:
                self.assertEqual(counts[item], score, item)

    def test_item_knn_by_plain_python(self):
        sets = self.training_sets()
        d = collections.Counter(item for items in sets for item in items)
        def weight(i, j):
            return sum(1 / len(s) for s in sets if i in s and j in s) / (d[i] * d[j])**0.3
        for user in ("a", "b"):
            history = self.histories[user]
            for item, score in self.lists["item_knn"][user]:
                self.assertAlmostEqual(score, sum(weight(i, item) for i in history), delta=1e-5, msg=(user, item))

    def test_tastes_are_found(self):
        for kind in ("item_knn", "ease", "ials"):
            of_model, of_popularity = (next(s for s in self.evaluations[kind]["systems"] if s["kind"] == k) for k in ("model", "baseline"))
            self.assertEqual(of_model["name"], kind)
            self.assertGreater(of_model["metrics"]["hit_rate@5"]["value"], of_popularity["metrics"]["hit_rate@5"]["value"], kind)

    def test_a_baseline_of_the_same_name_is_told_apart(self):
        self.assertEqual([s["name"] for s in self.evaluations["popularity"]["systems"]], ["popularity", "popularity (baseline)"])
        self.assertEqual([s["name"] for s in self.evaluations["ease"]["systems"]], ["ease", "popularity"])

    def test_feature_knn_stays_with_the_colour(self):
        for user, odd in (("a", 0), ("b", 1)):
            self.assertEqual([int(item[1:]) % 2 for item, _ in self.lists["feature_knn"][user]], [odd] * 4, user)

    def test_a_bundle_is_evaluated_like_its_run(self):
        for kind in KINDS:
            of_bundle = good("evaluate", self.work / f"{kind}-bundle", f"data.prepared={self.work}/prepared", "--json").json
            self.assertEqual(of_bundle["systems"], self.evaluations[kind]["systems"], kind)

    def test_validation_is_recorded(self):
        manifest = json.loads((self.work / "ease" / "manifest.json").read_text())
        of_validation = good("evaluate", self.work / "ease", "evaluation.part=validation", "--out", self.work / "validation", "--json").json
        self.assertEqual(manifest["training"]["best_metric"], of_validation["systems"][0]["metrics"]["ndcg@5"]["value"])

    def test_report_and_inspect(self):
        good("report", self.work / "ials")
        self.assertIn("ials", (self.work / "ials" / "report.html").read_text())
        good("inspect", self.work / "ease")
        good("inspect", self.work / "ease-bundle")

    def test_ials_by_an_index(self):
        good("index", "build", self.work / "ials-bundle")
        good("recommend", self.work / "ials-bundle", "--histories", self.work / "histories.csv", "--out", self.work / "indexed")
        self.assertEqual(self.read_lists(self.work / "indexed"), self.lists["ials"])

    def test_what_has_no_vectors_has_no_index(self):
        result = segue("index", "build", self.work / "ease-bundle")
        self.assertEqual(result.code, USAGE, str(result))
        self.assertIn("ease gives no vectors to items", result.err)
        result = segue("export", self.work / "ease", "index.kind=exact", "--out", self.work / "no-bundle")
        self.assertEqual(result.code, USAGE, str(result))
        self.assertFalse((self.work / "no-bundle").exists())

    def test_keys_of_another_kind_are_refused(self):
        result = segue("train", self.work / "ease.yaml", "model.dim=8", "--run", self.work / "other")
        self.assertEqual(result.code, CONFIGURATION, str(result))
        self.assertIn("model.dim", result.err)

    def test_a_changed_model_section_is_refused(self):
        config = self.work / "ease" / "config.yaml"
        text = config.read_text()
        config.write_text(text.replace("l2: 500", "l2: 400"))
        try:
            result = segue("evaluate", self.work / "ease")
        finally:
            config.write_text(text)
        self.assertEqual(result.code, DATA, str(result))
        self.assertIn("keep the model section as it was trained", result.err)


if __name__ == "__main__":
    unittest.main()
