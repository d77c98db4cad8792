"""Serving in stages: a first model finds candidates, a second orders them; items chosen by their categories; and what a bundle knows
of its items as files. Two worlds of clicks are planted, each of two clusters of items; the second lacks two items of the first."""
import array
import collections
import csv
import math
import pathlib
import random
import tempfile
import unittest

from npy import read_npy
from program import files_below, good, segue, tensors

try:
    import pyarrow.parquet
except ImportError:
    pyarrow = None

USAGE, CONFIGURATION, DATA = 2, 3, 4
CONFIG = """\
seed: 5
device: cpu
threads: 2
data:
  prepared: {work}/prepared-{name}
  events: {work}/{world}.csv
  columns: {{sequence: user, item: item, time: time}}
  features: {features}
  items:
    files: {work}/items.csv
    features: [{{name: colour}}, {{name: price, kind: number}}]
  split: {{kind: last_item}}
model: {model}
training: {{epochs: 6, batch_sequences: 16, learning_rate: 0.02, warmup_steps: 5}}
recommend: {{k: 5, format: csv}}
output: {{run: {work}/{name}}}
"""
MODELS = {
    "popularity": ("all", "{kind: popularity}", "[]"),
    "item_knn": ("all", "{kind: item_knn}", "[]"),
    "gru": ("all", "{kind: gru_session, embedding_dim: 8, hidden_dim: 12, visited_weights: true}", "[{name: device, context: true}]"),
    "few": ("fewer", "{kind: gru_session, embedding_dim: 8, hidden_dim: 12}", "[{name: shop}]"),
}
ITEMS = [f"a{i}" for i in range(8)] + [f"b{i}" for i in range(8)]
LACKING = {"a7", "b7"}
COLOURS = {item: ("red", "green", "blue")[int(item[1:]) % 3] for item in ITEMS}


def rows_of(seed, lacking=frozenset()):
    """Users stay in one of the clusters."""
    generator = random.Random(seed)
    for user in range(120):
        known = [item for item in ITEMS if item[0] == "ab"[user % 2] and item not in lacking]
        for place in range(6):
            # The squared share makes some items more popular than others.
            item = known[int(len(known) * generator.random()**2)]
            yield f"u{user}", item, 3600 * place, generator.choice(["phone", "desk"]), generator.choice(["north", "south"])


