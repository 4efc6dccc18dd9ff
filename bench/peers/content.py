"""content.py - what every peer of the bench is given to say and to show, and how it is found again.

Sound: speech-like, and for latency quiet speech with short chirps, each beginning inside a block of
10 ms. Pictures: a panning texture with a moving shape and sensor noise, a loop of two seconds; who
shows one draws its number into the top left corner (16 cells of 16 x 16 pixels, luma 235 or 16).
SPDX-License-Identifier: MIT"""
import numpy

RATE = 48000
BLOCK = 480
MARK = 480             # samples of a chirp
MARK_EVERY = 33        # blocks: odd, so that chirps lie in both halves of a 20 ms frame
MARK_KINDS = 4
WARM_UP = 50           # blocks
SEARCH_MS = 900        # a chirp of the same kind comes after 1320 ms
WIDTH, HEIGHT, LOOP = 640, 360, 60


def speech(seconds, seed=5):
    """Voiced and unvoiced syllables with pauses, about -20 dBFS; 16-bit mono."""
    random = numpy.random.default_rng(seed)
    out = numpy.zeros(int(seconds * RATE))
    at = 0
    while at < len(out):
        length = int(RATE * random.uniform(0.08, 0.25))
        time = numpy.arange(length) / RATE
        envelope = numpy.sin(numpy.pi * numpy.arange(length) / length) ** 0.7
        if random.random() < 0.75:
            pitch = random.uniform(95, 230) * (1 + 0.1 * time / time[-1])
            phase = 2 * numpy.pi * numpy.cumsum(pitch) / RATE
            formants = random.uniform((300, 900, 2200), (800, 2000, 3200))
            part = numpy.zeros(length)
            for harmonic in range(1, 24):
                gain = sum(numpy.exp(-((harmonic * 160 - f) / 250) ** 2) for f in formants) + 0.03
                part += gain * numpy.sin(harmonic * phase) / harmonic ** 0.3
        else:
            part = random.standard_normal(length) * 0.6
        part *= envelope * random.uniform(0.4, 1)
        end = min(at + length, len(out))
        out[at:end] = part[:end - at]
        at += length + (int(RATE * random.uniform(0.1, 0.4)) if random.random() < 0.25 else 0)
    out *= 0.1 / numpy.sqrt(numpy.mean(out ** 2))
    return (numpy.clip(out, -0.9, 0.9) * 32767).astype("<i2")


def chirp(kind):
    time = numpy.arange(MARK) / RATE
    low, high = ((500, 1500), (1800, 3400))[kind // 2]
    begin, end = (low, high) if kind % 2 == 0 else (high, low)
    sweep = 2 * numpy.pi * (begin * time + (end - begin) * time ** 2 / (2 * time[-1]))
    return numpy.sin(sweep) * numpy.sin(numpy.pi * numpy.arange(MARK) / MARK) ** 0.5


def marks(blocks):
    """(block, kind, samples into the block) of each chirp."""
    return [(block, number % MARK_KINDS, 15 + 60 * (number % 8))
            for number, block in enumerate(range(WARM_UP, blocks - 100, MARK_EVERY))]


def marked(blocks):
    out = speech(blocks / 100, 7).astype(float) / 8
    for block, kind, offset in marks(blocks):
        at = block * BLOCK + offset
        out[at:at + MARK] += 0.45 * 32767 * chirp(kind)
    return out.astype("<i2")


def find_marks(wrote, heard, reads):
    """wrote: ms of each block handed in; heard: samples; reads: rows of (ms, samples taken out).
    Returns the latencies in ms of the chirps that are found again, and how many there were."""
    if not len(reads) or not len(heard):
        return [], 0
    ends = numpy.cumsum(reads[:, 1]).astype(int)
    found, wanted = [], 0
    for block, kind, _ in marks(len(wrote)):
        first = int(numpy.searchsorted(reads[:, 0], wrote[block]))
        last = int(numpy.searchsorted(reads[:, 0], wrote[block] + SEARCH_MS))
        if first >= len(reads) or last >= len(reads):
            continue
        wanted += 1
        window = heard[ends[first - 1] if first else 0:ends[last] + MARK].astype(float)
        if len(window) < 2 * MARK:
            continue
        shape = chirp(kind)
        score = numpy.correlate(window, shape, "valid")
        energy = numpy.convolve(window ** 2, numpy.ones(MARK), "valid")
        score /= numpy.sqrt(energy * numpy.sum(shape ** 2)) + 1e3
        best = int(score.argmax())
        if score[best] < 0.6:
            continue
        sample = (ends[first - 1] if first else 0) + best
        read = int(numpy.searchsorted(ends, sample, "right"))
        if read < len(reads):
            found.append(float(reads[read, 0] - wrote[block]))
    return found, wanted


def find_pictures(wrote, seen, warm_up_ms=2000):
    """Rows of (number, ms) handed in and taken out: latencies in ms, and how many were handed in."""
    if not len(wrote):
        return [], 0
    begin = wrote[0, 1] + warm_up_ms
    end = wrote[-1, 1] - 1000
    handed = {int(number): ms for number, ms in wrote if begin <= ms <= end}
    found = {}
    for number, ms in seen:
        if int(number) in handed:
            found.setdefault(int(number), float(ms - handed[int(number)]))
    return list(found.values()), len(handed)


def pictures():
    """I420 frames of a loop, one after the other."""
    random = numpy.random.default_rng(11)
    side = 2048
    grid = numpy.add.outer(numpy.sin(numpy.arange(side) * 0.05),
                           numpy.cos(numpy.arange(side) * 0.037)) * 25
    blocks = numpy.kron(random.uniform(-40, 40, (side // 32, side // 32)), numpy.ones((32, 32)))
    fine = random.uniform(-12, 12, (side // 4, side // 4)).repeat(4, 0).repeat(4, 1)
    texture = 120 + grid + blocks + fine
    down, across = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    frames = []
    for number in range(LOOP):
        turn = 2 * numpy.pi * number / LOOP
        top, left = int(400 + 120 * numpy.sin(turn)), int(500 + 200 * numpy.cos(turn))
        luma = texture[top:top + HEIGHT, left:left + WIDTH].copy()
        middle = (180 + 90 * numpy.cos(turn), 320 + 200 * numpy.sin(2 * turn))
        luma[(down - middle[0]) ** 2 + (across - middle[1]) ** 2 < 55 ** 2] = 205
        luma += random.standard_normal(luma.shape) * 1.5
        u = numpy.full((HEIGHT // 2, WIDTH // 2), 118 + 10 * numpy.sin(turn))
        v = 128 + (across[::2, ::2] - 320) * 0.05
        frames.append(b"".join(numpy.clip(plane, 16, 235).astype("u1").tobytes()
                               for plane in (luma, u, v)))
    return b"".join(frames)
