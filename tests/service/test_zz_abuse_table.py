#!/usr/bin/env python3
"""test_zz_abuse_table.py BUILD [TEST ...] - holds the abuse list of docs/security.md against the tests: each of the 24 has
tests, each of these is there, and (among the whole suite, which leaves a list of what ran in XCALL_RAN) has run, or was
skipped there for want of what it needs, which is said. TAP on stdout.
SPDX-License-Identifier: MIT"""
import glob
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Skipped, expect, run_tests  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def table():
    """{number: [(file, test)]}"""
    with open(os.path.join(ROOT, "docs", "security.md"), encoding="utf-8") as file:
        text = file.read().split("\n## The call service\n")[1].split("\n## ")[0]
    found = {}
    for number, tests in re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \| [^|]+ \|$", text, re.M):
        expect(int(number) not in found, f"{number} is there twice")
        found[int(number)] = named = []
        for part in tests.split(";"):
            program = re.match(r" *`(test_\w+(?:\.py)?)` (\w+(?:, \w+)*) *$", part)
            expect(program, f"{number}: {part!r}")
            named += [(program.group(1), test) for test in program.group(2).split(", ")]
    return found


def sources():
    return {os.path.basename(path): path for folder in ("service", "unit/call")
            for end in ("py", "c") for path in glob.glob(os.path.join(ROOT, "tests", folder, f"test_*.{end}"))}


def test_all_of_them():
    expect(sorted(table()) == list(range(1, 25)), sorted(table()))
    for number, tests in table().items():
        expect(tests, f"{number} has no test")


def test_named_tests_exist():
    files = sources()
    for number, tests in table().items():
        for program, test in tests:
            name = program if program.endswith(".py") else program + ".c"
            expect(name in files, f"{number}: there is no {name}")
            with open(files[name], encoding="utf-8") as file:
                text = file.read()
            wanted = rf"^def test_{test}\(" if name.endswith(".py") else rf"^static void {test}\(void \*\*state\)"
            expect(re.search(wanted, text, re.M), f"{number}: {name} has no test {test}")
            # a function of C is a test where the list of tests names it
            expect(name.endswith(".py") or len(re.findall(rf"\b{test}\b", text)) > 1, f"{number}: {test} never runs")


def test_named_tests_ran():
    path = os.environ.get("XCALL_RAN")
    if not path:
        return
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    ran = {line for line in lines if not line.endswith(" # skip")}
    skipped = {line.removesuffix(" # skip") for line in lines} - ran
    left_out = []
    for number, tests in table().items():
        for program, test in tests:
            if program == "test_gate":  # of suite unit
                continue
            # a file that cannot run at all is skipped by its own name
            whole = f"{program} {program.removeprefix('test_').removesuffix('.py')}"
            if skipped & {f"{program} {test}", whole}:
                left_out.append(f"{number}: {program} {test}")
                print(f"# skipped, {left_out[-1]}", flush=True)
                continue
            expect(f"{program} {test}" in ran, f"{number}: {program} {test} did not run, or failed")
    if left_out:
        raise Skipped(f"in part: {len(left_out)} tests of the table were skipped")


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
