"""tools/check/words.py finds machine paths, vague names, loose ends and long files, and passes ordinary text."""
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "check"))
import words  # noqa: E402


def found_in(name, text):
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return list(words.violations(pathlib.Path(directory)))


class WordsTest(unittest.TestCase):
    def test_ordinary_text_passes(self):
        self.assertEqual(found_in("src/ids.h", "// reads /usr/include/fmt and https://example.org/home/x.html, writes runs/home/best\n"), [])

    def test_a_machine_path_is_found_with_its_line(self):
        found = found_in("README.md", "one\nsee " + "/" + "home/somebody/data\n")
        self.assertEqual(len(found), 1)
        self.assertIn("README.md:2", found[0])

    def test_vague_names_are_found(self):
        for name in ("src/utils/a.h", "src/helpers.cc", "src/common/x.h", "src/model_v2.cc"):
            self.assertEqual(len(found_in(name, "")), 1, name)

    def test_a_loose_end_is_found(self):
        self.assertEqual(len(found_in("src/a.cc", "// TO" + "DO: later\n")), 1)

    def test_a_long_file_is_found(self):
        self.assertEqual(len(found_in("src/a.cc", "int a;\n" * 501)), 1)


if __name__ == "__main__":
    unittest.main()
