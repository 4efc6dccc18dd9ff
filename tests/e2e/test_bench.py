#!/usr/bin/env python3
"""test_bench.py BUILD - each benchmark runs briefly and writes the JSON that its readers expect; the
figures are not looked at. One part of each, or all with XCALL_TEST_LONG=1. TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "bench", "run.sh")
COMMON = ("machine", "versions", "settings")
# name -> paths that must lead to something in its JSON; [] stands for a list's first entry.
EXPECTED = {
    "latency": ["audio.end_to_end_ms.p50", "audio.end_to_end_ms.max", "audio.engine_added_ms.p99",
                "audio.pull_wait_ms.p50", "audio.hold_ms.p50", "audio.stages.encode.p50",
                "video_360p.end_to_end_ms.p50", "video_360p.bare_ms.p50",
                "video_360p.engine_added_ms.p50", "video_720p.end_to_end_ms.p95"],
    "setup": ["loopback.connected_ms", "loopback.audio_ms", "loopback.video_ms",
              "rtt200_loss25.connected_ms.avg", "rtt200_loss25.connected_ms.p95"],
    "tax": ["audio.ratio", "video_360p.ratio"],
    "load": ["calls.[].n", "calls.[].cpu_core_s_per_call_s", "calls.[].rss_kib_per_call",
             "calls.[].threads", "calls.[].late_frames", "calls.[].speed"],
    "size": [],
    "peers": ["peers.libxcall." + figure for figure in (
        "connected_ms", "first_audio_ms", "audio_end_to_end_ms", "first_video_ms",
        "video_360p_end_to_end_ms", "cpu_audio", "cpu_360p", "mb_per_call")] + ["missing"],
}
BRIEF = {"latency": "video_360p", "setup": "loopback", "tax": "audio", "load": "10",
         "peers": "libxcall"}
PNG = b"\x89PNG\r\n\x1a\n"
failed = 0


def check(name, problem):
    global failed
    failed += bool(problem)
    print(f"{'not ok' if problem else 'ok'} - {name}")
    for line in (problem or "").splitlines()[-20:]:
        print(f"# {line}")


def look(found, path):
    for word in path.split("."):
        if word == "[]":
            found = found[0]
        else:
            found = found[word]
    return found


def problem_of(name, folder):
    path = os.path.join(folder, f"{name}.json")
    part = None if os.environ.get("XCALL_TEST_LONG") else BRIEF.get(name)
    done = subprocess.run([SCRIPT, name, "--seconds", "2", "--runs", "1", "--json", path]
                          + (["--only", part] if part else []),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=900, stdin=subprocess.DEVNULL)
    if done.returncode:
        return done.stdout
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    if not any("schema" in key for key in found):
        return "no schema number"
    if name == "peers":
        problem = problem_of_peers(found, folder)
        if problem:
            return problem
    for path in COMMON + tuple(EXPECTED[name]):
        if part and path not in COMMON and path.split(".")[0] not in (part, "calls", "peers"):
            continue
        try:
            look(found, path)
        except (KeyError, IndexError, TypeError):
            return f"no {path}"
    return None if "srtp" in json.dumps(found["versions"]).lower() else "no SRTP back end named"


def problem_of_peers(found, folder):
    """Every peer is measured or named as missing; each figure is a number or null with a note."""
    for peer, figures in found["peers"].items():
        for figure, value in figures.items():
            if value is None and figure not in found["notes"].get(peer, {}):
                return f"{peer} has no {figure} and no reason for it"
            if value is not None and not 0 < value < 100000:
                return f"{peer}: {figure} is {value}"
    if os.environ.get("XCALL_TEST_LONG"):
        named = set(found["peers"]) | {entry["peer"] for entry in found["missing"]}
        if len(named) != 6 or not all(entry["reason"] for entry in found["missing"]):
            return f"peers that are not named: only {sorted(named)} are"
    with open(os.path.join(folder, "peers.png"), "rb") as file:
        return None if file.read(8) == PNG else "the picture is no PNG"


def main():
    if not os.path.exists(SCRIPT):
        print("ok - benchmarks # SKIP bench/run.sh is not there")
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[2:] or EXPECTED:
            check(f"bench/run.sh {name}", problem_of(name, folder))
    done = subprocess.run([SCRIPT, "no-such-bench"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=900)
    check("an unknown benchmark is refused", None if done.returncode else "exit 0")
    sys.exit(1 if failed else 0)


main()
