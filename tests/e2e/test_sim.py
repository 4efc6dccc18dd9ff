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


def settings():
    """All that was asked for is told, with the values that act where nothing was asked."""
    out, problem = result_of(
        "--seconds", "1", "--no-trickle", "--dtx", "--signal-delay", "30", "--hostile", "5",
        "--hold", "0.1:0.2", "--read-pause", "0.3:0.1", "--write-pause", "0.5:0.1",
        "--hang-up-by-b", "--ab-burst", "3", "--ab-queue", "70")
    if problem:
        return problem
    told = json.loads(out)["settings"]
    wanted = {"no_trickle": True, "dtx": True, "signal_delay_ms": 30, "hostile_per_s": 5,
              "hold": [0.1, 0.2], "read_pause": [0.3, 0.1], "write_pause": [0.5, 0.1],
              "hang_up_by_b": True, "seconds": 1, "codecs": "model", "video": True}
    for key, value in wanted.items():
        if told.get(key) != value:
            return f"{key} is {told.get(key)!r}"
    if (told["a_to_b"]["burst"], told["a_to_b"]["queue_ms"]) != (3, 70):
        return f"burst and queue of a to b: {told['a_to_b']}"
    if (told["b_to_a"]["burst"], told["b_to_a"]["queue_ms"]) != (1, 1000):
        return f"burst and queue of b to a: {told['b_to_a']}"
    if "skipped" not in json.loads(out)["video"]["a_to_b"]:
        return "no skipped"
    return None


def never():
    """What never happened is null."""
    out, problem = result_of("--seconds", "1", "--outage", "0:1000")
    if problem:
        return problem
    found = json.loads(out)
    for key in ("connected_ms", "first_audio_ms", "first_video_ms"):
        if found[key] is not None:
            return f"{key} is {found[key]}"
    return None


def outage_times():
    """An outage counts from the start of the call: one over before the call connects on its own
    (it takes some 90 ms here) changes when it connects, and so does one of its first moment."""
    plain, problem = result_of("--seconds", "1", "--delay", "20")
    if problem:
        return problem
    cut, problem = result_of("--seconds", "1", "--delay", "20", "--outage", "0:0.5")
    if problem:
        return problem
    before, after = (json.loads(text)["connected_ms"] for text in (plain, cut))
    if not before < 500 < after:
        return f"connected after {before} and with an outage of 500 ms after {after} ms"
    return None


def trace_times(folder):
    """A recorded link begins with the call, too: its first chance comes at 700 ms."""
    trace = os.path.join(folder, "late")
    with open(trace, "w") as file:
        file.writelines(f"{ms}\n" for ms in range(700, 5000))
    out, problem = result_of("--seconds", "1", "--link-trace", trace)
    if problem:
        return problem
    connected = json.loads(out)["connected_ms"]
    return None if 700 <= connected < 1200 else f"connected after {connected} ms"


def bad_traces(folder):
    trace = os.path.join(folder, "bad")
    for text in ("", "0\n", "5\n3\n", "1\nx\n", "1 2\n", "-1\n2\n", "1\n\n2\n",
                 "99999999999999999999999\n", "1\n" + "2" * 100 + "\n"):
        with open(trace, "w") as file:
            file.write(text)
        code, _, err = run("--link-trace", trace)
        if code != 2 or err.count("\n") != 1:
            return f"{text!r}: exit {code}, {err[:100]!r}"
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
                    ["--seed", "18446744073709551616"], ["--seed", "-1"], ["--seed", " 1"],
                    ["--seed", ""], ["--outage", "inf:1"], ["--outage", "1:nan"],
                    ["--link-trace", "/"], ["more"]):
        code, _, err = run(*options)
        if code != 2 or err.count("\n") != 1:
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
        check("a recorded link begins with the call", trace_times(folder))
        check("a link trace that is none is refused", bad_traces(folder))
    check("the settings are told in full", settings())
    check("what never happened is null", never())
    check("an outage counts from the start of the call", outage_times())
    check("bad use is 2 and a line", bad_use())
    sys.exit(1 if failed else 0)


main()
