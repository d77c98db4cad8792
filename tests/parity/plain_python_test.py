"""A bundle scored in plain Python gives the ids of `segue recommend`, and its scores within 1e-5."""
import csv
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bundle_reader import Bundle, read_histories  # noqa: E402
from worlds import MODELS, assert_same_list, make  # noqa: E402

N_HISTORIES = 40


class PlainPythonTest(unittest.TestCase):
    def check(self, model):
        with tempfile.TemporaryDirectory() as work:
            directory, file, lists = make(work, model)
            bundle = Bundle(directory)
            histories = list(read_histories(file, bundle.columns["sequence"]).items())[:N_HISTORIES]
            same = 0
            for sequence, rows in histories:
                scores = bundle.scores(*bundle.arguments(rows))
                self.assertEqual(len(lists[sequence]), 10)
                same += assert_same_list(self, scores, lists[sequence])
            # The order of two items may differ where double and float scores tie: never seen here.
            self.assertEqual(same, len(histories))

    def test_a_plain_model(self):
        self.check("plain")

    def test_a_model_with_everything(self):
        self.assertIn("deep", MODELS)
        self.check("deep")

    def test_a_model_that_reads_features_of_items(self):
        self.check("items")

    def test_two_towers_with_everything(self):
        self.check("towers")

    def test_two_towers_over_hashed_ids(self):
        self.check("hashed")

    def test_the_tables_are_what_the_transforms_make_of_the_item_file(self):
        with tempfile.TemporaryDirectory() as work:
            directory, _, _ = make(work, "items")
            bundle = Bundle(directory)
            with open(directory.parent / "data" / "cities.csv", newline="") as file:
                cities = {row["city"]: row for row in csv.DictReader(file)}
            self.assertEqual([spec["name"] for spec in bundle.item_specs], ["country", "size", "north", "words"])
            self.assertGreater(len(bundle.items), 100)
            for transform in bundle.item_transforms["features"]:
                table = [bundle.item_value(transform["name"], row) for row in range(len(bundle.items) + 1)]
                expected = [bundle.code(transform, cities[item]) for item in bundle.items]
                if transform["kind"] == "categories":
                    self.assertEqual(table, expected + [[]])
                    self.assertGreater(len(set(map(tuple, table))), 3)
                    continue
                self.assertEqual(table[len(bundle.items)], 0)
                for row, item in enumerate(bundle.items):
                    self.assertAlmostEqual(table[row], expected[row], delta=2e-6, msg=item)
                self.assertGreater(len(set(table)), 3)


if __name__ == "__main__":
    unittest.main()
