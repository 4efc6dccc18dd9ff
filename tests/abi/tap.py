"""tap.py - what the scripts of this folder share: lines of TAP, commands, the tree.
SPDX-License-Identifier: MIT"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "tests", "abi")
INCLUDE = os.path.join(ROOT, "include")
HEADERS = sorted(n for n in os.listdir(os.path.join(INCLUDE, "xcall")) if n.endswith(".h"))
failures = 0


def has_client(build):
    """Whether this build has libxcall-client (-Dclient)."""
    return os.path.exists(os.path.join(build, "lib", "client", "libxcall-client.so"))


def check(name, problems):
    """One test: no problems, or each on a line. Problems: a list, or a text of lines."""
    global failures
    if isinstance(problems, str):
        problems = problems.splitlines()
    print(f"{'not ok' if problems else 'ok'} - {name}")
    for problem in problems[:40]:
        print(f"# {problem}")
    sys.stdout.flush()
    failures += bool(problems)
    return not problems


def run(command, **more):
    """(exit code, output)"""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", **more)
    return done.returncode, done.stdout


def problem(command, **more):
    """[] when the command succeeds, else its output."""
    code, output = run(command, **more)
    return [] if code == 0 else [" ".join(command), *output.splitlines()]


def end():
    sys.exit(1 if failures else 0)