def write_csv(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


class ServingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = work = pathlib.Path(cls.directory.name)
        header = ["user", "item", "time", "device", "shop"]
        write_csv(work / "all.csv", header, rows_of(1))
        write_csv(work / "fewer.csv", header, rows_of(2, LACKING))
        write_csv(work / "items.csv", ["item", "colour", "price"], [(item, COLOURS[item], 10 + i) for i, item in enumerate(ITEMS)])
        write_csv(work / "histories.csv", header, [row for row in rows_of(3) if row[2] < 3 * 3600])
        for name, (world, model, features) in MODELS.items():
            (work / f"{name}.yaml").write_text(CONFIG.format(work=work, world=world, model=model, features=features, name=name))
            good("train", work / f"{name}.yaml")
            good("export", work / name, "--out", work / f"{name}-bundle")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def recommend(self, bundle, out, *more, run=good):
        return run("recommend", self.work / f"{bundle}-bundle", "--histories", self.work / "histories.csv", "--out", self.work / out, *more)

    def lists(self, bundle, out, *more):
        """{sequence: [row]}, best first."""
        self.recommend(bundle, out, *more)
        lists = collections.defaultdict(list)
        for shard in sorted((self.work / out).glob("part-*.csv")):
            with open(shard, newline="") as file:
                for row in csv.DictReader(file):
                    lists[row["sequence"]].append(row)
        self.assertEqual(len(lists), 120)
        return lists

    def rerank(self, bundle, candidates=100):
        return [f"recommend.rerank.bundle={self.work / f'{bundle}-bundle'}", f"recommend.rerank.candidates={candidates}"]

    def test_all_candidates_give_the_second_model_s_lists(self):
        filters = ["recommend.hide_seen=true", "recommend.where=[{feature: colour, values: [red, blue]}]"]
        alone = self.lists("gru", "gru-alone", *filters)
        for first in ("popularity", "item_knn"):
            source = self.lists(first, f"{first}-alone", *filters, "recommend.k=16")
            reranked = self.lists(first, f"{first}-gru", *filters, *self.rerank("gru"))
            for user, rows in reranked.items():
                self.assertEqual([(r["item"], r["score"]) for r in rows], [(r["item"], r["score"]) for r in alone[user]], user)
                scores = {row["item"]: row["score"] for row in source[user]}
                for row in rows:
                    self.assertEqual(list(row), ["sequence", "rank", "item", "score", "source", "source_score"])
                    self.assertEqual((row["source"], row["source_score"]), (first, scores[row["item"]]), user)

    def test_few_candidates_are_those_of_the_first_model(self):
        whole = self.lists("gru", "gru-whole", "recommend.k=16")
        first = self.lists("popularity", "six", "recommend.k=6")
        reranked = self.lists("popularity", "reranked-six", "recommend.k=3", *self.rerank("gru", 6))
        for user, rows in reranked.items():
            candidates = {row["item"] for row in first[user]}
            self.assertEqual([row["item"] for row in rows], [row["item"] for row in whole[user] if row["item"] in candidates][:3], user)
        # Popularity knows nothing of clusters; the second model does.
        same = sum(row["item"][0] == "ab"[int(user[1:]) % 2] for user, rows in reranked.items() for row in rows)
        self.assertGreater(same, sum(row["item"][0] == "ab"[int(user[1:]) % 2] for user, rows in first.items() for row in rows[:3]))

    def test_a_second_model_of_other_items_and_features(self):
        alone = self.lists("few", "few-alone", "recommend.k=16")
        first = self.lists("item_knn", "knn-whole", "recommend.k=16")
        reranked = self.lists("item_knn", "knn-few", "recommend.k=16", *self.rerank("few"))
        for user, rows in reranked.items():
            self.assertEqual([(r["item"], r["score"]) for r in rows[:14]], [(r["item"], r["score"]) for r in alone[user]], user)
            self.assertEqual([(r["item"], r["score"]) for r in rows[14:]],
                             [(r["item"], "") for r in first[user] if r["item"] in LACKING], user)
        result = self.recommend("item_knn", "knn-few-told", *self.rerank("few"))
        self.assertIn("2 of 16 items are unknown", result.err)

    def test_bytes_do_not_depend_on_threads(self):
        for form in ("csv", "jsonl", "parquet"):
            outs = []
            for threads in (1, 3):
                out = f"{form}-{threads}"
                self.recommend("item_knn", out, f"threads={threads}", f"recommend.format={form}", "recommend.shard_histories=50",
                               *self.rerank("few", 10))
                outs.append(files_below(self.work / out))
            self.assertEqual(outs[0], outs[1])
            self.assertEqual(len(outs[0]), 4)

    @unittest.skipIf(pyarrow is None, "pyarrow is not installed")
    def test_parquet_holds_the_same_rows(self):
        rows = self.lists("item_knn", "rows", "recommend.k=16", *self.rerank("few"))
        self.recommend("item_knn", "rows-parquet", "recommend.k=16", "recommend.format=parquet", *self.rerank("few"))
        table = pyarrow.parquet.read_table(self.work / "rows-parquet" / "part-00000-of-00001.parquet")
        self.assertEqual(table.column_names, ["sequence", "rank", "item", "score", "source", "source_score"])
        flat = [row for user in rows.values() for row in user]
        self.assertEqual(table.column("item").to_pylist(), [row["item"] for row in flat])
        scores = table.column("score").to_pylist()
        self.assertEqual([score is None for score in scores], [row["score"] == "" for row in flat])
        self.assertIn(None, scores)

    def test_what_cannot_rerank_is_refused_with_the_remedy(self):
        for code, words, more in (
            (CONFIGURATION, ["popularity", "gives no vectors", "gru_session"], self.rerank("popularity")),
            (CONFIGURATION, ["recommend.rerank.candidates", "too few", "recommend.k"], self.rerank("gru", 4)),
            (DATA, ["not a bundle", "segue export"], ["recommend.rerank.bundle=nowhere"])):
            result = self.recommend("item_knn", "refused", *more, run=segue)
            self.assertEqual(result.code, code, str(result))
            for word in words:
                self.assertIn(word, result.err)
            self.assertFalse((self.work / "refused").exists())

    def test_a_bundle_carries_its_second_stage(self):
        settings = [f"recommend.rerank={{bundle: {self.work}/gru-bundle, candidates: 16}}", "recommend.where=[{feature: colour, values: red}]"]
        good("export", self.work / "item_knn", *settings, "--out", self.work / "staged-bundle")
        self.assertEqual(self.lists("staged", "carried"), self.lists("item_knn", "told", *settings))
        self.assertNotIn("source", self.lists("staged", "without", "recommend.rerank.bundle=")["u0"][0])

    def test_only_items_of_a_category(self):
        for bundle in ("popularity", "item_knn", "gru"):
            for out, condition, colours in (("red", "{feature: colour, values: [red]}", {"red"}),
                                            ("not-red", "{feature: colour, values: [red], exclude: true}", {"green", "blue"})):
                lists = self.lists(bundle, f"{bundle}-{out}", "recommend.k=16", f"recommend.where=[{condition}]")
                wanted = {item for item, colour in COLOURS.items() if colour in colours}
                for user, rows in lists.items():
                    self.assertEqual({row["item"] for row in rows}, wanted, (bundle, user))

    def test_conditions_that_name_nothing(self):
        for code, word, condition in ((CONFIGURATION, "did you mean 'colour'", "{feature: color, values: [red]}"),
                                      (CONFIGURATION, "not of the kind category", "{feature: price, values: [10]}"),
                                      (CONFIGURATION, "recommend.where[0].value", "{feature: colour, value: red}"),
                                      (DATA, "no item is left", "{feature: colour, values: [purple]}")):
            result = self.recommend("gru", "nothing", f"recommend.where=[{condition}]", run=segue)
            self.assertEqual(result.code, code, str(result))
            self.assertIn(word, result.err)
        result = self.recommend("gru", "told-of", "recommend.where=[{feature: colour, values: [red, purple]}]")
        self.assertIn("no item has the colour 'purple'", result.err)

    def items(self, bundle, out, *more):
        return good("items", self.work / f"{bundle}-bundle", "--out", self.work / out, "--json", *more).json

    def names(self, bundle):
        return [line.strip('"') for line in (self.work / f"{bundle}-bundle" / "items.txt").read_text().splitlines()]

    @unittest.skipIf(pyarrow is None, "pyarrow is not installed")
    def test_vectors_and_similar_items(self):
        result = self.items("gru", "gru-items", "--similar", 7)
        self.assertEqual(result["files"], ["item_vectors.npy", "item_vectors.parquet", "similar_items.parquet"])
        names = self.names("gru")
        (n, dim), flat = read_npy(self.work / "gru-items" / "item_vectors.npy")
        self.assertEqual((n, dim), (16, result["dim"]))
        vectors = {name: list(flat[row * dim:(row + 1) * dim]) for row, name in enumerate(names)}
        table = pyarrow.parquet.read_table(self.work / "gru-items" / "item_vectors.parquet")
        self.assertEqual(dict(zip(table.column("item").to_pylist(), table.column("vector").to_pylist())), vectors)
        bias = next(array.array("f", content) for name, (_, shape, content) in tensors(self.work / "gru-bundle" / "weights.safetensors").items()
                    if "bias" in name and shape == (16,))
        self.assertEqual(table.column("bias").to_pylist(), list(bias))
        similar = self.similar("gru-items")
        for item, rows in similar.items():
            def cosine(other):
                a, b = vectors[item], vectors[other]
                return sum(x * y for x, y in zip(a, b)) / math.hypot(*a) / math.hypot(*b)
            expected = sorted((other for other in names if other != item), key=cosine, reverse=True)[:7]
            self.assertEqual([other for _, other, _ in rows], expected, item)
            self.assertEqual([rank for rank, _, _ in rows], list(range(1, 8)))
            for _, other, score in rows:
                self.assertAlmostEqual(score, cosine(other), delta=1e-5)
        self.assertEqual(list(similar), names)

    def similar(self, folder):
        similar = collections.defaultdict(list)
        table = pyarrow.parquet.read_table(self.work / folder / "similar_items.parquet")
        for row in table.to_pylist():
            similar[row["item"]].append((row["rank"], row["similar"], row["score"]))
        return similar

    @unittest.skipIf(pyarrow is None, "pyarrow is not installed")
    def test_similar_items_by_the_weights_of_a_filter(self):
        result = self.items("item_knn", "knn-items")
        self.assertEqual(result["files"], ["similar_items.parquet"])
        names = self.names("item_knn")
        weights = tensors(self.work / "item_knn-bundle" / "weights.safetensors")
        offsets, items, values = (array.array(code, weights[f"neighbours.{name}"][2])
                                  for code, name in (("q", "offsets"), ("i", "items"), ("f", "weights")))
        similar = self.similar("knn-items")
        for row, name in enumerate(names):
            entries = sorted(range(offsets[row], offsets[row + 1]), key=lambda e: (-values[e], items[e]))
            self.assertEqual([(other, score) for _, other, score in similar[name]], [(names[items[e]], values[e]) for e in entries], name)
            # Users stay in one cluster.
            self.assertEqual({other[0] for _, other, _ in similar[name]}, {name[0]})

    def test_files_of_items_do_not_depend_on_threads_and_are_not_overwritten(self):
        for threads in (1, 3):
            self.items("gru", f"items-{threads}", "--threads", threads)
        self.assertEqual(files_below(self.work / "items-1"), files_below(self.work / "items-3"))
        command = ["items", self.work / "gru-bundle", "--out", self.work / "items-1", "--similar", 0]
        result = segue(*command)
        self.assertEqual(result.code, USAGE, str(result))
        self.assertIn("--overwrite", result.err)
        good(*command, "--overwrite")
        self.assertEqual(set(files_below(self.work / "items-1")), {"item_vectors.npy", "item_vectors.parquet"})

    def test_a_model_that_knows_nothing_of_its_items_says_so(self):
        result = segue("items", self.work / "popularity-bundle", "--out", self.work / "none")
        self.assertEqual(result.code, USAGE, str(result))
        self.assertIn("neither vectors nor weights", result.err)
        self.assertFalse((self.work / "none").exists())
        result = segue("items", self.work / "item_knn-bundle", "--out", self.work / "none", "--similar", 0)
        self.assertIn("--similar", result.err)


if __name__ == "__main__":
    unittest.main()
