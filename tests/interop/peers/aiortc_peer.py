#!/usr/bin/python3
"""aiortc_peer.py - a headless end of a call on aiortc. Options, lines and files: common.py.

aiortc has no trickle of its own: descriptions carry all candidates; the peer's may come one by one.
SPDX-License-Identifier: MIT"""
import asyncio
import fractions
import sys
import threading
import time

import av
import numpy
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.sdp import candidate_from_sdp

import common

BLOCK = 960  # aiortc's Opus encoder takes frames of 20 ms


class Clock:
    """Sleeps until a media time on a line that begins at the first call."""

    def __init__(self):
        self.start = None

    async def until(self, seconds):
        if self.start is None:
            self.start = time.monotonic() - seconds
        rest = self.start + seconds - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)


class ToneTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, hz):
        super().__init__()
        self.tone, self.clock = common.Tone(hz), Clock()

    async def recv(self):
        at = self.tone.at
        await self.clock.until(at / common.RATE)
        frame = av.AudioFrame(format="s16", layout="mono", samples=BLOCK)
        frame.planes[0].update(self.tone.block(BLOCK).tobytes())
        frame.pts, frame.sample_rate = at, common.RATE
        frame.time_base = fractions.Fraction(1, common.RATE)
        return frame


class PatternTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, width, height, fps):
        super().__init__()
        self.pattern, self.clock = common.Pattern(width, height), Clock()
        self.width, self.height, self.fps, self.count = width, height, fps, 0

    async def recv(self):
        await self.clock.until(self.count / self.fps)
        rows = numpy.frombuffer(self.pattern.picture(), "u1").reshape(-1, self.width)
        frame = av.VideoFrame.from_ndarray(rows, format="yuv420p")
        frame.pts = self.count * 90000 // self.fps
        frame.time_base = fractions.Fraction(1, 90000)
        self.count += 1
        return frame


