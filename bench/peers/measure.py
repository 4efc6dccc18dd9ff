"""measure.py - runs one part of one peer in a process of its own, and reads its processes' CPU time and
memory from /proc at the marks that it prints. The same for every peer.

Lines of a peer's stdout: {"mark":NAME} at a mark, {"result":{..},"versions":{..}} last.
SPDX-License-Identifier: MIT"""
import json
import os
import signal
import subprocess
import threading
import time

import numpy


class Failed(Exception):
    """A peer's part did not work; its text says why."""


def _stat(pid):
    """(parent, session) of a process; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[1]), int(fields[3])
    except (OSError, ValueError, IndexError):
        return None


def tree(root):
    """The process, its descendants, and all of its session."""
    known = {int(name): _stat(name) for name in os.listdir("/proc") if name.isdigit()}
    known = {pid: found for pid, found in known.items() if found}
    wanted = {pid for pid, (_, session) in known.items() if session == root} | {root}
    grown = True
    while grown:
        grown = {pid for pid, (parent, _) in known.items() if parent in wanted} - wanted
        wanted |= grown
    return wanted


def cpu_seconds(pids):
    """{pid: CPU seconds with those of threads that ended}: the process's own clock, in ns."""
    found = {}
    for pid in pids:
        try:
            found[pid] = time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid() makes it
        except OSError:
            pass  # it has ended
    return found


def resident_kib(pids):
    """{pid: resident memory}; growth of it does not depend on who else shares pages."""
    found = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
                found[pid] = int(file.read().split()[1]) * (os.sysconf("SC_PAGESIZE") // 1024)
        except (OSError, ValueError, IndexError):
            pass
    return found


def growth(before, after):
    """Of processes that were there at both marks, and of new ones."""
    return sum(value - before.get(pid, 0) for pid, value in after.items())


def threads_of(pids):
    found = {}
    for pid in pids:
        try:
            found[pid] = len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            pass
    return found


def _end(process):
    """Of a session that this program began: whatever is left of it."""
    for pid in tree(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    process.wait()


def run(command, limit, environment=None):
    """Returns (result, versions, {mark: {at, cpu, kib, threads}})."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, errors="replace",
                               start_new_session=True, env={**os.environ, **(environment or {})})
    errors = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr), daemon=True)
    reader.start()
    timer = threading.Timer(limit, _end, [process])
    timer.start()
    marks, last = {}, None
    try:
        for line in process.stdout:
            try:
                found = json.loads(line)
            except ValueError:
                continue  # some libraries talk there
            if "mark" in found:
                at, pids = time.monotonic(), tree(process.pid)
                marks[found["mark"]] = {"at": at, "cpu": cpu_seconds(pids),
                                        "kib": resident_kib(pids), "threads": threads_of(pids)}
            elif "result" in found:
                last = found
        code = process.wait()
    finally:
        late = not timer.is_alive()
        timer.cancel()
        _end(process)
        reader.join(2)
    if late or code or last is None:
        words = "".join(errors).strip()[-1500:]
        raise Failed(f"no end within {limit} s" if late else words or f"exit code {code}")
    return last["result"], last.get("versions", {}), marks


def rows(folder, name, width):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return numpy.zeros((0, width))
    flat = numpy.fromfile(path, "<f8")
    return flat[:len(flat) // width * width].reshape(-1, width)


def samples(folder, name):
    path = os.path.join(folder, name)
    return numpy.fromfile(path, "<i2") if os.path.exists(path) else numpy.zeros(0, "<i2")
