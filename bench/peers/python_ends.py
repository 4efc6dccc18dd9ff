"""python_ends.py - what the Python peers of the bench share: options, content, notes, lines.
SPDX-License-Identifier: MIT"""
import json
import os
import sys
import time

import numpy

import content

BITS, CELL = 16, 16
LOUD = 300  # of 32768: neither silence nor a decoder's noise
LIMIT_S = 8


def now():
    return time.monotonic() * 1000


class Options:
    """Of the command line: PART and a JSON object."""

    def __init__(self):
        self.part = sys.argv[1]
        self.__dict__.update(json.loads(sys.argv[2]))
        self.speech = numpy.fromfile(self.sound, "<i2")
        size = content.WIDTH * content.HEIGHT * 3 // 2
        with open(self.pictures, "rb") as file:
            data = file.read()
        self.frames = [data[at:at + size] for at in range(0, len(data), size)]

    def block(self, k):
        at = k * content.BLOCK % (len(self.speech) // content.BLOCK * content.BLOCK)
        return self.speech[at:at + content.BLOCK]

    def picture(self, number):
        """I420 bytes with the number drawn in; numbers begin at 1, black is 0."""
        picture = bytearray(self.frames[(number - 1) % len(self.frames)])
        row = b"".join((b"\xeb" if number >> (BITS - 1 - bit) & 1 else b"\x10") * CELL
                       for bit in range(BITS))
        for line in range(CELL):
            at = line * content.WIDTH
            picture[at:at + len(row)] = row
        return bytes(picture)


def number_of(luma, stride):
    """-1 where a cell is neither black nor white."""
    number = 0
    for bit in range(BITS):
        value = luma[CELL // 2 * stride + bit * CELL + CELL // 2]
        if 90 < value < 160:
            return -1
        number = number << 1 | (value >= 125)
    return number


def is_loud(samples):
    return bool(len(samples)) and int(numpy.abs(samples.astype("i4")).max()) > LOUD


class Notes:
    """What an end saw and heard."""

    def __init__(self):
        self.first_audio = self.first_video = None
        self.samples = self.pictures = self.last = 0
        self.keep = False
        self.reads, self.heard, self.seen = [], [], []

    def sound(self, samples):
        at = now()
        self.samples += len(samples)
        if self.first_audio is None and is_loud(samples):
            self.first_audio = at
        if self.keep:
            self.reads += (at, len(samples))
            self.heard.append(samples.copy())

    def picture(self, width, luma, stride):
        at = now()
        number = number_of(luma, stride) if width == content.WIDTH else -1
        if number >= 1:
            self.pictures += 1
            if self.first_video is None:
                self.first_video = at
        if self.keep:
            self.seen += (number, at)


def later(values, begin):
    return None if None in values else max(values) - begin


def save(options, name, values):
    numpy.asarray(values, "<f8").tofile(os.path.join(options.out, name))


def save_sound(options, wrote, notes):
    save(options, "wrote.f64", wrote)
    save(options, "reads.f64", notes.reads)
    heard = numpy.concatenate(notes.heard) if notes.heard else numpy.zeros(0, "<i2")
    heard.astype("<i2").tofile(os.path.join(options.out, "heard.s16"))


def say(**what):
    print(json.dumps(what), flush=True)


def rates(notes, seconds):
    return {"audio_rate": sum(n.samples for n in notes) / content.RATE / 2 / seconds,
            "video_rate": sum(n.pictures for n in notes) / 30 / 2 / seconds}
