"""A search over settings: what it leaves, how it goes on after a stop, what it refuses, and that it never looks at the test part."""
import json
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from program import PROGRAM, environment, good, make_world, segue, write_config

USAGE, CONFIGURATION, DATA, NUMERIC = 2, 3, 4, 6
N_ITEMS, N_TRIALS = 40, 8
CONFIG = """\
seed: 5
device: cpu
threads: 1
data:
  prepared: {work}/prepared
  events: {work}/train.csv
  validation_events: {work}/validation.csv
  test_events: {work}/test.csv
  columns: {{sequence: user, item: item, time: time}}
  split: {{kind: files}}
model: {{kind: item_knn}}
training: {{metric: ndcg@5}}
evaluation: {{metrics: [hit_rate@5, ndcg@10, coverage@5], baselines: {{names: [popularity]}}, bootstrap_samples: 20}}
tune:
  trials: 8
  search:
    model.neighbours: {{low: 1, high: 30, scale: log, integer: true}}
    model.shrink: {{low: 0.1, high: 1000, scale: log}}
    model.user_exponent: {{values: [0, 0.5, 1]}}
"""


def write_events(path, part, seed, n_users):
    """Users of one part, who mostly go from item i to i + 1 or i + 2."""
    generator = random.Random(seed)
    rows = []
    for user in range(n_users):
        item = generator.randrange(N_ITEMS)
        for time_s in range(6):
            rows.append(f"{part}{user},i{item},{time_s}\n")
            item = (item + generator.choice([1, 2])) % N_ITEMS if generator.random() < 0.7 else generator.randrange(N_ITEMS)
    path.write_text("user,item,time\n" + "".join(rows))


def make_events(work):
    for seed, (part, n_users) in enumerate({"train": 150, "validation": 80, "test": 80}.items()):
        write_events(work / f"{part}.csv", part, seed, n_users)


def trials_of(search):
    return [json.loads(line) for line in (search / "trials.jsonl").read_text().splitlines()]


def without_seconds(trials):
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in trials]


class TuneTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.directory.name)
        make_events(cls.work)
        cls.config = cls.work / "knn.yaml"
        cls.config.write_text(CONFIG.format(work=cls.work))
        cls.search = cls.work / "search"
        cls.printed = good("tune", cls.config, "--out", cls.search, "--json").json
        cls.trials = trials_of(cls.search)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def copy_of_search(self, name):
        copy = self.work / name
        shutil.copytree(self.search, copy)
        return copy

    def test_trials_are_logged_within_their_ranges(self):
        self.assertEqual([trial["trial"] for trial in self.trials], list(range(1, N_TRIALS + 1)))
        self.assertEqual(self.trials[0]["values"], {"model.neighbours": 2000, "model.shrink": 0, "model.user_exponent": 1},
                         "the first trial is the configuration as it stands")
        for trial in self.trials[1:]:
            self.assertIn(trial["values"]["model.neighbours"], range(1, 31))
            self.assertTrue(0.1 <= trial["values"]["model.shrink"] <= 1000)
            self.assertIn(trial["values"]["model.user_exponent"], (0, 0.5, 1))
        for trial in self.trials:
            self.assertEqual((trial["status"], trial["metric"], trial["best_epoch"]), ("finished", "ndcg@5", None))
            self.assertEqual(set(trial["metrics"]), {"ndcg@5", "hit_rate@5", "ndcg@10"}, "coverage is of no single query")
            self.assertEqual(trial["metrics"]["ndcg@5"], trial["value"])
        self.assertGreater(len({trial["value"] for trial in self.trials}), 3, "a search of one value shows nothing")

    def test_the_best_trial_is_kept_and_can_be_trained_again(self):
        best = max(self.trials, key=lambda trial: trial["value"])
        self.assertEqual(self.printed["best"], best)
        run = self.search / "trials" / f"{best['trial']:04}"
        self.assertEqual(self.printed["run"], str(run))
        self.assertEqual([path.parent.parent for path in self.search.rglob("*.safetensors")], [run], "weights of the best alone")
        evaluated = good("evaluate", run, "evaluation.part=validation", "evaluation.metrics=[ndcg@5]", "--json").json
        self.assertEqual(evaluated["systems"][0]["metrics"]["ndcg@5"]["value"], best["value"])
        good("export", run, "--out", self.work / "bundle")

        trained = good("train", self.search / "best.yaml", "--json").json
        self.assertEqual((trained["run"], trained["best_metric"]), (str(self.search / "best"), best["value"]))
        self.assertEqual((self.search / "best" / "checkpoints" / "best.safetensors").read_bytes(),
                         (run / "checkpoints" / "best.safetensors").read_bytes())

    def test_best_yaml_keeps_the_folder_that_was_named(self):
        good("tune", self.config, "--out", self.work / "named", "--trials", 1, f"output.run={self.work}/elsewhere")
        self.assertIn(f"run: {self.work}/elsewhere", (self.work / "named" / "best.yaml").read_text())
        self.assertFalse((self.work / "elsewhere").exists(), "trials have folders of their own")

    def test_the_table_begins_with_the_best(self):
        shown = good("tune", self.config, "--out", self.search, "--resume").out.splitlines()
        self.assertEqual(shown[0].split(), ["trial", "ndcg@5", "seconds", "model.neighbours", "model.shrink", "model.user_exponent"])
        order = sorted(self.trials, key=lambda trial: (-trial["value"], trial["trial"]))
        self.assertEqual([int(line.split()[0]) for line in shown[1:1 + N_TRIALS]], [trial["trial"] for trial in order])
        self.assertIn(str(self.search / "best.yaml"), shown[-1])

    def test_a_stopped_search_goes_on_as_if_it_had_not_been(self):
        search = self.copy_of_search("stopped")
        lines = (search / "trials.jsonl").read_text().splitlines(keepends=True)
        (search / "trials.jsonl").write_text("".join(lines[:3]))
        shutil.rmtree(search / "trials" / "0006")
        good("tune", self.config, "--out", search, "--resume")
        self.assertEqual(without_seconds(trials_of(search)), without_seconds(self.trials))
        self.assertEqual(trials_of(search)[:3], self.trials[:3], "what was finished is not run again")
        self.assertEqual((search / "best.yaml").read_text(), (self.search / "best.yaml").read_text().replace(str(self.search), str(search)))
        self.assertEqual([path.relative_to(search) for path in search.rglob("*.safetensors")],
                         [path.relative_to(self.search) for path in (self.search / "trials").rglob("*.safetensors")])

    def test_more_trials_go_on_behind_the_last(self):
        search = self.work / "more"
        good("tune", self.config, "--out", search, "--trials", 2)
        self.assertEqual(without_seconds(trials_of(search)), without_seconds(self.trials[:2]))
        good("tune", self.config, "--out", search, "--trials", N_TRIALS, "--resume")
        self.assertEqual(without_seconds(trials_of(search)), without_seconds(self.trials))

    def test_the_seed_decides_the_draws(self):
        search = self.work / "seeded"
        good("tune", self.config, "--out", search, "--trials", 2, "tune.seed=6")
        self.assertEqual(trials_of(search)[0]["value"], self.trials[0]["value"])
        self.assertNotEqual(trials_of(search)[1]["values"], self.trials[1]["values"])

    def test_any_metric_can_rank(self):
        search = self.work / "recall"
        printed = good("tune", self.config, "--out", search, "--trials", 2, "tune.metric=recall@20", "--json").json
        self.assertEqual(printed["metric"], "recall@20")
        for trial, before in zip(trials_of(search), self.trials):
            self.assertEqual(trial["metrics"]["hit_rate@5"], before["metrics"]["hit_rate@5"])
            self.assertGreaterEqual(trial["value"], trial["metrics"]["hit_rate@5"])

    def test_the_test_part_is_never_looked_at(self):
        # The same configuration, data and search in another folder, where the test part alone is another: other users, other orders.
        other = self.work / "other"
        other.mkdir()
        make_events(other)
        write_events(other / "test.csv", "stranger", 99, 120)
        config = other / "knn.yaml"
        config.write_text(CONFIG.format(work=other))
        good("tune", config, "--out", other / "search")
        fingerprints = [json.loads((search / "manifest.json").read_text())["data"]["fingerprint"] for search in (self.search, other / "search")]
        self.assertNotEqual(*fingerprints, "the datasets differ")
        self.assertEqual(without_seconds(trials_of(other / "search")), without_seconds(self.trials))
        # The replaced part decides what is measured on it, so that equal trials are no accident of equal data.
        run = f"trials/{self.printed['best']['trial']:04}"
        on_test = [good("evaluate", search / run, "--out", search.parent / "evaluated", "--json").json["systems"][0]["metrics"]["hit_rate@5"]["value"]
                   for search in (self.search, other / "search")]
        self.assertNotEqual(*on_test)
        self.assertFalse(list(other.joinpath("search").rglob("evaluation.json")))

    def assert_refused(self, code, said, *arguments, untouched=None):
        result = segue("tune", *arguments)
        self.assertEqual(result.code, code, str(result))
        self.assertRegex(result.err, said)
        if untouched:
            self.assertFalse(untouched.exists(), "an error before the first trial leaves nothing")

    def test_what_a_key_refuses_is_said_before_the_first_trial(self):
        out = self.work / "refused"
        for said, search in ((r"knn\.yaml:\d+:\d+: tune\.search\.model\.shrinkage: unknown key 'model\.shrinkage'; did you mean 'shrink'", None),
                             (r"tune\.search\.model\.user_exponent: model\.user_exponent: 11 is out of range", "{model.user_exponent: {low: 0, high: 11}}"),
                             (r"tune\.search\.model\.user_exponent: model\.user_exponent: -1 is out of range", "{model.user_exponent: {values: [0, -1]}}"),
                             (r"tune: trial 2 \(model\.neighbours=\d+\.\d+\): model\.neighbours: expected a whole number", "{model.neighbours: {low: 1, high: 9}}"),
                             (r"tune\.search\.data\.prepared: only keys of the sections model and training", "{data.prepared: {values: [a, b]}}"),
                             (r"tune\.search\.training\.metric: all trials share it", "{training.metric: {values: [ndcg@5]}}"),
                             (r"tune\.search: nothing to search", "{}")):
            if search is None:
                config = self.work / "misspelt" / "knn.yaml"
                config.parent.mkdir()
                config.write_text(CONFIG.format(work=self.work).replace("model.shrink:", "model.shrinkage:"))
                self.assert_refused(CONFIGURATION, said, config, "--out", out, untouched=out)
            else:
                self.assert_refused(CONFIGURATION, said, self.config, f"tune.search={search}", "--out", out, untouched=out)
        self.assert_refused(CONFIGURATION, r"tune\.metric: training\.metric", self.config, "tune.metric=coverage@5", "--out", out, untouched=out)
        self.assert_refused(CONFIGURATION, "include_validation", self.config, "training.include_validation=true", "--out", out, untouched=out)

    def test_resuming_another_search_is_refused(self):
        write_events(self.work / "strangers.csv", "stranger", 99, 20)
        for said, override in ((r"'search\.model\.shrink\.high' is 50\.0 now and was 1000\.0",
                                "tune.search={model.neighbours: {low: 1, high: 30, scale: log, integer: true}, "
                                "model.shrink: {low: 0.1, high: 50, scale: log}, model.user_exponent: {values: [0, 0.5, 1]}}"),
                               (r"'seed' is 6", "tune.seed=6"), (r"'metric'", "tune.metric=ndcg@10"),
                               (r"'settings\.model\.item_exponent'", "model.item_exponent=0.7"),
                               (r"'data\.fingerprint'", f"data.test_events={self.work}/strangers.csv")):
            prepared = f"data.prepared={self.work}/prepared-{'other' if 'data' in override else 'same'}"
            self.assert_refused(DATA, said, self.config, override, prepared, "--out", self.search, "--resume")
        self.assertEqual(trials_of(self.search), self.trials)

    def test_a_folder_is_not_overwritten_unless_asked(self):
        self.assert_refused(USAGE, "--resume goes on", self.config, "--out", self.search)
        self.assert_refused(USAGE, "is no search", self.config, "--out", self.work)
        self.assert_refused(DATA, "no search to resume", self.config, "--out", self.work / "nowhere", "--resume")
        search = self.copy_of_search("replaced")
        good("tune", self.config, "--out", search, "--trials", 1, "--overwrite")
        self.assertEqual(without_seconds(trials_of(search)), without_seconds(self.trials[:1]))
        self.assertEqual([path.name for path in (search / "trials").iterdir()], ["0001"])

    def test_a_damaged_log_is_named(self):
        search = self.copy_of_search("damaged")
        text = (search / "trials.jsonl").read_text()
        (search / "trials.jsonl").write_text(text[:-40])
        self.assert_refused(DATA, rf"trials\.jsonl:{N_TRIALS}: damaged.*take this line", self.config, "--out", search, "--resume")
        (search / "trials.jsonl").write_text(text.replace('"model.user_exponent":1', '"model.user_exponent":0.25', 1))
        self.assert_refused(DATA, r"trials\.jsonl:1: not a trial of this search", self.config, "--out", search, "--resume")


