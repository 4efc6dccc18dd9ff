"""media.py - media that is known on sight: tones and pictures that carry their number.

The number is 16 bits, most significant first, as a row of 16 white or black cells at the top:
"wide" cells share the whole width and are an eighth of the height (they survive any scaling; pages
and write_counter_y4m draw these), "pattern" cells are those of xcall-peer's pattern, min(16,
width/16) pixels a side.
SPDX-License-Identifier: MIT"""
import json
import os
import wave

import numpy

BITS = 16


def write_tone_wav(path, hz, seconds=2.0, rate=48000, channels=1, level=0.3):
    """A tone that is whole at its end, so that it loops. hz: one, or one for each channel."""
    tones = hz if isinstance(hz, (tuple, list)) else (hz,) * channels
    at = numpy.arange(int(rate * seconds)) / rate
    rows = [level * numpy.sin(2 * numpy.pi * tone * at) for tone in tones]
    with wave.open(path, "wb") as file:
        file.setnchannels(len(rows))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((numpy.stack(rows, 1) * 32767).astype("<i2").tobytes())


def write_counter_y4m(path, width, height, count, rate=30):
    """Pictures 0..count-1, each with its number in wide cells over a moving ramp."""
    cell, high = width // BITS, max(height // 8, 1)
    chroma = bytes([128]) * (((width + 1) // 2) * ((height + 1) // 2) * 2)
    ramp = 60 + numpy.arange(width) * 120 // width
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n" % (width, height, rate))
        for number in range(count):
            plane = numpy.tile(numpy.roll(ramp, number * 4), (height, 1)).astype(numpy.uint8)
            for bit in range(BITS):
                white = number >> (BITS - 1 - bit) & 1
                plane[:high, bit * cell:(bit + 1) * cell] = 235 if white else 16
            file.write(b"FRAME\n" + plane.tobytes() + chroma)


def counter_of(plane, width, height, wide=True):
    """The number in a luma plane (bytes or a flat array); None where a cell is neither."""
    cell = width / BITS if wide else min(16, width // 16)
    row = height // 16 if wide else int(cell) // 2
    number = 0
    for bit in range(BITS):
        luma = int(plane[row * width + int((bit + 0.5) * cell)])
        if 90 < luma < 160:
            return None
        number = number << 1 | (luma >= 125)
    return number


def read_y4m(path):
    """Yields (width, height, luma plane) of each picture; a file that still grows is fine."""
    with open(path, "rb") as file:
        words = file.readline().split()
        width = int(next(w[1:] for w in words if w[:1] == b"W"))
        height = int(next(w[1:] for w in words if w[:1] == b"H"))
        luma, rest = width * height, 2 * ((width + 1) // 2) * ((height + 1) // 2)
        while file.readline() == b"FRAME\n":
            plane, chroma = file.read(luma), file.read(rest)
            if len(chroma) < rest:
                return
            yield width, height, numpy.frombuffer(plane, numpy.uint8)


def tail_wav(path, seconds, rate=48000, channels=1):
    """The newest samples of a 16-bit WAV file that is being written: one array a channel."""
    if not os.path.exists(path):
        return [numpy.zeros(0)] * channels
    frame = 2 * channels
    whole = (max(os.path.getsize(path) - 44, 0)) // frame
    wanted = min(whole, int(seconds * rate))
    with open(path, "rb") as file:
        file.seek(44 + (whole - wanted) * frame)
        data = file.read(wanted * frame)
    samples = numpy.frombuffer(data[:len(data) // frame * frame], "<i2") / 32768
    return [samples[i::channels] for i in range(channels)]


def tone_of(samples, rate=48000):
    """(frequency of the strongest tone, its share of all energy, level): (0, 0, 0) for nothing."""
    if len(samples) < rate // 20:
        return 0.0, 0.0, 0.0
    level = float(numpy.sqrt(numpy.mean(numpy.square(samples))))
    power = numpy.square(numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples)))))
    power[:3] = 0
    total = float(power.sum())
    if total <= 0 or level < 1e-4:
        return 0.0, 0.0, level
    peak = int(power.argmax())
    bins = max(2, int(15 * len(samples) / rate))  # a tone that wavers by 15 Hz is one
    share = float(power[max(peak - bins, 0):peak + bins + 1].sum()) / total
    return peak * rate / len(samples), share, level


def is_tone(samples, hz, rate=48000, share_min=0.6, level_min=0.01):
    got, share, level = tone_of(samples, rate)
    return abs(got - hz) <= max(20, hz * 0.02) and share >= share_min and level >= level_min


def is_silence(samples, level_max=0.003):
    return len(samples) > 0 and float(numpy.sqrt(numpy.mean(numpy.square(samples)))) < level_max


def read_lines(path):
    """The whole JSON lines of a file that may still grow."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().split("\n")[:-1] if line]
