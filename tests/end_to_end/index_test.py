"""`segue index` on a user's own vectors and on a bundle, beside plain Python: whole numbers, so that every score is exact."""
import json
import pathlib
import random
import shutil
import tempfile
import unittest

import pyarrow.parquet

from npy import read_npy, write_npy
from program import files_below, good, make_world, segue, write_config

DIM = 6


class PlainIndex:
    """Items in the order in which they came; equal scores go to the earlier one."""

    def __init__(self):
        self.items = {}

    def add(self, ids, vectors):
        for item, vector in zip(ids, vectors):
            self.items.pop(item, None)
            self.items[item] = vector

    def remove(self, ids):
        for item in ids:
            del self.items[item]

    def best(self, query, k):
        scored = [(item, sum(a * b for a, b in zip(query, vector))) for item, vector in self.items.items()]
        scored.sort(key=lambda pair: -pair[1])
        return (scored + [(-1, float("-inf"))] * k)[:k]


class OwnVectorsTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.work = pathlib.Path(self.directory.name)
        self.index = self.work / "index"
        self.draw = random.Random(7)
        self.plain = PlainIndex()
        self.queries = self.vectors(9)

    def vectors(self, n):
        return [[self.draw.randrange(-9, 10) for _ in range(DIM)] for _ in range(n)]

    def save(self, name, vectors, descr="<f4"):
        return write_npy(self.work / name, [x for vector in vectors for x in vector], (len(vectors), DIM), descr)

    def save_ids(self, name, ids, descr="<i8"):
        return write_npy(self.work / name, ids, (len(ids),), descr)

    def expect_lists(self, k):
        good("index", "search", self.index, self.save("queries.npy", self.queries), "--k", k, "--out", self.work / "lists", "--overwrite")
        (shape, ids), (_, scores) = read_npy(self.work / "lists" / "ids.npy"), read_npy(self.work / "lists" / "scores.npy")
        self.assertEqual(shape, (len(self.queries), k))
        found = list(zip(ids, scores))
        for q, query in enumerate(self.queries):
            self.assertEqual(found[q * k : (q + 1) * k], self.plain.best(query, k), f"query {q}")

    def test_from_a_file_through_every_change(self):
        vectors = self.vectors(300)
        made = good("index", "build", self.save("items.npy", vectors), "--out", self.index, "--json").json
        self.assertEqual((made["items"], made["dim"], made["kind"]), (300, DIM, "exact"))
        self.plain.add(range(300), vectors)
        self.expect_lists(10)

        more = self.vectors(40)
        added = good("index", "add", self.index, self.save("more.npy", more, "<f8"), "--json").json
        self.assertEqual((added["added"], added["replaced"], added["segments"]), (40, 0, 2))
        self.plain.add(range(300, 340), more)
        self.expect_lists(10)

        ids, other = [17, 5_000_000_000, 339], self.vectors(3)
        added = good("index", "add", self.index, self.save("other.npy", other), "--ids", self.save_ids("ids.npy", ids), "--json").json
        self.assertEqual((added["added"], added["replaced"], added["items"]), (1, 2, 341))
        self.plain.add(ids, other)
        self.expect_lists(10)

        gone = [0, 299, 300, 5_000_000_000]
        removed = good("index", "remove", self.index, "--ids", self.save_ids("gone.npy", gone), "--json").json
        self.assertEqual((removed["removed"], removed["items"]), (4, 337))
        self.plain.remove(gone)
        self.expect_lists(25)

        inspected = good("inspect", self.index, "--json").json
        self.assertEqual((inspected["kind"], inspected["items"], inspected["removed_rows"], inspected["segments"]),
                         ("segue item index", 337, 6, 3))
        self.assertIn("337", good("inspect", self.index).out)
        compacted = good("index", "compact", self.index, "--json").json
        self.assertEqual((compacted["items"], compacted["removed_rows"], compacted["segments"]), (337, 0, 1))
        self.expect_lists(25)
        self.expect_lists(340)

    def test_lists_and_how_many_of_them_to_look_into(self):
        vectors = self.vectors(900)
        self.plain.add(range(900), vectors)
        items, asked = self.save("items.npy", vectors), self.save("asked.npy", self.vectors(80))
        made = good("index", "build", items, "--queries", asked, "--out", self.index, "index.kind=ivf", "index.lists=20",
                    "index.target_recall=0.8", "--json").json
        calibration = made["calibration"]
        self.assertEqual((calibration["queries"], calibration["n_queries"]), ("given", 80))
        self.assertEqual(made["probes"], calibration["probes"] if calibration["searches"] == "lists" else 0)
        self.assertGreater(calibration["recall"], 0.6)
        queries = self.save("queries.npy", self.queries)

        def share_found(*options):
            good("index", "search", self.index, queries, "--out", self.work / "lists", "--overwrite", *options)
            _, ids = read_npy(self.work / "lists" / "ids.npy")
            exact = [{item for item, _ in self.plain.best(query, 10)} for query in self.queries]
            return sum(len(exact[q] & set(ids[q * 10 : q * 10 + 10])) for q in range(len(exact))) / (10 * len(exact))

        self.assertEqual(share_found("--probes", 0), 1)
        self.assertEqual(share_found("--probes", 1000), 1)
        self.assertLess(share_found("--probes", 1), 1)
        self.assertGreater(share_found(), 0.6)
        asked_for = ("index", "search", self.index, queries, "--out", self.work / "lists", "--overwrite", "--recall", 0.9)
        self.assertEqual(good(*asked_for, "--json").json["expected_recall"], 1)  # a CPU loses nothing
        self.assertEqual(segue(*asked_for, "--probes", 1).code, 2)
        self.assertEqual(share_found("--recall", 0.9), 1)
        again = good("index", "compact", self.index, "--json").json
        self.assertEqual(again["calibration"]["probes"], calibration["probes"])
        self.assertIn("probes", good("inspect", self.index).out)
        result = segue("index", "build", items, "--out", self.work / "new", "index.kind=ivf", "index.dtype=int8")
        self.assertEqual(result.code, 3, result)

    def test_the_nearest_in_halves(self):
        vectors = self.vectors(200)
        good("index", "build", self.save("items.npy", vectors), "--out", self.index, "index.metric=l2", "index.dtype=float16")
        good("index", "search", self.index, self.save("queries.npy", self.queries), "--k", 4, "--out", self.work / "lists")
        (_, ids), (_, scores) = read_npy(self.work / "lists" / "ids.npy"), read_npy(self.work / "lists" / "scores.npy")
        for q, query in enumerate(self.queries):
            distance = [sum((a - b) ** 2 for a, b in zip(query, vector)) for vector in vectors]
            expected = sorted(range(200), key=lambda item: (distance[item], item))[:4]
            self.assertEqual(list(ids[4 * q : 4 * q + 4]), expected)
            norm = sum(a * a for a in query)
            self.assertEqual([norm - 2 * score for score in scores[4 * q : 4 * q + 4]], [distance[item] for item in expected])

    def test_ids_are_the_users(self):
        vectors, ids = self.vectors(20), [10**12 - i for i in range(20)]
        good("index", "build", self.save("items.npy", vectors), "--ids", self.save_ids("ids.npy", ids), "--out", self.index)
        self.plain.add(ids, vectors)
        self.expect_lists(5)

    def test_a_gpu_finds_the_same_or_is_missed_by_name(self):
        good("index", "build", self.save("items.npy", self.vectors(200)), "--out", self.index)
        queries = self.save("queries.npy", self.queries)
        good("index", "search", self.index, queries, "--out", self.work / "lists")
        result = segue("index", "search", self.index, queries, "--out", self.work / "on-gpu", "--device", "cuda")
        if result.code == 0:
            self.assertEqual(files_below(self.work / "on-gpu"), files_below(self.work / "lists"))
        else:
            self.assertEqual(result.code, 5, result)
            self.assertIn("device cuda: ", result.err)

    def test_an_unknown_id_changes_nothing(self):
        good("index", "build", self.save("items.npy", self.vectors(20)), "--out", self.index)
        before = files_below(self.index)
        result = segue("index", "remove", self.index, "--ids", self.save_ids("ids.npy", [3, 88], "<i4"))
        self.assertEqual(result.code, 4, result)
        self.assertIn("88", result.err)
        self.assertEqual({**files_below(self.index), "lock": None}, {**before, "lock": None})

    def test_what_is_there_is_not_overwritten_by_accident(self):
        items = self.save("items.npy", self.vectors(20))
        good("index", "build", items, "--out", self.index)
        self.assertEqual(segue("index", "build", items, "--out", self.index).code, 2)
        good("index", "build", items, "--out", self.index, "--overwrite")
        full = self.work / "full"
        full.mkdir()
        (full / "letter.txt").write_text("dear")
        for command in (("index", "build", items, "--out", full, "--overwrite"),
                        ("index", "search", self.index, items, "--out", full, "--overwrite")):
            self.assertEqual(segue(*command).code, 2)
        self.assertEqual((full / "letter.txt").read_text(), "dear")

    def test_wrong_input_is_named(self):
        items = self.save("items.npy", self.vectors(20))
        good("index", "build", items, "--out", self.index)
        narrow = write_npy(self.work / "narrow.npy", [1.0] * 4, (2, 2))
        ids = self.save_ids("ids.npy", [1, 2])
        text = self.work / "items.csv"
        text.write_text("1,2\n")
        for command, code, word in (
                (("build", items), 2, "--out"),
                (("build", ids, "--out", self.work / "new"), 4, "ids.npy"),
                (("build", text, "--out", self.work / "new"), 4, "items.csv"),
                (("build", items, "index.kind=graph", "--out", self.work / "new"), 3, "'graph' is none of exact, ivf"),
                (("build", items, "index.list=4", "--out", self.work / "new"), 3, "did you mean 'lists'?"),
                (("build", items, "--ids", ids, "--out", self.work / "new"), 4, "2 ids for 20 vectors"),
                (("add", self.index, narrow), 4, "6 dimensions"),
                (("search", self.index, narrow, "--out", self.work / "lists"), 4, "narrow.npy"),
                (("search", self.index, items, "--out", self.work / "lists", "--device", "gpu"), 2, "--device"),
                (("search", self.work, items, "--out", self.work / "lists"), 4, "not an index")):
            result = segue("index", *command)
            self.assertEqual(result.code, code, result)
            self.assertIn(word, result.err)
        self.assertFalse((self.work / "new").exists())

    def test_damaged_files_are_refused_by_every_command(self):
        items = self.save("items.npy", self.vectors(20))
        good("index", "build", items, "--out", self.index)
        segment = self.index / "segment-000001.safetensors"
        whole = segment.read_bytes()
        for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
            segment.write_bytes(damaged)
            for command in (("index", "search", self.index, items, "--out", self.work / "lists"), ("index", "add", self.index, items),
                            ("index", "compact", self.index), ("inspect", self.index)):
                result = segue(*command)
                self.assertEqual(result.code, 4, result)
                self.assertIn(segment.name, result.err)
        segment.write_bytes(whole)
        manifest = json.loads((self.index / "manifest.json").read_text())
        (self.index / "manifest.json").write_text(json.dumps({**manifest, "version": 99}))
        self.assertIn("newer", segue("inspect", self.index).err)


class BundleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = work = pathlib.Path(cls.directory.name)
        make_world(work, tests=60)
        good("train", write_config(work, epochs=1))
        good("export", work / "run", "--out", work / "bundle")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def lists(self, bundle, name):
        out = self.work / name
        good("recommend", bundle, "--histories", self.work / "data" / "test_histories.csv", "--out", out)
        return [row for path in sorted(out.glob("part-*")) for row in pyarrow.parquet.read_table(path).to_pylist()]

    def test_recommend_takes_the_index_of_its_bundle(self):
        plain = self.lists(self.work / "bundle", "plain")
        bundle = self.work / "indexed"
        shutil.copytree(self.work / "bundle", bundle)
        made = good("index", "build", bundle, "--json").json
        self.assertEqual(made["index"], str(bundle / "index"))
        self.assertEqual(self.lists(bundle, "by-index"), plain)
        self.assertEqual(good("inspect", bundle, "--json").json["index"], "index")
        good("index", "build", bundle, "--overwrite", "index.kind=ivf", "index.lists=8", "index.probes=8")
        self.assertEqual(self.lists(bundle, "by-all-lists"), plain)
        good("index", "build", bundle, "--overwrite", "index.kind=ivf", "index.lists=8", "index.probes=1")
        self.assertNotEqual(self.lists(bundle, "by-one-list"), plain)
        self.assertEqual(segue("index", "build", bundle, "--overwrite", "index.metric=l2").code, 3)
        # It is really read: with damaged vectors there are no recommendations.
        segment = bundle / "index" / "segment-000001.safetensors"
        segment.write_bytes(segment.read_bytes()[:-4] + b"\0\0\0\1")
        result = segue("recommend", bundle, "--histories", self.work / "data" / "test_histories.csv", "--out", self.work / "none")
        self.assertEqual(result.code, 4, result)
        self.assertIn(segment.name, result.err)

    def test_export_puts_an_index_into_the_bundle_where_the_configuration_has_one(self):
        self.assertFalse((self.work / "bundle" / "index").exists())
        good("export", self.work / "run", "index.kind=exact", "--out", self.work / "exported")
        self.assertEqual(self.lists(self.work / "exported", "by-export"), self.lists(self.work / "bundle", "by-none"))
        built = self.work / "built"
        shutil.copytree(self.work / "bundle", built)
        good("index", "build", built)
        self.assertEqual(files_below(self.work / "exported" / "index"), files_below(built / "index"))

    def test_an_index_of_other_weights_or_items_is_refused(self):
        config = write_config(self.work, epochs=1, name="other.yaml",
                              edit=lambda text: text.replace("seed: 3", "seed: 4").replace("/run", "/other-run"))
        good("train", config)
        good("export", self.work / "other-run", "index.kind=exact", "--out", self.work / "other")
        bundle = self.work / "mixed"
        shutil.copytree(self.work / "bundle", bundle)
        shutil.copytree(self.work / "other" / "index", bundle / "index")
        arguments = ("recommend", bundle, "--histories", self.work / "data" / "test_histories.csv", "--out", self.work / "none")
        result = segue(*arguments)
        self.assertEqual(result.code, 4, result)
        self.assertIn("other weights", result.err)
        self.assertIn("segue index build", result.err)
        good("index", "build", bundle, "--overwrite")
        good("index", "remove", bundle / "index", "--ids", write_npy(self.work / "ids.npy", [3], (1,), "<i8"))
        result = segue(*arguments)
        self.assertEqual(result.code, 4, result)
        self.assertIn("items of the bundle", result.err)


if __name__ == "__main__":
    unittest.main()
