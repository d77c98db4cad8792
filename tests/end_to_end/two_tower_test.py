"""The two-tower retriever from events to lists: several categories an item, ages, intervals, rewards, items that nobody has seen; what is missing is said."""
import array
import csv
import datetime
import json
import math
import pathlib
import random
import struct
import tempfile
import unittest

from program import good, segue

CONFIGURATION, DATA = 3, 4
N_USERS, N_ITEMS, N_NEW = 120, 24, 6
CONFIG = """\
seed: 3
device: cpu
threads: 1
data:
  prepared: {work}/prepared
  events: {work}/events.csv
  columns: {{sequence: user, item: item, time: when, reward: minutes}}
  features:
    - {{name: device, context: true, history: false}}
  items:
    files: {work}/items.csv
    column: id
    untrained: true
    available_until: leaves
    features:
      - {{name: genres, kind: categories}}
      - {{name: uploaded, kind: age, column: uploaded}}
  split: {{kind: time, validation_fraction: 0.1, test_fraction: 0.1}}
model: {{kind: two_tower, embedding_dim: 12, vector_dim: 12, user_layers: [16], item_layers: [16], id_dropout: 0.5, example_age: true}}
training: {{epochs: 25, batch_sequences: 16, learning_rate: 0.01, warmup_steps: 5, loss: sampled_softmax, n_negatives: 16, in_batch_negatives: true, memory_size: 64,
  item_probability: streaming, reward_weighting: true, targets_per_sequence: 8, metric: recall@5}}
evaluation: {{positions: rest, metrics: [recall@5, ndcg@5], bootstrap_samples: 10}}
recommend: {{k: 5, format: csv}}
output: {{run: {work}/run}}
"""
FIRST_DAY = datetime.datetime(2024, 1, 1)


def stamp(day):
    return (FIRST_DAY + datetime.timedelta(days=day)).strftime("%Y-%m-%d %H:%M:%S")


def genre_of(item):
    return "drama" if item % 2 else "comedy"


