#!/usr/bin/env python3
"""Runs the unittest cases of one Python file, and writes their counts as GoogleTest does.

usage: unittest_runner.py FILE_test.py [unittest arguments]

With GTEST_OUTPUT=xml:PREFIX in the environment, PREFIX + FILE_test.xml gets one <testcase> a test, so that tools/test counts the
cases of Python tests and of C++ tests in one way.
"""
import importlib.util
import os
import pathlib
import sys
import unittest
import xml.etree.ElementTree as xml


class RecordingResult(unittest.TextTestResult):
    """Remembers (test, outcome, message) of every case."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.outcomes = {}

    def startTest(self, test):
        super().startTest(test)
        self.outcomes[test.id()] = ("passed", "")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.outcomes[test.id()] = ("failed", str(err[1]))

    def addError(self, test, err):
        super().addError(test, err)
        self.outcomes[test.id()] = ("failed", str(err[1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcomes[test.id()] = ("skipped", reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.outcomes[test.id()] = ("failed", f"{subtest}: {err[1]}")


def write_xml(path, name, outcomes):
    suite = xml.Element("testsuite", name=name)
    for test, (outcome, message) in outcomes.items():
        case = xml.SubElement(suite, "testcase", name=test)
        if outcome != "passed":
            xml.SubElement(case, "failure" if outcome == "failed" else "skipped", message=message)
    root = xml.Element("testsuites")
    root.append(suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    xml.ElementTree(root).write(path, encoding="unicode")


def main():
    file = pathlib.Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    runner = unittest.TextTestRunner(verbosity=2, resultclass=RecordingResult)
    program = unittest.main(module=module, argv=[file.name, *sys.argv[2:]], testRunner=runner, exit=False)
    output = os.environ.get("GTEST_OUTPUT", "")
    if output.startswith("xml:"):
        write_xml(pathlib.Path(output[len("xml:"):] + f"{file.stem}.xml"), file.stem, program.result.outcomes)
    sys.exit(not program.result.wasSuccessful())


if __name__ == "__main__":
    main()