class TuneByGradientTest(unittest.TestCase):
    """Models that train in epochs: a trial's value is that of its best epoch, and a stop is not the end of a trial."""
    SEARCH = "tune.search={training.learning_rate: {low: 1e-3, high: 1e-1, scale: log}, model.hidden_dim: {values: [16, 24]}}"

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.directory.name)
        make_world(cls.work, trips=1500, tests=50)
        cls.config = write_config(cls.work, epochs=3)
        good("prepare", cls.config)
        cls.search = cls.work / "search"
        good("tune", cls.config, cls.SEARCH, "--trials", 3, "--out", cls.search)
        cls.trials = trials_of(cls.search)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def test_values_are_those_of_the_best_epoch(self):
        for trial in self.trials:
            run = self.search / "trials" / f"{trial['trial']:04}"
            epochs = [json.loads(line) for line in (run / "training.jsonl").read_text().splitlines() if '"kind":"epoch"' in line]
            self.assertEqual(trial["value"], max(epoch["hit_rate@4"] for epoch in epochs))
            best = epochs[trial["best_epoch"] - 1]
            self.assertEqual(trial["metrics"], {"hit_rate@4": best["hit_rate@4"], "mrr@10": best["mrr@10"]})
            self.assertFalse((run / "checkpoints" / "latest.safetensors").exists())

    def test_the_first_trial_is_what_train_makes(self):
        trained = good("train", self.config, f"output.run={self.work}/plain", "--json").json
        self.assertEqual((trained["best_metric"], trained["best_epoch"]), (self.trials[0]["value"], self.trials[0]["best_epoch"]))

    def test_an_interrupted_trial_goes_on_from_its_checkpoint(self):
        search = self.work / "interrupted"
        process = subprocess.Popen([PROGRAM, "tune", self.config, self.SEARCH, "--trials", "3", "--out", search], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=environment())
        log = search / "trials" / "0002" / "training.jsonl"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None and not (log.exists() and '"kind":"epoch"' in log.read_text()):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertRegex(err, r"stopped (in|before) trial \d/3; the same command with --resume goes on")
        finished = trials_of(search)
        self.assertLess(len(finished), 3)
        resumed = good("tune", self.config, self.SEARCH, "--trials", 3, "--out", search, "--resume")
        if "stopped in" in err:
            self.assertIn("resuming at step", resumed.err)
        self.assertEqual(without_seconds(trials_of(search)), without_seconds(self.trials))
        self.assertEqual(trials_of(search)[:len(finished)], finished)

    def test_a_trial_that_diverges_is_a_failed_trial(self):
        search = self.work / "diverged"
        diverge = "tune.search={training.learning_rate: {values: [1e30]}}"
        no_clipping = ("training.optimizer=sgd", "training.max_gradient_norm=0", "training.warmup_steps=0")
        shown = good("tune", self.config, diverge, *no_clipping, "--trials", 2, "--out", search)
        first, second = trials_of(search)
        self.assertEqual((first["status"], second["status"], second["value"]), ("finished", "failed", None))
        self.assertIn("not finite", second["error"])
        self.assertIn("failed", shown.out)
        self.assertTrue((search / "trials" / "0001" / "checkpoints" / "best.safetensors").exists())
        before = trials_of(search)
        good("tune", self.config, diverge, *no_clipping, "--trials", 2, "--out", search, "--resume")
        self.assertEqual(trials_of(search), before, "a failed trial is not run again")

    def test_a_search_that_fails_as_a_whole(self):
        result = segue("tune", self.config, "tune.search={training.learning_rate: {values: [1e30]}}", "training.learning_rate=1e30",
                       "training.optimizer=sgd", "training.max_gradient_norm=0", "training.warmup_steps=0", "--trials", 2, "--out", self.work / "none")
        self.assertEqual(result.code, NUMERIC, str(result))
        self.assertIn("all 2 trials failed", result.err)
        self.assertFalse((self.work / "none" / "best.yaml").exists())


if __name__ == "__main__":
    unittest.main()
