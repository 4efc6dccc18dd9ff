#!/usr/bin/env python3
"""main.py - calls between xcall-peer and other WebRTC implementations, content checked at both ends.

usage: main.py BUILD_DIRECTORY [peer ...] [--case NAME] [--seeds N] [--first-seed N] [--brief]
               [--attempts N] [--list] [--keep]

Peers: chromium, firefox, gstreamer, aiortc, pion (default: all). Prints TAP; exit code 1 when a case
failed. What a failing case leaves is in BUILD_DIRECTORY/interop/PEER/CASE.
SPDX-License-Identifier: MIT"""
import argparse
import fnmatch
import glob
import importlib
import os
import shutil
import signal
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import network  # noqa: E402

PEERS = ("chromium", "firefox", "gstreamer", "aiortc", "pion")
BROWSERS = ("chromium", "firefox")


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("peers", nargs="*")
    parser.add_argument("--case", action="append", default=[], help="a name or pattern")
    parser.add_argument("--role", choices=("offer", "answer"))
    parser.add_argument("--brief", action="store_true",
                        help="each case of a browser in one role, the other browser in the other")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--attempts", type=int, default=1, choices=(1, 2, 3))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folders of passing cases")
    options = parser.parse_intermixed_args()
    for name in options.peers:
        if name not in PEERS:
            parser.error(f"no peer {name} (there are: {' '.join(PEERS)})")
    options.peers = options.peers or list(PEERS)
    options.build = os.path.abspath(options.build)
    return options


def cases_of(peer_name):
    """Every marked function of the peer's modules, in the order of their text."""
    names = [f"{peer_name}_*.py"] + (["browser_*.py"] if peer_name in BROWSERS else [])
    for pattern in names:
        for path in sorted(glob.glob(os.path.join(HERE, pattern))):
            module = importlib.import_module(os.path.basename(path)[:-3])
            for name, value in vars(module).items():
                marks = getattr(value, "case", None)
                if marks and value.__module__ == module.__name__:
                    if not marks["only"] or peer_name in marks["only"]:
                        yield name, value, marks


def plan(options):
    for peer_name in options.peers:
        for name, function, marks in cases_of(peer_name):
            if options.case and not any(fnmatch.fnmatch(name, p) for p in options.case):
                continue
            for role in marks["roles"]:
                if options.brief and peer_name in BROWSERS and len(marks["roles"]) > 1:
                    if role != marks["roles"][(sum(name.encode()) + BROWSERS.index(peer_name)) % 2]:
                        continue
                if not options.role or role == options.role:
                    yield peer_name, name, function, marks, role


def within(seconds, function, run):
    """Runs it in a thread; its error is raised here, and a case that does not end is one."""
    from case import Failed
    caught = []

    def work():
        try:
            function(run)
        except BaseException as error:
            caught.append(error)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        frame = sys._current_frames().get(thread.ident)
        where = "".join(traceback.format_stack(frame)[-3:]) if frame else ""
        raise Failed(f"no end within {seconds} s; it was in\n{where}")
    if caught:
        raise caught[0]


def attempt(options, run, function, marks):
    """Runs the case once; its error, or None. Missing packages are the caller's."""
    from case import Missing
    error = None
    try:
        within(marks["seconds"] + marks["per_seed"] * options.seeds, function, run)
    except Missing:
        run.close()
        raise
    except Exception as caught:
        error = caught
        run.leave()
    run.close()
    return error


def print_error(error, folder, prefix):
    from case import Failed
    text = str(error) if isinstance(error, Failed) else "".join(
        traceback.format_exception_only(error))
    for line in text.strip().splitlines()[-12:]:
        print(f"# {prefix}{line}")
    for frame in traceback.extract_tb(error.__traceback__):
        if HERE in frame.filename and frame.name not in ("one", "attempt", "within", "work"):
            print(f"# {prefix}at {os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}")
    print(f"# {prefix}left in {folder}")


def one(options, number, peer_name, name, function, marks, role):
    """Runs a case and prints its TAP line; whether it is well. A browser on a busy machine may miss a
    time limit: a case gets as many attempts as --attempts says, and each that failed is told of."""
    from case import Missing
    from report import Run
    title = f"{peer_name}/{name} ({'we' if role == 'offer' else 'they'} offer)"
    begun, failed = time.monotonic(), []
    for tried in range(options.attempts):
        folder = os.path.join(options.build, "interop", peer_name,
                              f"{name}-{role}" + (f"-{tried + 1}" if tried else ""))
        run = Run(folder, peer_name, name, role, options)
        try:
            error = attempt(options, run, function, marks)
        except Missing as missing:
            print(f"ok {number} - {title} # skip {missing}", flush=True)
            return True
        if error is None:
            break
        run.write_signals()
        failed.append((error, folder))
    took = time.monotonic() - begun
    if error is None:
        print(f"ok {number} - {title} # {took:.1f} s")
    else:
        print(f"not ok {number} - {title}")
    for tried, (caught, where) in enumerate(failed, 1):
        print_error(caught, where, f"attempt {tried}: " if options.attempts > 1 else "")
    for text in run.notes:
        print("# " + text)
    sys.stdout.flush()
    if error is None and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    elif options.keep:
        run.write_signals()
    return error is None


def main():
    options = parse()
    network.enter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    import peer
    peer.PROGRAM = os.path.join(options.build, "examples", "xcall-peer")
    if not os.access(peer.PROGRAM, os.X_OK):
        print(f"Bail out! {peer.PROGRAM} is missing")
        return 2
    planned = list(plan(options))
    if options.list:
        for peer_name, name, _, _, role in planned:
            print(peer_name, name, role)
        return 0
    print(f"1..{len(planned)}", flush=True)
    good = True
    try:
        for number, (peer_name, name, function, marks, role) in enumerate(planned, 1):
            good &= one(options, number, peer_name, name, function, marks, role)
    finally:
        for module in list(sys.modules.values()):  # a module that keeps a program between cases
            if getattr(module, "__file__", None) and HERE in str(module.__file__):
                getattr(module, "close_all", lambda: None)()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
