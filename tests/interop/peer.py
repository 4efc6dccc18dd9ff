"""peer.py - one xcall-peer: options, JSON lines over pipes, what it heard and saw so far.

What it hears goes to heard.wav, each picture it sees is a line of seen.jsonl (size and the numbers
drawn in it); both are read while the call lasts.
SPDX-License-Identifier: MIT"""
import json
import os
import queue
import subprocess
import threading
import time

import media
import network
from case import Failed, check, wait_for

PROGRAM = ""  # set by main.py: the path of xcall-peer
SIGNALS = ("offer", "answer", "candidate", "hangup")


class Peer:
    """A running xcall-peer. `signal(line)` is called with each line that the far side must get."""

    def __init__(self, run, *options, role=None, name="xcall", signal=None, tone=1000, video=True):
        self.run, self.name, self.signal = run, name, signal
        self.folder = run.folder
        self.channels = 1
        command = [PROGRAM, f"--{role or run.role}", "--bind", network.address()]
        if not any(option == "--audio-in" for option in options):
            command += ["--audio-in", f"tone:{tone}" if tone else "silence"]
        for option, kind in (("--audio-out", "heard.wav"), ("--stats", "stats.json"),
                             ("--stats-series", "series.jsonl"), ("--trace", "trace.json")):
            command += [option, self.path(kind)]
        command += ["--seen", self.path("seen.jsonl")] if video else ["--no-video"]
        self.command = command + list(options)
        self.lines, self.sent = [], []  # all that was read from it, all that was written to it
        self.data = queue.Queue()
        self.stats_lines = queue.Queue()
        self.errors = ""
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.write_lock = threading.Lock()
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self._read, self._read_errors)]
        for thread in self.threads:
            thread.start()
        run.peers.append(self)

    def path(self, kind):
        return os.path.join(self.folder, f"{self.name}.{kind}")

    def _read(self):
        while True:
            try:
                raw = self.process.stdout.readline()
            except ValueError:  # closed at the end of a case that failed
                return
            if not raw:
                return
            line = json.loads(raw)
            self.lines.append({**line, "at": time.monotonic()})
            if line["type"] == "data":
                self.data.put(line)
            elif line["type"] == "stats":
                self.stats_lines.put(line)
            elif line["type"] in SIGNALS and self.signal:
                self.signal(line)

    def _read_errors(self):
        for raw in self.process.stderr:
            self.errors += raw.decode(errors="replace")

    # --- lines --------------------------------------------------------------------------------

    def send(self, line):
        self.sent.append({**line, "at": time.monotonic()})
        with self.write_lock:
            try:
                self.process.stdin.write(json.dumps(line).encode() + b"\n")
                self.process.stdin.flush()
            except (OSError, ValueError):
                pass  # it has ended, which the case will see

    def do(self, action, **more):
        self.send({"type": "do", "action": action, **more})

    def wait_line(self, what, found, seconds=20):
        def look():
            if self.process.poll() is not None and not self.threads[0].is_alive():
                raise Failed(f"{self.name} ended before {what}: {self.errors.strip()}")
            return next((line for line in list(self.lines) if found(line)), None)
        return wait_for(f"{self.name}: {what}", look, seconds)

    def states(self):
        return [line["state"] for line in self.lines if line["type"] == "state"]

    def wait_connected(self, seconds=20):
        return self.wait_line("connected", lambda line: line["type"] == "state"
                              and line["state"] == "connected", seconds)

    def stats(self, seconds=10):
        """Statistics of now."""
        while not self.stats_lines.empty():
            self.stats_lines.get()
        self.do("stats")
        try:
            return self.stats_lines.get(timeout=seconds)
        except queue.Empty:
            raise Failed(f"{self.name} said no statistics: {self.errors.strip()}") from None

    def local_sdp(self):
        """The newest description that it made."""
        return next((line["sdp"] for line in reversed(self.lines)
                     if line["type"] in ("offer", "answer")), "")

    def remote_sdp(self):
        return next((line["sdp"] for line in reversed(self.sent)
                     if line["type"] in ("offer", "answer")), "")

    # --- what it hears and sees ------------------------------------------------------------------

    def heard(self, seconds=0.5, channel=0):
        return media.tail_wav(self.path("heard.wav"), seconds, channels=self.channels)[channel]

    def wait_tone(self, hz, seconds=20, channel=0):
        """The tone is what was heard in the last half second, in a run of two looks."""
        def look():
            return media.is_tone(self.heard(channel=channel), hz)
        try:
            wait_for("", lambda: look() and (time.sleep(0.3) or look()), seconds)
        except Failed:
            got = media.tone_of(self.heard(channel=channel))
            raise Failed(f"{self.name} does not hear {hz} Hz: "
                         f"{got[0]:.0f} Hz, share {got[1]:.2f}, level {got[2]:.4f}") from None

    def wait_silence(self, seconds=20):
        wait_for(f"{self.name} hears nothing",
                 lambda: media.is_silence(self.heard()) and (time.sleep(0.3) or True)
                 and media.is_silence(self.heard()), seconds)

    def seen(self, track=None):
        """Pictures seen so far: dictionaries of time_ns, track, width, height, pattern, wide."""
        lines = media.read_lines(self.path("seen.jsonl"))
        return [line for line in lines if track is None or line["track"] == track]

    def wait_pictures(self, count=30, since=0, seconds=30, track=None, size=None, wide=True):
        """So many pictures past the first `since` ones, whose numbers rise; returns them."""
        key = "wide" if wide else "pattern"

        def look():
            new = self.seen(track)[since:]
            if size:
                new = [line for line in new if (line["width"], line["height"]) == tuple(size)]
            return new if len(new) >= count else None
        try:
            found = wait_for("", look, seconds)
        except Failed:
            new = self.seen(track)[since:]
            raise Failed(f"{self.name} saw {len(new)} of {count} pictures, the last "
                         f"{new[-1] if new else None}") from None
        check_counters([line[key] for line in found], self.name)
        return found

    # --- the end ------------------------------------------------------------------------------

    def finish(self, seconds=10):
        """Hangs up and waits; its exit code."""
        if self.process.poll() is None:
            self.send({"type": "hangup"})
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} does not end") from None
        self.threads[0].join(5)
        self.threads[1].join(5)
        return code

    def close(self):
        """However the case went: it is gone afterwards."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for thread in self.threads:
            thread.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except OSError:
                pass


def check_counters(numbers, name):
    """Numbers read from pictures rise; a few cannot be read when a picture is coarse."""
    read = [number for number in numbers if number is not None]
    check(len(read) >= 0.9 * len(numbers),
          f"{name}: the number is readable in {len(read)} of {len(numbers)} pictures")
    steps = [(b - a) % 65536 for a, b in zip(read, read[1:])]
    wrong = [step for step in steps if step > 600]
    repeated = steps.count(0)  # a canvas that is late is captured twice
    check(len(wrong) <= 0.05 * len(steps) + 1 and repeated <= 0.25 * len(steps) + 1,
          f"{name}: the pictures' numbers do not rise: {read[:40]}")
