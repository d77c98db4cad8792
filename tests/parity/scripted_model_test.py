"""model.pt in somebody else's Python gives the lists of `segue recommend`. Needs an interpreter with torch: SEGUE_TORCH_PYTHON."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bundle_reader import Bundle, read_histories  # noqa: E402
from worlds import make  # noqa: E402

PYTHON = os.environ.get("SEGUE_TORCH_PYTHON", "")


@unittest.skipUnless(PYTHON and os.path.exists(PYTHON), "SEGUE_TORCH_PYTHON names no interpreter with torch; tools/test --full makes one")
class ScriptedModelTest(unittest.TestCase):
    def check(self, model):
        with tempfile.TemporaryDirectory() as work:
            directory, file, lists = make(work, model)
            bundle = Bundle(directory)
            histories = read_histories(file, bundle.columns["sequence"])
            cases = [dict(zip(("items", "history", "context"), bundle.arguments(rows))) for rows in histories.values()]
            cases_file, out = pathlib.Path(work) / "cases.json", pathlib.Path(work) / "scripted.json"
            cases_file.write_text(json.dumps(cases))
            script = pathlib.Path(__file__).resolve().parent / "load_scripted_model.py"
            done = subprocess.run([PYTHON, script, directory / "model.pt", cases_file, out], capture_output=True, text=True, timeout=300,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            answer = json.loads(out.read_text())
            self.assertEqual([str(item) for item in answer["ids"]], bundle.items)
            self.assertIn("forward(items, lengths", answer["readme"])
            for b, sequence in enumerate(histories):
                for rank, (item, score) in enumerate(lists[sequence]):
                    self.assertEqual(str(answer["ids"][answer["rows"][b][rank]]), item)
                    self.assertAlmostEqual(answer["scores"][b][rank], score, delta=1e-5 * max(1, abs(score)))
                self.assertFalse(set(answer["hidden_rows"][b]) & set(cases[b]["items"]))
                largest = max(map(abs, answer["vectors"][b]))
                for whole, stepped in zip(answer["vectors"][b], answer["stepped"][b]):
                    self.assertAlmostEqual(whole, stepped, delta=1e-5 * largest)

    def test_a_plain_model(self):
        self.check("plain")

    def test_a_model_with_everything(self):
        self.check("deep")

    def test_a_model_that_reads_features_of_items(self):
        self.check("items")

    def test_two_towers_with_everything(self):
        self.check("towers")

    def test_two_towers_over_hashed_ids(self):
        self.check("hashed")


if __name__ == "__main__":
    unittest.main()