def write_world(work):
    """Users like one genre and watch ten of its items over a hundred days; item 0 leaves on day 85; the last items come in the test part alone."""
    generator = random.Random(4)
    with open(work / "items.csv", "w") as file:
        file.write("id,genres,uploaded,leaves\n")
        for item in range(N_ITEMS + N_NEW):
            extra = "|short" if item % 3 == 0 else ""
            genres = "" if item == 5 else genre_of(item) + extra
            file.write(f"i{item},{genres},{stamp(-item)},{stamp(85) if item == 0 else ''}\n")
    rows = []
    for user in range(N_USERS):
        for i in range(10):
            day = 10 * i + generator.random() * 9
            item = 2 * generator.randrange(N_ITEMS // 2) + user % 2
            if day > 90 and generator.random() < 0.5:
                item = N_ITEMS + 2 * generator.randrange(N_NEW // 2) + user % 2
            rows.append((day, f"u{user},i{item},{stamp(day)},{1 + item % 5},{'tv' if user % 3 else 'phone'}\n"))
    header = "user,item,when,minutes,device\n"
    (work / "histories.csv").write_text(header + "".join(row for _, row in rows))
    (work / "events.csv").write_text(header + "".join(row for _, row in sorted(rows)))


def tensors_of(path):
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    codes = {"F32": "f", "I32": "i", "I64": "q"}
    return {name: list(array.array(codes[entry["dtype"]], content[8 + length:][slice(*entry["data_offsets"])])) for name, entry in header.items()}


class TwoTowerTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = pathlib.Path(directory.name)
        write_world(self.work)
        self.config = self.work / "config.yaml"
        self.config.write_text(CONFIG.format(work=self.work))

    def refused(self, code, words, *command):
        result = segue(*command)
        self.assertEqual(result.code, code, str(result))
        for word in words:
            self.assertIn(word, result.err, str(result))

    def lists(self, out):
        lists = {}
        for shard in sorted(out.glob("part-*.csv")):
            with open(shard, newline="") as file:
                for row in csv.DictReader(file):
                    lists.setdefault(row["sequence"], []).append(row["item"])
        return lists

    def test_from_events_to_lists(self):
        good("train", self.config)
        evaluation = good("evaluate", self.work / "run", "--json").json
        self.assertIn("known by their features alone", evaluation["protocol"]["candidates"])
        bundle = self.work / "bundle"
        good("export", self.work / "run", "--out", bundle)

        # Tables of the bundle against the files.
        items = [json.loads(line) for line in (bundle / "items.txt").read_text().splitlines()]
        tables = tensors_of(bundle / "item_features.safetensors")
        transform = next(f for f in json.loads((bundle / "item_features.json").read_text())["features"] if f["name"] == "genres")
        with open(self.work / "items.csv", newline="") as file:
            described = {row["id"]: row for row in csv.DictReader(file)}
        self.assertEqual(sorted(items), sorted(described))
        offsets = tables["genres.offsets"]
        for row, item in enumerate(items):
            values = [transform["values"][code - 1] for code in tables["genres"][offsets[row]:offsets[row + 1]]]
            self.assertEqual(sorted(values), sorted(filter(None, described[item]["genres"].split("|"))), item)
        self.assertEqual(offsets[len(items)], offsets[len(items) + 1])  # nothing is known of the unknown item
        ages = [math.log1p(int(item[1:])) for item in items]
        order = sorted(range(len(items)), key=lambda row: tables["uploaded"][row])
        self.assertEqual(order, sorted(range(len(items)), key=ages.__getitem__))

        # Items without an event in the training part have no embedding of their own, and are found by their genre.
        weights = tensors_of(bundle / "weights.safetensors")
        unseen = [row for row, item in enumerate(items) if int(item[1:]) >= N_ITEMS]
        for row in unseen:
            self.assertEqual(set(weights["item_embedding.weight"][12 * row:12 * (row + 1)]), {0.0})
        out = self.work / "out"
        good("recommend", bundle, "--histories", self.work / "histories.csv", "--out", out, "recommend.hide_seen=false", "recommend.k=30")
        ranks = {False: [], True: []}
        for user, listed in self.lists(out).items():
            self.assertNotIn("i0", listed)  # it has left
            for rank, item in enumerate(listed):
                if int(item[1:]) >= N_ITEMS:
                    ranks[int(item[1:]) % 2 == int(user[1:]) % 2].append(rank)
        self.assertLess(sum(ranks[True]) / len(ranks[True]) + 5, sum(ranks[False]) / len(ranks[False]))
        cold = good("evaluate", self.work / "run", "--json", "evaluation.untrained_targets=true", "evaluation.untrained_candidates=true",
                    "evaluation.metrics=[recall@3]", "evaluation.baselines.names=[popularity]").json
        found = {system["name"]: system["metrics"]["recall@3"]["value"] for system in cold["systems"]}
        self.assertGreater(found["two_tower"], found["popularity"] + 0.2)  # three of the six new items are of the user's genre

        # Before it left, item 0 was there.
        early = self.work / "early.csv"
        early.write_text("user,item,when,device\n" + "".join(f"a,i{2 * i},{stamp(20 + i)},tv\n" for i in range(1, 9)))
        good("recommend", bundle, "--histories", early, "--out", self.work / "early", "recommend.k=30")
        self.assertIn("i0", self.lists(self.work / "early")["a"])

        # What a request lacks is said, never taken for zero.
        without = self.work / "without.csv"
        without.write_text("user,item,when\n" + f"a,i2,{stamp(3)}\n")
        self.refused(DATA, ["without.csv", "device"], "recommend", bundle, "--histories", without, "--out", self.work / "none")
        asks = self.work / "asks.csv"
        asks.write_text("user,item,when,device\n" + f"a,i2,{stamp(3)},tv\na,,{stamp(4)},phone\nb,i2,{stamp(3)},tv\nb,,{stamp(4)},tv\n")
        good("recommend", bundle, "--histories", asks, "--out", self.work / "asked", "recommend.k=30")

    def test_bad_input_is_told(self):
        events = (self.work / "events.csv").read_text().splitlines()
        (self.work / "events.csv").write_text("\n".join(events[:5] + [events[5].rsplit(",", 2)[0] + ",-3,tv"] + events[6:]) + "\n")
        self.refused(DATA, ["events.csv", "line 6", "minutes"], "prepare", self.config)
        write_world(self.work)
        self.refused(CONFIGURATION, ["data.columns.reward"], "train", self.config, "data.columns.reward=")
        self.refused(CONFIGURATION, ["data.columns.time"], "train", self.config, "data.columns.time=", "data.split.kind=users")
        self.refused(CONFIGURATION, ["min_item_count"], "prepare", self.config, "data.filters.min_item_count=2")
        self.refused(CONFIGURATION, ["include_validation", "untrained"], "train", self.config, "--overwrite", "training.include_validation=true")
        self.refused(CONFIGURATION, ["user_layers"], "train", self.config, "model.user_layers=[0]")
        self.refused(CONFIGURATION, ["in_batch_negatives"], "train", self.config, "training.loss=cross_entropy")
        self.refused(CONFIGURATION, ["temperatur"], "train", self.config, "model.temperatur=1")


if __name__ == "__main__":
    unittest.main()
