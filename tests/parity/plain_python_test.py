"""A bundle scored in plain Python gives the ids of `segue recommend`, and its scores within 1e-5."""
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


if __name__ == "__main__":
    unittest.main()
