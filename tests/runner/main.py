"""main.py - tests/run.sh without the packages: options, suites in order, one closing line.
SPDX-License-Identifier: MIT"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import build  # noqa: E402
from report import Report  # noqa: E402
from suites import Suites  # noqa: E402

ORDER = ("tidy", "unit", "abi", "rt", "sim", "e2e", "service", "fuzz", "interop")
PEERS = ("chromium", "firefox", "gstreamer", "aiortc", "pion")


def parse():
    parser = argparse.ArgumentParser(prog="tests/run.sh", add_help=False)
    parser.add_argument("suites", nargs="*")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--real", type=int)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--fuzz-seconds", type=int)
    parser.add_argument("--cycles", type=int)
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    for flag in ("--long", "--renew-abi", "--verbose", "--no-install"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_intermixed_args()
    options.peers = [name for name in options.suites if name in PEERS] or list(PEERS)
    options.suites = [name for name in options.suites if name not in PEERS]
    # A number of simulated calls would be hours of browsers: it is meant for them only where named.
    options.renegotiations = 200 if options.long else 4
    # Among all suites each case of a browser runs in one role, the other browser takes the other.
    options.brief = not options.long and "interop" not in options.suites
    if options.brief:
        options.renegotiations = 2
    if options.seeds is not None and "interop" in options.suites:
        options.renegotiations = options.seeds
    long = options.long
    for name, usual, campaign in (("seeds", 500, 20000), ("real", 20, 200),
                                  ("fuzz_seconds", 3, 120), ("cycles", 5000, 100000)):
        if getattr(options, name) is None:
            setattr(options, name, campaign if long else usual)
    options.jobs = max(options.jobs, 1)
    return options


def main():
    options = parse()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    report = Report(options.verbose)
    suites = Suites(root, options, report)
    for name in ORDER:
        if options.suites and name not in options.suites:
            continue
        report.begin(name)
        try:
            getattr(suites, name)()
        except build.BuildError as error:
            report.add("build", failed=1, output=str(error))
        except KeyboardInterrupt:
            report.add("interrupted", failed=1)
            report.end()
            break
        report.end()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
