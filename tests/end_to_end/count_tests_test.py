"""tools/check/count_tests.py: cases are counted, and nothing that failed can be missed."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GTEST = """<testsuites><testsuite name="S">
<testcase name="A" status="run" result="completed" classname="S"/>
<testcase name="B" status="run" result="completed" classname="S">{b}</testcase>
<testcase name="C" status="run" result="skipped" classname="S"><skipped message="no device"/></testcase>
</testsuite></testsuites>"""


def ctest(*entries):
    return "<testsuite>" + "".join(f'<testcase name="{name}" status="{status}"/>' for name, status in entries) + "</testsuite>"


def count(entries, results):
    """(last line, exit code) of the counting program for a build directory of these files."""
    with tempfile.TemporaryDirectory() as directory:
        build = pathlib.Path(directory)
        (build / "test_results").mkdir()
        (build / "ctest.xml").write_text(ctest(*entries))
        for name, text in results.items():
            (build / "test_results" / name).write_text(text)
        done = subprocess.run([sys.executable, ROOT / "tools/check/count_tests.py", build], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()[-1], done.returncode


class CountTestsTest(unittest.TestCase):
    def test_cases_are_counted(self):
        self.assertEqual(count([("support", "run")], {"support_test.xml": GTEST.format(b="")}), ("2 passed, 0 failed, 1 skipped", 0))

    def test_a_failed_case_fails(self):
        line = count([("support", "fail")], {"support_test.xml": GTEST.format(b='<failure message="x"/>')})
        self.assertEqual(line, ("1 passed, 1 failed, 1 skipped", 1))

    def test_a_program_that_crashed_before_writing_is_one_failed_case(self):
        self.assertEqual(count([("a", "run"), ("support", "fail")], {"a_test.xml": GTEST.format(b="")}), ("2 passed, 1 failed, 1 skipped", 1))

    def test_a_program_that_failed_after_its_cases_passed_is_one_failed_case(self):
        self.assertEqual(count([("support", "fail")], {"support_test.xml": GTEST.format(b="")}), ("2 passed, 1 failed, 1 skipped", 1))

    def test_a_result_file_that_was_cut_short_does_not_count_as_passed(self):
        self.assertEqual(count([("support", "fail")], {"support_test.xml": "<testsuites><tests"}), ("0 passed, 1 failed, 0 skipped", 1))

    def test_a_program_that_was_not_built_is_a_failure(self):
        self.assertEqual(count([("a", "run"), ("support", "notrun")], {"a_test.xml": GTEST.format(b="")})[1], 1)

    def test_nothing_run_is_a_failure(self):
        self.assertEqual(count([], {}), ("0 passed, 0 failed, 0 skipped", 1))


if __name__ == "__main__":
    unittest.main()
