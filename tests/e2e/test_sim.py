#!/usr/bin/env python3
"""test_sim.py BUILD - xcall-sim as its users drive it: equal bytes for equal seeds, every option taken,
bad use refused with one line. TAP on stdout.
SPDX-License-Identifier: MIT"""
import gzip
import json
import os
import subprocess
import sys
import tempfile

SIM = os.path.join(os.path.abspath(sys.argv[1]), "bench", "xcall-sim")
failed = 0


def run(*options):
    done = subprocess.run([SIM, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def check(name, problem):
    global failed
    failed += bool(problem)
    print(f"{'not ok' if problem else 'ok'} - {name}")
    if problem:
        print(f"# {problem}")


def result_of(*options):
    code, out, err = run(*options, "--json", "-")
    if code:
        return None, f"exit {code}: {err.strip()[:300]}"
    return out, None


def same_seed(name, *options):
    first, problem = result_of("--seed", "7", *options)
    again, _ = result_of("--seed", "7", *options)
    other, _ = result_of("--seed", "8", *options)
    check(f"{name}: the same seed gives the same bytes",
          problem or (None if first == again else "they differ"))
    check(f"{name}: another seed gives other packets",
          problem or (None if json.loads(first)["packets"] != json.loads(other)["packets"]
                      else "the same packets"))


def keys():
    out, problem = result_of("--seed", "3", "--seconds", "3", "--delay", "20", "--loss", "3")
    if problem:
        return problem
    found = json.loads(out)
    missing = {"seed", "settings", "connected_ms", "packets", "invariant_failures",
               "end_reason"} - set(found)
    if missing:
        return f"no {', '.join(sorted(missing))}"
    if found["invariant_failures"]:
        return "broken invariants"
    text = json.dumps(found)
    for word in ("concealed_pct", "added_delay_ms", "played", "delivered", "freezes", "delay_ms",
                 "p95", "a_to_b", "b_to_a"):
        if f'"{word}"' not in text:
            return f"no {word}"
    return None


def link_options(folder):
    trace = os.path.join(folder, "link.gz")
    with gzip.open(trace, "wt") as file:
        file.writelines(f"{ms}\n" for ms in range(1, 2000, 2))
    out, problem = result_of(
        "--seconds", "2", "--delay", "10", "--jitter", "5", "--burst", "2", "--reorder", "1",
        "--duplicate", "1", "--ab-loss", "5", "--ba-rate", "2000", "--ba-queue", "200", "--drift",
        "50", "--outage", "1:0.3", "--ab-link-trace", trace, "--no-trickle")
    return problem or (None if json.loads(out)["connected_ms"] >= 0 else "not connected")


def bad_use():
    for options in (["--loss"], ["--loss", "101"], ["--loss", "x"], ["--unknown"], ["--outage", "3"],
                    ["--link-trace", "/nowhere"], ["--seconds", "-1"], ["--codecs", "other"],
                    ["more"]):
        code, _, err = run(*options)
        if code != 2 or not err.strip():
            return f"{' '.join(options)}: exit {code}, {err.strip()[:100]!r}"
    return None


def main():
    same_seed("models", "--seconds", "4", "--delay", "30", "--jitter", "8", "--loss", "4",
              "--hostile", "50")
    same_seed("real codecs", "--seconds", "2", "--codecs", "real", "--loss", "2")
    check("the result has the keys that are promised", keys())
    with tempfile.TemporaryDirectory() as folder:
        check("each option of the link is taken, a trace packed with gzip, too",
              link_options(folder))
    check("bad use is 2 and a line", bad_use())
    sys.exit(1 if failed else 0)


main()
