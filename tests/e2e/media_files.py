"""media_files.py - WAV and Y4M files with tones and numbered pictures: written, read and judged.
SPDX-License-Identifier: MIT
"""

import array
import math
import struct
import wave


def write_wav(name, hz, rate=48000, channels=1, seconds=1.0, as_float=False):
    count = int(rate * seconds)
    values = [0.3 * math.sin(2 * math.pi * hz * i / rate) for i in range(count)]
    if as_float:
        data = b"".join(struct.pack("<f", v) * channels for v in values)
    else:
        data = b"".join(struct.pack("<h", int(v * 32767)) * channels for v in values)
    size = 4 if as_float else 2
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16,
                       3 if as_float else 1, channels, rate, rate * channels * size,
                       channels * size, 8 * size, b"data", len(data))
    with open(name, "wb") as file:
        file.write(head + data)


def read_wav(name):
    """Rate, channels, samples of the first channel."""
    with wave.open(name, "rb") as file:
        assert file.getsampwidth() == 2
        samples = array.array("h", file.readframes(file.getnframes()))
        return file.getframerate(), file.getnchannels(), samples[::file.getnchannels()]


def goertzel(samples, rate, hz):
    """Share of the energy at one frequency."""
    w = 2 * math.pi * hz / rate
    coefficient, s1, s2 = 2 * math.cos(w), 0.0, 0.0
    for x in samples:
        s1, s2 = x + coefficient * s1 - s2, s1
    power = s1 * s1 + s2 * s2 - coefficient * s1 * s2
    energy = sum(x * x for x in samples) or 1
    return 2 * power / (energy * len(samples))


def check_tone(name, hz, rate=48000, seconds_min=1.0):
    """What was heard is the tone: in so many seconds' windows of 50 ms, and in most of those that are
    not silent (a busy machine may make the library conceal or stretch here and there, which breaks
    the phase)."""
    got_rate, _, samples = read_wav(name)
    assert got_rate == rate, "rate %d" % got_rate
    size = rate // 20
    windows = [samples[at:at + size] for at in range(0, len(samples) - size + 1, size)]
    loud = [window for window in windows if sum(x * x for x in window) > size * 300 * 300]
    pure = sum(goertzel(window, rate, hz) > 0.9 for window in loud)
    assert pure >= 20 * 0.75 * seconds_min and pure > 0.6 * len(loud), \
        "%d of %d windows have the tone of %d Hz, %d are loud" % (pure, len(windows), hz, len(loud))


def write_y4m(name, width, height, count, rate=30):
    chroma = ((width + 1) // 2) * ((height + 1) // 2)
    with open(name, "wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n" % (width, height, rate))
        for i in range(count):
            row = bytes((40 + (x * 3 + i * 8) % 160) for x in range(width))
            file.write(b"FRAME\n" + row * height + bytes([90]) * chroma + bytes([170]) * chroma)


def read_y4m(name):
    """Width, height, luma planes."""
    with open(name, "rb") as file:
        words = file.readline().split()
        assert words[0] == b"YUV4MPEG2", words
        width = int(next(w[1:] for w in words if w[:1] == b"W"))
        height = int(next(w[1:] for w in words if w[:1] == b"H"))
        luma, rest = width * height, 2 * ((width + 1) // 2) * ((height + 1) // 2)
        planes = []
        while file.readline() == b"FRAME\n":
            plane = file.read(luma)
            assert len(plane) == luma and len(file.read(rest)) == rest, "truncated"
            planes.append(plane)
    return width, height, planes


def counter_of(plane, width):
    """The number in the pattern's corner."""
    cell, value = min(16, width // 16), 0
    for bit in range(16):
        value = value << 1 | (plane[(cell // 2) * width + bit * cell + cell // 2] > 125)
    return value
