"""README's "Your own file" and "Your own vectors" word for word: its YAML and its commands, on files of the form it describes."""
import csv
import datetime
import os
import pathlib
import random
import re
import subprocess
import tempfile
import unittest

import pyarrow
import pyarrow.parquet

from npy import read_npy, write_npy
from program import PROGRAM, SOURCE, code_blocks, environment, good

README = (SOURCE / "README.md").read_text()
SECTION = "Your own file"


def write_clicks(path, n_sessions=300):
    """A CSV of sessions: session_id, item_id, timestamp (seconds), where item i is mostly followed by i + 1."""
    generator = random.Random(1)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["session_id", "item_id", "timestamp"])
        for session in range(n_sessions):
            item = generator.randrange(40)
            for click in range(generator.randrange(3, 9)):
                writer.writerow([session, item, 1_700_000_000 + 600 * session + 20 * click])
                item = (item + 1) % 40 if generator.random() < 0.8 else generator.randrange(40)


def write_trips(path, n_trips=300):
    """A Parquet file of trips: trip, city (words), checkin (dates), country of the traveller."""
    generator = random.Random(2)
    cities = [f"city {i}" for i in range(30)]
    columns = {"trip": [], "city": [], "checkin": [], "country": []}
    for trip in range(n_trips):
        at, day = generator.randrange(30), datetime.date(2024, 1, 1) + datetime.timedelta(days=trip)
        country = generator.choice(["NL", "DE", "FR"])
        for _ in range(generator.randrange(4, 8)):
            for name, value in (("trip", f"t{trip}"), ("city", cities[at]), ("checkin", day), ("country", country)):
                columns[name].append(value)
            at, day = (at + 1) % 30 if generator.random() < 0.8 else generator.randrange(30), day + datetime.timedelta(days=2)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def run_script(script, work):
    """One block of README in the folder `work`, with the program under its name; the finished process."""
    (work / "bin").mkdir(exist_ok=True)
    if not (work / "bin" / "segue").exists():
        (work / "bin" / "segue").symlink_to(PROGRAM)
    return subprocess.run(["bash", "-euc", script], cwd=work, capture_output=True, text=True, check=False,
                          env=environment(PATH=f"{work / 'bin'}:{os.environ['PATH']}"))


class ReadmeTest(unittest.TestCase):
    def test_your_own_file_word_for_word(self):
        configs = [text for heading, text in code_blocks(README, "yaml") if heading == SECTION]
        scripts = [text for heading, text in code_blocks(README, "sh") if heading == SECTION]
        self.assertEqual((len(configs), len(scripts)), (2, 2))
        with tempfile.TemporaryDirectory() as directory:
            work = pathlib.Path(directory)
            write_clicks(work / "clicks.csv")
            write_trips(work / "trips.parquet")
            for config, script in zip(configs, scripts):
                self.assertLessEqual(len(config.splitlines()), 11, "ten lines and a comment")
                name = re.match(r"# (\S+\.yaml)", config).group(1)
                (work / name).write_text(config)
                done = run_script(script, work)
                self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}\n{done.stderr}")
                out = work / re.search(r"recommend .*--out (\S+)", script).group(1)
                self.assertTrue((out / "_SUCCESS").exists())
                table = pyarrow.parquet.read_table(next(out.glob("part-*.parquet")))
                self.assertEqual(table.num_rows, 300 * 10)
                # Ids come back as they went in.
                is_integer = pyarrow.types.is_integer(table.schema.field("item").type)
                self.assertEqual(is_integer, name.startswith("clicks"))

    def test_your_own_vectors_word_for_word(self):
        (script,) = [text for heading, text in code_blocks(README, "sh") if heading == "Your own vectors"]
        with tempfile.TemporaryDirectory() as directory:
            work = pathlib.Path(directory)
            write_npy(work / "items.npy", [1.0, 0, 0, 1, 2, 0], (3, 2))
            write_npy(work / "more.npy", [3.0, 0], (1, 2))
            write_npy(work / "queries.npy", [1.0, 0, 0, 2], (2, 2))
            write_npy(work / "gone.npy", [2], (1,), "<i8")
            done = run_script(script, work)
            self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}\n{done.stderr}")
            shape, ids = read_npy(work / "lists" / "ids.npy")
            self.assertEqual((shape, list(ids)), ((2, 10), [2, 0, 1] + [-1] * 7 + [1, 0, 2] + [-1] * 7))
            self.assertEqual(list(read_npy(work / "lists" / "scores.npy")[1])[:3], [2, 1, 0])
            inspected = good("inspect", work / "index", "--json").json
            self.assertEqual((inspected["items"], inspected["segments"], inspected["removed_rows"]), (3, 1, 0))

    def test_the_exit_codes_stand_as_the_program_has_them(self):
        header = (SOURCE / "src" / "support" / "errors.h").read_text()
        codes = re.search(r"enum class ExitCode[^{]*\{([^}]*)\}", header).group(1)
        for code in re.findall(r"=\s*(\d+)", codes):
            self.assertRegex(README, rf"(?m)^\|.*\b{code}\b", f"exit code {code}")

    def test_every_command_is_in_the_readme_and_the_other_way_round(self):
        # The list of sub-commands is indented and follows its own heading.
        listed = set(re.findall(r"^  ([a-z]+) {2,}\S", good("--help").out.split("ubcommands:", 1)[-1], re.M))
        named = set(re.findall(r"^\| `segue ([a-z]+)", README, re.M))
        self.assertTrue(listed)
        self.assertEqual(named, listed)

    def test_nothing_is_left_to_fill_in(self):
        self.assertNotRegex(README, r"@[A-Z]+@")

    def test_links_lead_somewhere(self):
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
            self.assertTrue((SOURCE / link).exists(), link)


if __name__ == "__main__":
    unittest.main()
