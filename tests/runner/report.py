"""report.py - the results of all suites, as they come and in sum.
SPDX-License-Identifier: MIT"""
import sys
import time

TAIL_LINES = 40


class Report:
    """Counts tests; one line a suite, the tail of the output of what failed."""

    def __init__(self, verbose=False):
        self.verbose = verbose
        self.passed = self.failed = self.skipped = 0
        self.suite = ""
        self._before = (0, 0, 0)
        self._start = 0.0

    def begin(self, suite):
        self.suite = suite
        self._before = (self.passed, self.failed, self.skipped)
        self._start = time.monotonic()

    def note(self, text):
        """What is going on now: for a person who waits."""
        if sys.stdout.isatty():
            print(f"\r\033[K  {self.suite}: {text}", end="", flush=True)

    def _clear(self):
        if sys.stdout.isatty():
            print("\r\033[K", end="")

    def add(self, name, passed=0, failed=0, skipped=0, seconds=0.0, output=""):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed:
            self._clear()
            print(f"FAIL {self.suite}/{name} ({failed} of {passed + failed + skipped})")
            for line in output.rstrip().splitlines()[-TAIL_LINES:]:
                print(f"     {line}")
        elif self.verbose:
            self._clear()
            print(f"  ok {self.suite}/{name}: {passed} in {seconds:.1f} s"
                  + (f", {skipped} skipped" if skipped else ""))
        sys.stdout.flush()

    def end(self):
        self._clear()
        passed, failed, skipped = (
            now - before for now, before in
            zip((self.passed, self.failed, self.skipped), self._before))
        seconds = time.monotonic() - self._start
        print(f"{self.suite:5} {passed:6} passed {failed:4} failed {skipped:4} skipped"
              f"  {seconds:6.1f} s", flush=True)

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 0 if self.passed and not self.failed else 1
