"""`evaluate`: a run and its bundle get the same figures, a bundle takes no other dataset, looks at the test part are counted, and what
cannot be is refused."""
import json
import pathlib
import tempfile
import unittest

import pyarrow
import pyarrow.parquet

from program import files_below, good, make_world, segue, write_config

USAGE, CONFIGURATION, DATA = 2, 3, 4


class EvaluateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = work = pathlib.Path(cls.directory.name)
        make_world(work, trips=1500, tests=200)
        # A protocol that is not the default one: the bundle has to bring it along.
        cls.config = write_config(work, edit=lambda text: text.replace("training:\n", "training:\n  max_length: 4\n").replace(
            "evaluation:\n", "evaluation:\n  hide_seen: true\n  min_history: 2\n  baselines: {names: [markov, popularity]}\n"))
        cls.trained = good("train", cls.config, "--json").json
        good("export", work / "run", "--out", work / "bundle")
        cls.prepared = f"data.prepared={work}/prepared"
        cls.bayes = f"evaluation.bayes={work}/data/bayes_serving.parquet"
        cls.of_run = good("evaluate", work / "run", "--json").json

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def refused(self, *arguments, code, words):
        result = segue("evaluate", *arguments)
        self.assertEqual(result.code, code, str(result))
        for word in words:
            self.assertIn(word, result.err, str(result))
        return result

    def test_a_bundle_gets_the_figures_of_its_run(self):
        before = files_below(self.work / "bundle")
        of_bundle = good("evaluate", self.work / "bundle", self.prepared, self.bayes, "device=cpu", "--json").json
        self.assertEqual(of_bundle["systems"], self.of_run["systems"])
        self.assertEqual(of_bundle["examples"], self.of_run["examples"])
        protocol = dict(self.of_run["protocol"])
        del protocol["test_accesses"]  # a run records them
        self.assertEqual(of_bundle["protocol"], protocol)
        self.assertEqual(files_below(self.work / "bundle"), before, "a bundle is not written into")

    def test_threads_do_not_show(self):
        for threads in (2, 3):
            result = good("evaluate", self.work / "bundle", self.prepared, self.bayes, "device=cpu", f"threads={threads}", "--json").json
            self.assertEqual(result["systems"], self.of_run["systems"], threads)

    def test_overrides_reach_a_bundle_too(self):
        overrides = ("evaluation.part=validation", "evaluation.metrics=[ndcg@7]", "training.max_length=3")
        of_bundle = good("evaluate", self.work / "bundle", self.prepared, *overrides, "--json").json
        of_run = good("evaluate", self.work / "run", *overrides, "--out", self.work / "validation", "--json").json
        self.assertEqual(of_bundle["systems"], of_run["systems"])
        self.assertEqual(set(of_bundle["systems"][0]["metrics"]), {"ndcg@7"})
        self.refused(self.work / "bundle", self.prepared, "model.hidden_dim=25", code=CONFIGURATION, words=["model"])
        self.refused(self.work / "bundle", self.prepared, "evaluation.parts=test", code=CONFIGURATION, words=["part"])

    def test_out_says_where_the_result_goes(self):
        kept = (self.work / "run" / "evaluation.json").read_bytes()
        good("evaluate", self.work / "run", "evaluation.part=validation", "--out", self.work / "elsewhere")
        self.assertEqual((self.work / "run" / "evaluation.json").read_bytes(), kept)
        self.assertEqual(json.loads((self.work / "elsewhere" / "evaluation.json").read_text())["protocol"]["part"], "validation")
        out = self.work / "of_bundle" / "test"
        result = good("evaluate", self.work / "bundle", self.prepared, "--out", out)
        self.assertIn(str(out / "evaluation.json"), result.out)
        written = json.loads((out / "evaluation.json").read_text())
        self.assertEqual(written["systems"][0]["name"], "gru_session")
        self.assertEqual(written["protocol"]["test_accesses"], 1)
        self.assertIn("--out", good("evaluate", "--help").out)

    def test_a_bundle_needs_a_dataset(self):
        self.refused(self.work / "bundle", code=USAGE, words=["data.prepared=DIR"])
        self.refused(self.work / "bundle", f"data.prepared={self.work}/nowhere", code=DATA, words=["nowhere"])
        self.refused(self.work / "data", code=DATA, words=["data", "neither"])
        self.refused(self.work / "nowhere", code=DATA, words=["no such"])

    def test_a_bundle_takes_no_dataset_with_other_items(self):
        other = f"data.prepared={self.work}/fewer_items"
        good("prepare", self.config, other, "data.filters.min_item_count=30")
        self.refused(self.work / "bundle", other, code=DATA, words=["fewer_items", "item", "the bundle", "prepare one"])
        # As many items, but one of them is another.
        rows = [line.split(",") for line in (self.work / "data" / "train.csv").read_text().splitlines()]
        city = rows[0].index("city_id")
        gone = rows[1][city]
        for row in rows[1:]:
            row[city] = "987654" if row[city] == gone else row[city]
        (self.work / "moved.csv").write_text("".join(",".join(row) + "\n" for row in rows))
        other = f"data.prepared={self.work}/moved"
        good("prepare", self.config, other, f"data.events={self.work}/moved.csv")
        self.refused(self.work / "bundle", other, code=DATA, words=["moved", "'987654'", f"'{gone}'", "prepare one"])

    def test_a_bundle_takes_no_dataset_with_other_features(self):
        other = f"data.prepared={self.work}/other_features"
        good("prepare", self.config, other, "data.features=[{name: month, kind: month, column: checkin, context: true}]")
        self.refused(self.work / "bundle", other, code=DATA, words=["(month)", "booker_country", "prepare one"])

    def test_a_bundle_takes_no_dataset_whose_features_were_fitted_to_other_events(self):
        events = (self.work / "data" / "train.csv").read_text()
        country = events.splitlines()[0].split(",").index("booker_country")
        common = events.splitlines()[1].split(",")[country]
        (self.work / "renamed.csv").write_text(events.replace(f",{common},", ",Elsewhere,"))
        other = f"data.prepared={self.work}/renamed"
        good("prepare", self.config, other, f"data.events={self.work}/renamed.csv")
        self.refused(self.work / "bundle", other, code=DATA, words=["fitted", "prepare one"])

    def test_a_bundle_takes_other_test_events(self):
        lines = (self.work / "data" / "test.csv").read_text().splitlines()
        (self.work / "some.csv").write_text("\n".join(lines[:len(lines) // 2]) + "\n")
        other = f"data.prepared={self.work}/some"
        good("prepare", self.config, other, f"data.test_events={self.work}/some.csv")
        result = good("evaluate", self.work / "bundle", other, "--json")
        self.assertLess(result.json["protocol"]["n_queries"], self.of_run["protocol"]["n_queries"])
        self.assertIn("not the dataset", result.err)

    def test_looks_at_the_test_part_are_counted(self):
        run = self.work / "counted"
        good("train", self.config, f"output.run={run}", "training.epochs=1")
        self.assertEqual(good("evaluate", run, "--json").json["protocol"]["test_accesses"], 1)
        self.assertNotIn("test_accesses", good("evaluate", run, "evaluation.part=validation", "--json").json["protocol"])
        second = good("evaluate", run, "evaluation.hide_seen=false")
        self.assertIn("look 2 at the test part", second.out)
        self.assertEqual(json.loads((run / "evaluation.json").read_text())["protocol"]["test_accesses"], 2)
        good("evaluate", run, "--out", self.work / "hidden")  # no way around it
        looks = [json.loads(line) for line in (run / "test_accesses.jsonl").read_text().splitlines()]
        self.assertEqual(len(looks), 3)
        self.assertEqual(looks[0]["protocol"], looks[2]["protocol"])
        self.assertNotEqual(looks[0]["protocol"], looks[1]["protocol"])
        good("report", run)
        self.assertIn("test", (run / "report.html").read_text())

    def test_a_model_above_the_best_possible_fails(self):
        """The same trips under a line that is too low: probabilities turned round, so that any model is above it."""
        table = pyarrow.parquet.read_table(self.work / "data" / "bayes_serving.parquet")
        column = table.schema.get_field_index("probabilities")
        turned = pyarrow.array([[max(row) - p for p in row] for row in table.column(column).to_pylist()],
                               type=table.schema.field(column).type)
        pyarrow.parquet.write_table(table.set_column(column, table.schema.field(column), turned), self.work / "low.parquet")
        result = self.refused(self.work / "run", f"evaluation.bayes={self.work}/low.parquet", "--out", self.work / "impossible", "--json",
                              code=DATA, words=["gru_session", "bayes"])
        model = result.json["systems"][0]
        self.assertTrue(model["above_bayes"])
        self.assertEqual(json.loads((self.work / "impossible" / "evaluation.json").read_text())["systems"][0], model)
        self.assertFalse(self.of_run["systems"][0]["above_bayes"])


if __name__ == "__main__":
    unittest.main()
