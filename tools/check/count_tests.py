#!/usr/bin/env python3
"""Adds up test cases over build directories.

usage: count_tests.py BUILD_DIRECTORY ...

Each build directory holds ctest.xml (`ctest --output-junit`) and test_results/*.xml, where every test executable wrote its
cases. An executable that failed without saying in which case (a crash, a time-out) counts as one failed case. Prints one line
for each failed or skipped case, and last `N passed, N failed, N skipped`; exits 1 if anything failed or nothing ran.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def outcome_of(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("result") in ("skipped", "suppressed") or case.get("status") == "notrun":
        return "skipped"
    return "passed"


def cases_of_executable(path):
    """[(name, outcome)] of one result file; None when it is not there or was cut short."""
    try:
        root = xml.parse(path).getroot()
    except (FileNotFoundError, xml.ParseError):
        return None
    return [(f"{case.get('classname', path.stem)}.{case.get('name')}", outcome_of(case)) for case in root.iter("testcase")]


def cases_of_build(build):
    for entry in xml.parse(build / "ctest.xml").getroot().iter("testcase"):
        name = entry.get("name")
        status = entry.get("status")
        ok = status == "run"
        executable = name.replace("/", "_") + "_test"
        cases = cases_of_executable(build / "test_results" / f"{executable}.xml")
        if status in ("notrun", "disabled"):
            # CTest says "notrun" of a skipped test and of one whose program is missing: the second is a failure.
            yield name, "skipped" if entry.find("skipped") is not None and "SKIP" in (entry.find("skipped").get("message") or "") else "failed"
        elif cases is None:
            yield name, "passed" if ok else "failed"
        else:
            yield from cases
            if not ok and not any(outcome == "failed" for _, outcome in cases):
                yield f"{name} (the program itself)", "failed"


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for build in map(pathlib.Path, sys.argv[1:]):
        for name, outcome in cases_of_build(build):
            counts[outcome] += 1
            if outcome != "passed":
                print(f"{outcome}: {build.name}: {name}")
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    sys.exit(counts["failed"] > 0 or counts["passed"] == 0)


if __name__ == "__main__":
    main()
