"""common.py - what the Python peers share: options, JSON lines, a tone, a picture with a number, files.

They take part in a call as xcall-peer does (docs/peer.md): signals as JSON lines on stdin and stdout,
what was heard as WAV, a JSON line for each picture seen, data as
{"type":"data","label":..,"text"|"base64":..}.
SPDX-License-Identifier: MIT"""
import argparse
import base64
import json
import os
import struct
import sys
import threading
import time

import numpy

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import media  # noqa: E402

RATE = 48000
NUMBER_BITS = 16
DATA_LABEL = "data"


def options(description):
    parser = argparse.ArgumentParser(description=description)
    role = parser.add_mutually_exclusive_group(required=True)
    role.add_argument("--offer", action="store_true")
    role.add_argument("--answer", action="store_true")
    parser.add_argument("--audio-in", default="tone:440", metavar="tone[:HZ]",
                        help="what to say")
    parser.add_argument("--audio-out", metavar="FILE.wav", help="what was heard")
    parser.add_argument("--seen", metavar="FILE.jsonl", help="what was seen")
    parser.add_argument("--no-audio", action="store_true")
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--data", action="store_true", help="with a data channel")
    parser.add_argument("--size", default="640x360", metavar="WxH", help="of the pictures shown")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0,
                        help="end so long after connected (0: when told or at the end of input)")
    parser.add_argument("--stats", metavar="FILE", help="closing statistics, JSON")
    found = parser.parse_args()
    found.width, found.height = (int(word) for word in found.size.split("x"))
    found.tone_hz = float(found.audio_in.partition(":")[2] or 1000)
    return found


_out = threading.Lock()


def say(kind, **members):
    with _out:
        print(json.dumps({"type": kind, **members}), flush=True)


def say_data(label, message):
    if isinstance(message, str):
        say("data", label=label, text=message)
    else:
        say("data", label=label, base64=base64.b64encode(message).decode())


def data_of(line):
    """What a line {"type":"data"} wants sent: str or bytes."""
    return line["text"] if "text" in line else base64.b64decode(line["base64"])


def lines(take):
    """Calls take(object) for each line of stdin, take(None) at its end; for a thread of its own."""
    for line in sys.stdin:
        line = line.strip()
        if not line:
            continue
        try:
            found = json.loads(line)
        except ValueError:
            print(f"no JSON: {line[:80]}", file=sys.stderr)
            continue
        take(found)
    take(None)


class Tone:
    """A sine without a seam, as 16-bit mono blocks."""

    def __init__(self, hz):
        self.hz, self.at = hz, 0

    def block(self, samples):
        phase = numpy.arange(self.at, self.at + samples) * (2 * numpy.pi * self.hz / RATE)
        self.at += samples
        return (numpy.sin(phase) * 9830).astype("<i2")


class Pattern:
    """I420 pictures with their number in 16 cells at the top left, as xcall-peer's `pattern`."""

    def __init__(self, width, height):
        self.width, self.height, self.number = width, height, 0
        across = numpy.linspace(60, 180, width).astype("u1")
        self.luma = numpy.tile(across, (height, 1))
        side = (height + 1) // 2 * ((width + 1) // 2)
        self.chroma = bytes([100]) * side + bytes([150]) * side

    def picture(self):
        cell = min(16, self.width // NUMBER_BITS)
        luma = self.luma.copy()
        bar = 40 + self.number * 4 % (self.height - 60)
        luma[bar:bar + 12, :] = 210
        for bit in range(NUMBER_BITS):
            one = self.number >> (NUMBER_BITS - 1 - bit) & 1
            luma[:cell, bit * cell:(bit + 1) * cell] = 235 if one else 16
        self.number = (self.number + 1) & 0xffff
        return luma.tobytes() + self.chroma


class Heard:
    """WAV of 16-bit mono at 48 kHz, written through so that it can be read while it grows."""

    def __init__(self, path):
        self.samples, self.file = 0, None
        if path:
            self.file = open(path, "wb", buffering=0)
            self._head(0)

    def _head(self, size):
        self.file.seek(0)
        self.file.write(struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16,
                                    1, 1, RATE, 2 * RATE, 2, 16, b"data", size))

    def add(self, samples):
        self.samples += len(samples)
        if self.file:
            self.file.write(numpy.asarray(samples, "<i2").tobytes())

    def close(self):
        if self.file:
            self._head(2 * self.samples)
            self.file.close()


class Seen:
    """A line for each picture: its size and the numbers drawn in it, as xcall-peer's --seen."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8") if path else None
        self.size, self.pictures = None, 0

    def add(self, width, height, luma):
        """luma: rows without padding, as a flat array."""
        self.pictures += 1
        self.size = (width, height)
        if self.file:
            json.dump({"time_ns": time.monotonic_ns(), "track": 2, "width": width,
                       "height": height,
                       "pattern": media.counter_of(luma, width, height, wide=False),
                       "wide": media.counter_of(luma, width, height)}, self.file)
            self.file.write("\n")
            self.file.flush()

    def close(self):
        if self.file:
            self.file.close()


def counters(heard, seen, **more):
    """Statistics."""
    return {"audio_samples_read": heard.samples, "pictures_read": seen.pictures,
            "picture_size": seen.size, **more}


def finish(found, heard, seen, stats):
    """Closes the files, writes the statistics, says the last lines; the exit code."""
    heard.close()
    seen.close()
    if found.stats:
        with open(found.stats, "w", encoding="utf-8") as file:
            json.dump(stats, file, indent=1)
    say("state", state="ended", reason=stats["error"] or "hang_up")
    say("stats", **stats)
    return 1 if stats["error"] else 0