class Peer:
    def __init__(self, options):
        self.options = options
        self.connection = RTCPeerConnection()
        self.heard = common.Heard(options.audio_out)
        self.seen = common.Seen(options.seen)
        self.ended = asyncio.Event()
        self.connected_at = None
        self.error = None
        self.channels = {}
        self.waiting = []  # candidates before the description, data before the channel
        self.tasks = []
        self.connection.on("track", self.on_track)
        self.connection.on("datachannel", self.on_channel)
        self.connection.on("connectionstatechange", self.on_state)

    # --- media -----------------------------------------------------------------------------------

    def add_tracks(self, kinds):
        if "audio" in kinds and not self.options.no_audio:
            self.connection.addTrack(ToneTrack(self.options.tone_hz))
        if "video" in kinds and not self.options.no_video:
            self.connection.addTrack(PatternTrack(self.options.width, self.options.height,
                                                  self.options.fps))

    def on_track(self, track):
        take = self.take_sound if track.kind == "audio" else self.take_pictures
        self.tasks.append(asyncio.ensure_future(take(track)))

    async def take_sound(self, track):
        try:
            while True:
                frame = await track.recv()
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
                self.heard.add(samples[:, 0])
        except MediaStreamError:
            pass

    async def take_pictures(self, track):
        try:
            while True:
                frame = (await track.recv()).reformat(format="yuv420p")
                self.seen.add(frame.width, frame.height,
                              frame.to_ndarray()[:frame.height].reshape(-1))
        except MediaStreamError:
            pass

    # --- data ------------------------------------------------------------------------------------

    def on_channel(self, channel):
        self.channels[channel.label] = channel
        channel.on("message", lambda message: common.say_data(channel.label, message))
        common.say("channel", label=channel.label, state="open")

    def create_channel(self, label):
        channel = self.connection.createDataChannel(label)
        self.channels[label] = channel
        channel.on("message", lambda message: common.say_data(label, message))
        channel.on("open", lambda: common.say("channel", label=label, state="open"))
        return channel

    async def send(self, line):
        label = line.get("label", common.DATA_LABEL)
        channel = self.channels.get(label) or self.create_channel(label)
        for _ in range(1000):
            if channel.readyState != "connecting":
                break
            await asyncio.sleep(0.01)
        channel.send(common.data_of(line))

    # --- signals ---------------------------------------------------------------------------------

    def on_state(self):
        state = self.connection.connectionState
        if state == "connected" and not self.connected_at:
            self.connected_at = time.monotonic()
            common.say("state", state="connected", reason=None)
        elif state in ("failed", "closed"):
            if not self.connected_at:
                self.error = "connect_failed"
            self.ended.set()

    async def describe(self, description):
        await self.connection.setLocalDescription(description)  # gathers
        local = self.connection.localDescription
        common.say(local.type, sdp=local.sdp)

    async def start(self):
        if not self.options.offer:
            return
        self.add_tracks(("audio", "video"))
        if self.options.data:
            self.create_channel(common.DATA_LABEL)
        await self.describe(await self.connection.createOffer())

    async def add_candidate(self, line):
        if not self.connection.remoteDescription:
            self.waiting.append(line)
            return
        text = line.get("candidate") or ""
        text = text.partition("candidate:")[2] if "candidate:" in text else text
        if not text:
            return  # the end of them: aiortc 1.4.0 does not take it
        candidate = candidate_from_sdp(text)
        candidate.sdpMid = line.get("sdpMid")
        candidate.sdpMLineIndex = line.get("sdpMLineIndex")
        await self.connection.addIceCandidate(candidate)

    async def take(self, line):
        kind = line.get("type") if line else "hangup"
        if kind in ("offer", "answer"):
            await self.connection.setRemoteDescription(
                RTCSessionDescription(sdp=line["sdp"], type=kind))
            if kind == "offer":
                if not self.connection.getSenders() or not any(
                        sender.track for sender in self.connection.getSenders()):
                    self.add_tracks([t.kind for t in self.connection.getTransceivers()])
                await self.describe(await self.connection.createAnswer())
            waiting, self.waiting = self.waiting, []
            for each in waiting:
                await self.add_candidate(each)
        elif kind == "candidate":
            await self.add_candidate(line)
        elif kind == "data":
            await self.send(line)
        elif kind == "do" and line.get("action") == "stats":
            common.say("stats", **await self.statistics())
        elif kind in ("hangup", "bye"):
            self.ended.set()

    async def run(self):
        loop = asyncio.get_running_loop()
        queue = asyncio.Queue()
        threading.Thread(target=common.lines, daemon=True, args=(
            lambda line: loop.call_soon_threadsafe(queue.put_nowait, line),)).start()

        async def serve():
            while True:
                line = await queue.get()
                if line and line.get("type") == "data":
                    self.tasks.append(asyncio.ensure_future(self.take(line)))
                else:
                    await self.take(line)

        serving = asyncio.ensure_future(serve())
        await self.start()
        while not self.ended.is_set():
            try:
                await asyncio.wait_for(self.ended.wait(), 0.1)
            except asyncio.TimeoutError:
                pass
            if serving.done():
                self.error = f"{type(serving.exception()).__name__}: {serving.exception()}"
                break
            if self.connected_at and self.options.seconds and \
                    time.monotonic() - self.connected_at >= self.options.seconds:
                common.say("hangup")
                break
        stats = await self.statistics()
        serving.cancel()
        await self.connection.close()
        for task in self.tasks:
            task.cancel()
        return common.finish(self.options, self.heard, self.seen, stats)

    async def statistics(self):
        found = common.counters(self.heard, self.seen, error=self.error,
                                connected=bool(self.connected_at))
        for one in (await self.connection.getStats()).values():
            if one.type in ("inbound-rtp", "outbound-rtp"):
                found[f"{one.type}.{one.kind}"] = {
                    name: getattr(one, name) for name in
                    ("packetsReceived", "packetsLost", "jitter", "packetsSent", "bytesSent")
                    if hasattr(one, name)}
        return found


sys.exit(asyncio.run(Peer(common.options(__doc__.splitlines()[0])).run()))
