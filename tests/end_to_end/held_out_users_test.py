"""Held-out users: whole sequences are split off by a hash of their id, and each is asked for the rest of its items. The figures of
`popularity` are computed again here, from the events and the parts that the prepared dataset states."""
import collections
import json
import math
import pathlib
import tempfile
import unittest

import pyarrow

from program import good, segue

CONFIGURATION = 3
CONFIG = """\
seed: 3
device: cpu
threads: 1
data:
  prepared: {work}/prepared
  events: {work}/events.csv
  columns: {{sequence: user, item: item}}
  split: {{kind: users, validation_fraction: 0.2, test_fraction: 0.3}}
model: {{kind: gru_session, embedding_dim: 8, hidden_dim: 8}}
training: {{epochs: 1, batch_sequences: 16, metric: recall@5}}
evaluation:
  positions: rest
  given: 0.6
  hide_seen: true
  metrics: [recall@5, ndcg@5, precision@40, hit_rate@3, mrr@30]
  baselines: {{names: [popularity, markov]}}
  bootstrap_samples: 50
output: {{run: {work}/run}}
"""


def items_of(user):
    """Up to 23 of 31 items, small numbers more often; some users come back to one, and have one that nobody else has."""
    n = 2 + user * 7 % 22
    items = [f"i{(user * 13 + k * k) % 31 % (5 + k)}" for k in range(n)]
    return items + [f"only{user}"] if user % 4 == 0 else items


def table_of(path):
    with pyarrow.memory_map(str(path)) as source:
        return pyarrow.ipc.open_file(source).read_all().to_pydict()


class HeldOutUsersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.directory.name)
        cls.users = {f"u{user}": items_of(user) for user in range(120)}
        rows = [(place, user, item) for user, items in cls.users.items() for place, item in enumerate(items)]
        rows.sort(key=lambda row: row[0])  # users take turns
        (cls.work / "events.csv").write_text("user,item\n" + "".join(f"{user},{item}\n" for _, user, item in rows))
        cls.config = cls.work / "config.yaml"
        cls.config.write_text(CONFIG.format(work=cls.work))
        good("train", cls.config)
        cls.evaluation = good("evaluate", cls.work / "run", "--json").json

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def parts(self):
        """{user: train, validation or test}, each user in one part as a whole."""
        table = table_of(self.work / "prepared" / "sequences.arrow")
        parts = {}
        for s, user in enumerate(table["id"][:-1]):
            ends = (table["begin"][s], table["train_end"][s], table["valid_end"][s], table["begin"][s + 1])
            sizes = [ends[p + 1] - ends[p] for p in range(3)]
            self.assertEqual(sorted(sizes)[:2], [0, 0], user)
            parts[user] = ("train", "validation", "test")[sizes.index(max(sizes))]
        return parts

    def test_figures_of_popularity_by_plain_python(self):
        parts = self.parts()
        rows = [json.loads(line) for line in (self.work / "prepared" / "items.txt").read_text().splitlines()]
        counts = collections.Counter(item for user, part in parts.items() if part == "train" for item in self.users[user])
        self.assertEqual(set(counts), set(rows))
        order = sorted(rows, key=lambda item: (-counts[item], rows.index(item)))
        figures, n_relevant, n_repeated, n_unknown, n_left_out = collections.defaultdict(list), 0, 0, 0, 0
        for user, part in parts.items():
            if part != "test":
                continue
            items = self.users[user]
            cut = min(math.ceil(0.6 * len(items) - 1e-9), len(items) - 1)
            history, rest = items[:cut], set(items[cut:])
            new = rest - set(history)
            n_repeated += len(rest) - len(new)
            if not new:
                n_left_out += 1
                continue
            n_unknown += len(new - set(rows))
            n_relevant += len(new)
            ranked = [item for item in order if item not in history]
            hits = [rank for rank, item in enumerate(ranked, 1) if item in new]
            gain = lambda ranks: sum(1 / math.log2(rank + 1) for rank in ranks)
            figures["recall@5"].append(sum(rank <= 5 for rank in hits) / min(5, len(new)))
            figures["ndcg@5"].append(gain(rank for rank in hits if rank <= 5) / gain(range(1, min(5, len(new)) + 1)))
            figures["precision@40"].append(sum(rank <= 40 for rank in hits) / 40)
            figures["hit_rate@3"].append(any(rank <= 3 for rank in hits))
            figures["mrr@30"].append(1 / hits[0] if hits and hits[0] <= 30 else 0)
        self.assertGreater(min(n_repeated, n_unknown), 0, "the events do not try everything")
        protocol = self.evaluation["protocol"]
        n = len(figures["recall@5"])
        self.assertEqual((protocol["positions"], protocol["given"], protocol["n_queries"]), ("rest", 0.6, n))
        self.assertAlmostEqual(protocol["mean_relevant_items"], n_relevant / n, places=12)
        self.assertEqual(protocol["repeated_targets"], n_repeated)
        self.assertEqual(protocol["unknown_targets"], n_unknown)
        self.assertEqual(protocol["sequences_left_out"], n_left_out)
        popularity = next(system for system in self.evaluation["systems"] if system["name"] == "popularity")
        for name, values in figures.items():
            self.assertAlmostEqual(popularity["metrics"][name]["value"], sum(values) / n, places=12, msg=name)

    def test_a_run_its_bundle_and_its_report(self):
        good("export", self.work / "run", "--out", self.work / "bundle")
        of_bundle = good("evaluate", self.work / "bundle", f"data.prepared={self.work}/prepared", "--json").json
        self.assertEqual(of_bundle["systems"], self.evaluation["systems"])
        good("report", self.work / "run")
        self.assertIn("asked for the rest of its items", (self.work / "run" / "report.html").read_text())

    def test_validation_is_of_sets_too(self):
        of_validation = good("evaluate", self.work / "run", "evaluation.part=validation", "--out", self.work / "validation", "--json").json
        log = [line for line in (self.work / "run" / "training.jsonl").read_text().splitlines() if '"epoch"' in line and "recall@5" in line]
        self.assertIn(f'"recall@5":{of_validation["systems"][0]["metrics"]["recall@5"]["value"]}', log[-1].replace(" ", ""))

    def test_a_bayes_file_is_refused(self):
        result = segue("evaluate", self.work / "run", "evaluation.bayes=some.parquet")
        self.assertEqual(result.code, CONFIGURATION, str(result))
        self.assertIn("clear evaluation.bayes", result.err)


if __name__ == "__main__":
    unittest.main()
