"""From generated trips to recommendations and a report: every command, through the command line and files alone."""
import json
import pathlib
import tempfile
import unittest

import pyarrow.parquet

from program import files_below, good, make_world, segue, write_config

N_TESTS = 400


class CommandsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = work = pathlib.Path(cls.directory.name)
        make_world(work, tests=N_TESTS)
        cls.config = write_config(work)
        cls.prepared = good("prepare", cls.config, "--json").json
        cls.trained = good("train", cls.config, "--json").json
        cls.evaluated = good("evaluate", work / "run", "--json").json
        good("export", work / "run", "--out", work / "bundle")
        good("recommend", work / "bundle", "--histories", work / "data" / "test_histories.csv", "--out", work / "out")
        good("report", work / "run")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def test_the_run_directory_holds_what_the_contract_names(self):
        run = self.work / "run"
        for name in ("config.yaml", "manifest.json", "training.jsonl", "evaluation.json", "report.html", "log.txt",
                     "checkpoints/latest.safetensors", "checkpoints/best.safetensors"):
            self.assertTrue((run / name).is_file(), name)
        self.assertTrue(list(run.rglob("events.out.tfevents*")), "no TensorBoard events")
        lines = [json.loads(line) for line in (run / "training.jsonl").read_text().splitlines()]
        self.assertEqual([line["epoch"] for line in lines if line["kind"] == "epoch"], [1, 2])

    def test_evaluation_puts_the_model_beside_baselines_and_the_best_possible(self):
        systems = {system["name"]: system["metrics"] for system in self.evaluated["systems"]}
        self.assertLessEqual({"gru_session", "popularity", "markov", "bayes"}, set(systems))
        for name, metrics in systems.items():
            hit = metrics["hit_rate@4"]
            self.assertLessEqual(hit["low"], hit["value"], name)
            self.assertLessEqual(hit["value"], hit["high"], name)
            self.assertLessEqual(metrics["exact_share@4"]["value"], 1 + 1e-9, name)
        self.assertAlmostEqual(systems["bayes"]["exact_share@4"]["value"], 1)
        self.assertGreater(systems["gru_session"]["exact_share@4"]["value"], systems["popularity"]["exact_share@4"]["value"])
        self.assertEqual(json.loads((self.work / "run" / "evaluation.json").read_text())["systems"], self.evaluated["systems"])

    def test_recommendations_are_one_ranked_list_a_history(self):
        out = self.work / "out"
        self.assertTrue((out / "_SUCCESS").exists())
        rows = [row for path in sorted(out.glob("part-*.parquet")) for row in pyarrow.parquet.read_table(path).to_pylist()]
        self.assertEqual(set(rows[0]), {"sequence", "rank", "item", "score"})
        lists = {}
        for row in rows:
            lists.setdefault(row["sequence"], []).append(row)
        self.assertEqual(len(lists), N_TESTS)
        cities = {line.split(",")[0] for line in (self.work / "data" / "cities.csv").read_text().splitlines()[1:]}
        for ranked in lists.values():
            self.assertEqual([row["rank"] for row in ranked], list(range(1, 11)))
            self.assertEqual(sorted((row["score"] for row in ranked), reverse=True), [row["score"] for row in ranked])
            self.assertEqual(len({row["item"] for row in ranked}), 10)
        self.assertLessEqual({str(row["item"]) for row in rows}, cities)

    def test_the_same_bytes_whatever_threads(self):
        for threads in (2, 3):
            out = self.work / f"out-{threads}"
            good("recommend", self.work / "bundle", "--histories", self.work / "data" / "test_histories.csv", "--out", out,
                 f"threads={threads}")
            self.assertEqual(files_below(out), files_below(self.work / "out"))

    def test_other_forms_hold_the_same_lists(self):
        expected = pyarrow.parquet.read_table(next((self.work / "out").glob("part-*.parquet"))).to_pylist()
        out = self.work / "out-jsonl"
        good("recommend", self.work / "bundle", "--histories", self.work / "data" / "test_histories.csv", "--out", out,
             "recommend.format=jsonl")
        rows = [json.loads(line) for path in sorted(out.glob("part-*")) for line in path.read_text().splitlines()]
        self.assertEqual([(row["sequence"], row["rank"], row["item"]) for row in rows],
                         [(row["sequence"], row["rank"], row["item"]) for row in expected])

    def test_preparing_again_does_nothing(self):
        before = {path: path.stat().st_mtime_ns for path in (self.work / "prepared").rglob("*")}
        good("prepare", self.config)
        self.assertEqual({path: path.stat().st_mtime_ns for path in (self.work / "prepared").rglob("*")}, before)

    def test_training_twice_gives_the_same_bits(self):
        other = self.work / "again"
        good("train", self.config, f"output.run={other}")
        for name in ("best", "latest"):
            file = f"checkpoints/{name}.safetensors"
            self.assertEqual((other / file).read_bytes(), (self.work / "run" / file).read_bytes(), name)

    def test_a_generated_world_is_the_same_bytes_again(self):
        make_world(self.work / "second", tests=N_TESTS)
        self.assertEqual(files_below(self.work / "second" / "data"), files_below(self.work / "data"))

    def test_the_report_opens_alone(self):
        html = (self.work / "run" / "report.html").read_text()
        for word in ("gru_session", "popularity", "bayes"):
            self.assertIn(word, html)
        for outside in ('src="http', "src='http", 'href="http://', "<link rel=\"stylesheet\"", "@import"):
            self.assertNotIn(outside, html)

    def test_inspect_tells_what_each_artefact_is(self):
        for path in (self.work / "prepared", self.work / "run", self.work / "bundle",
                     self.work / "run" / "checkpoints" / "best.safetensors"):
            self.assertTrue(good("inspect", path).out.strip(), path)
            self.assertIsInstance(good("inspect", path, "--json").json, dict)

    def test_doctor_and_completion(self):
        self.assertIn("2.11.0", good("doctor").out)
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("recommend", good("completion", shell).out)

    def test_help_shows_options_and_results_stay_on_stdout(self):
        for command in ("generate", "prepare", "train", "tune", "evaluate", "export", "recommend", "report", "inspect", "doctor", "completion"):
            self.assertIn("--help", good(command, "--help").out, command)
        self.assertEqual(segue("prepare", self.config, "--json", "--quiet").err, "")


if __name__ == "__main__":
    unittest.main()
