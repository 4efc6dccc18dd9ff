#!/usr/bin/env python3
"""space_page.py BUILD URL - the web page in a Chromium of this network namespace, driven from outside it: lines of
JSON on stdin, ["method", argument ...] of web_driver.Tab; what each answered, or {"error": ..}, on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from web_driver import Chromium, Tab  # noqa: E402


def main():
    # A certificate of the test's own; no look-ups of names, which would be packets to others.
    chromium = Chromium(["--ignore-certificate-errors", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 203.0.113.1"])
    try:
        tab = Tab(chromium, sys.argv[2])
        print('"ready"', flush=True)
        for line in sys.stdin:
            method, *arguments = json.loads(line)
            try:
                answer = getattr(tab, method)(*arguments)
                answer = answer if isinstance(answer, (dict, list, str, int, float, bool)) else None
            except Exception as error:  # for the test to show
                answer = {"error": f"{type(error).__name__}: {error}; {tab.text('body')[:300]!r} {tab.js('window.problems')}"}
            print(json.dumps(answer), flush=True)
    finally:
        chromium.close()


if __name__ == "__main__":
    main()
