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

    look_every = 0.1  # seconds between two looks at what was seen

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

    def wait_line(self, what, found, seconds=40):
        def look():
            if self.process.poll() is not None and not self.threads[0].is_alive():
                raise Failed(f"{self.name} ended before {what}: {self.errors.strip()}")
            return next((line for line in list(self.lines) if found(line)), None)
        return wait_for(f"{self.name}: {what}", look, seconds)

    def states(self):
        return [line["state"] for line in self.lines if line["type"] == "state"]

    def wait_connected(self, seconds=60):
        return self.wait_line("connected", lambda line: line["type"] == "state"
                              and line["state"] == "connected", seconds)

    def stats(self, seconds=30):
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

    def wait_tone(self, hz, seconds=40, channel=0):
        """The tone is what was heard in the last half second, in a run of two looks."""
        def look():
            return media.is_tone(self.heard(channel=channel), hz)
        try:
            wait_for("", lambda: look() and (time.sleep(0.3) or look()), seconds)
        except Failed:
            got = media.tone_of(self.heard(channel=channel))
            raise Failed(f"{self.name} does not hear {hz} Hz: "
                         f"{got[0]:.0f} Hz, share {got[1]:.2f}, level {got[2]:.4f}") from None

    def wait_silence(self, seconds=40):
        wait_for(f"{self.name} hears nothing",
                 lambda: media.is_silence(self.heard()) and (time.sleep(0.3) or True)
                 and media.is_silence(self.heard()), seconds)

    def seen(self, track=None):
        """Pictures seen so far: dictionaries of time_ns, track, width, height, pattern, wide."""
        lines = media.read_lines(self.path("seen.jsonl"))
        return [line for line in lines if track is None or line["track"] == track]

    def wait_pictures(self, count=30, since=0, seconds=60, track=None, size=None, wide=True):
        """So many different pictures past the first `since` ones, whose numbers rise; returns them."""
        key = "wide" if wide else "pattern"

        def look():
            new = self.seen(track)[since:]
            if size:
                new = [line for line in new if (line["width"], line["height"]) == tuple(size)]
            new = different(new, key)
            return new if len(new) >= count else None
        try:
            found = wait_for("", look, seconds, self.look_every)
        except Failed:
            new = self.seen(track)[since:]
            raise Failed(f"{self.name} saw {len(different(new, key))} of {count} pictures "
                         f"({len(new)} with repeats and unreadable ones), the last "
                         f"{new[-1] if new else None}") from None
        check_counters([line[key] for line in found], self.name)
        return found

    # --- the end ------------------------------------------------------------------------------

    def finish(self, seconds=30):
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


def different(pictures, key):
    """Those whose number can be read and is not that of the one before: a sender that is short of time
    captures a canvas twice or makes its pictures coarse, a page looks at one picture twice."""
    found = []
    for picture in pictures:
        if picture[key] is not None and not (found and found[-1][key] == picture[key]):
            found.append(picture)
    return found


def check_counters(numbers, name):
    """Numbers of different pictures rise; a few may be misread."""
    steps = [(b - a) % 65536 for a, b in zip(numbers, numbers[1:])]
    wrong = [step for step in steps if step >= 32768]
    check(len(wrong) <= 0.05 * len(steps) + 1,
          f"{name}: the pictures' numbers do not rise: {numbers[:40]}")
