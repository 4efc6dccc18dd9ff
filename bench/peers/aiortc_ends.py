#!/usr/bin/python3
"""aiortc_ends.py - both ends of a call on aiortc in one process.
usage: aiortc_ends.py PART '{"sound":..,"pictures":..,"out":..,...}'

aiortc asks for frames of 20 ms; the block of 10 ms that is written first waits for the second one here,
as it does in the other peers' encoders. aiortc 1.4.0 cannot call itself with sound and pictures in
one connection: a call of both is two connections side by side.
SPDX-License-Identifier: MIT"""
import asyncio
import fractions
import sys

import aiortc
import aiortc.codecs.vpx
import av
import numpy
from aiortc import RTCPeerConnection
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

import content
from python_ends import (LIMIT_S, Notes, Options, later, now, rates, save, save_sound, say)

aiortc.codecs.vpx.DEFAULT_BITRATE = 1000000
aiortc.codecs.vpx.MIN_BITRATE = 1000000  # what the others are set to
FRAME = 2 * content.BLOCK


async def until(when):
    rest = when - now()
    await asyncio.sleep(rest / 1000 if rest > 0 else 0)


class Sound(MediaStreamTrack):
    kind = "audio"

    def __init__(self, options, phase=0.0, wrote=None):
        super().__init__()
        self.options, self.k, self.wrote = options, 0, wrote
        self.begin, self.phase = None, phase  # from when it is first asked for sound

    async def recv(self):
        if self.begin is None:
            self.begin = now() + self.phase
        blocks = []
        for _ in range(2):
            await until(self.begin + 10 * self.k)
            if self.wrote is not None:
                self.wrote.append(now())
            blocks.append(self.options.block(self.k))
            self.k += 1
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(numpy.concatenate(blocks).tobytes())
        frame.pts, frame.sample_rate = (self.k - 2) * content.BLOCK, content.RATE
        frame.time_base = fractions.Fraction(1, content.RATE)
        return frame


class Pictures(MediaStreamTrack):
    kind = "video"

    def __init__(self, options, wrote=None):
        super().__init__()
        self.options, self.number, self.wrote = options, 0, wrote
        self.begin = None

    async def recv(self):
        if self.begin is None:
            self.begin = now()
        rows = numpy.frombuffer(self.options.picture(self.number + 1), "u1")
        frame = av.VideoFrame.from_ndarray(rows.reshape(-1, content.WIDTH), format="yuv420p")
        frame.pts = self.number * 3000
        frame.time_base = fractions.Fraction(1, 90000)
        await until(self.begin + self.number * 1000 / 30)
        self.number += 1
        if self.wrote is not None:
            self.wrote += (self.number, now())
        return frame


async def take_sound(track, notes):
    try:
        while True:
            frame = await track.recv()
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
            notes.sound(samples[:, 0])
    except MediaStreamError:
        pass


async def take_pictures(track, notes):
    try:
        while True:
            frame = await track.recv()
            plane = frame.planes[0]
            notes.picture(frame.width, memoryview(plane), plane.line_size)
    except MediaStreamError:
        pass


class Call:
    """Two connections, joined. tracks: those of each end."""

    def __init__(self, tracks, notes):
        self.ends = [RTCPeerConnection(), RTCPeerConnection()]
        self.connected = [None, None]
        self.tasks = []
        for i, end in enumerate(self.ends):
            for track in tracks[i]:
                end.addTrack(track)
            self.listen(i, end, notes[i])

    def listen(self, i, end, notes):
        def on_track(track):
            take = take_sound if track.kind == "audio" else take_pictures
            self.tasks.append(asyncio.ensure_future(take(track, notes)))

        def on_state():
            if end.connectionState == "connected" and self.connected[i] is None:
                self.connected[i] = now()
        end.on("track", on_track)
        end.on("connectionstatechange", on_state)

    async def connect(self):
        a, b = self.ends
        await a.setLocalDescription(await a.createOffer())
        await b.setRemoteDescription(a.localDescription)
        await b.setLocalDescription(await b.createAnswer())
        await a.setRemoteDescription(b.localDescription)
        await wait(lambda: None not in self.connected)
        return max(self.connected) if None not in self.connected else None

    async def close(self):
        for end in self.ends:
            await end.close()
        for task in self.tasks:
            task.cancel()


async def wait(true):
    limit = now() + LIMIT_S * 1000
    while not true() and now() < limit:
        await asyncio.sleep(0.001)


async def must_connect(call):
    if await call.connect() is None:
        raise RuntimeError("did not connect")
    return call


async def setup(options):
    calls = []
    for n in range(options.calls + 1):  # the first one warms up
        found = {}
        for kind, make in (("audio", Sound), ("video", Pictures)):
            notes = [Notes(), Notes()]
            begin = now()
            call = Call([[make(options)], [make(options)]], notes)
            at = await call.connect()
            await wait(lambda: None not in [getattr(note, f"first_{kind}") for note in notes])
            found[kind] = later([getattr(note, f"first_{kind}") for note in notes], begin)
            if kind == "audio":
                found["connected"] = None if at is None else at - begin
            await call.close()
            await asyncio.sleep(0.2)
        if n:
            calls.append(found)
    return {"calls": calls}


async def audio(options):
    notes, wrote = [Notes(), Notes()], []
    notes[1].keep = True
    call = await must_connect(Call(
        [[Sound(options, options.phase, wrote)], [Sound(options)]], notes))
    await asyncio.sleep(options.seconds)
    save_sound(options, wrote, notes[1])
    await call.close()
    return {}


async def video(options):
    notes, wrote = [Notes(), Notes()], []
    notes[1].keep = True
    call = Call([[Pictures(options, wrote)], []], notes)
    await must_connect(call)
    await asyncio.sleep(options.seconds)
    save(options, "wrote.f64", wrote)
    save(options, "seen.f64", notes[1].seen)
    await call.close()
    return {}


async def cpu(options, pictures):
    notes = [Notes(), Notes()]
    kinds = (Sound, Pictures) if pictures else (Sound,)
    calls = []
    for make in kinds:
        calls.append(await must_connect(Call([[make(options)], [make(options)]], notes)))
    await asyncio.sleep(2.5)
    for note in notes:
        note.samples = note.pictures = 0
    begin = now()
    say(mark="begin")
    await asyncio.sleep(options.seconds)
    say(mark="end")
    seconds = (now() - begin) / 1000
    found = rates(notes, seconds)
    for call in calls:
        await call.close()
    return found


async def memory(options):
    notes, calls = [Notes(), Notes()], []

    async def add():
        calls.append(await must_connect(Call([[Sound(options)], [Sound(options)]], notes)))
    await add()
    await asyncio.sleep(options.seconds)
    say(mark="few")
    await asyncio.sleep(0.5)
    for _ in range(options.calls):
        await add()
    await asyncio.sleep(options.seconds)
    say(mark="many")
    await asyncio.sleep(0.5)
    for call in calls:
        await call.close()
    return {"extra_calls": options.calls}


async def main():
    options = Options()
    parts = {"setup": setup, "audio": audio, "video": video, "memory": memory,
             "cpu_audio": lambda o: cpu(o, False), "cpu_av": lambda o: cpu(o, True)}
    result = await parts[options.part](options)
    say(result=result, versions={"aiortc": aiortc.__version__})


asyncio.run(main())
sys.exit(0)
