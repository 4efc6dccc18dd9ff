#!/usr/bin/python3
"""gstreamer_peer.py - a headless end of a call on GStreamer's webrtcbin. Options, lines and files:
common.py. Sources are appsrc, pushed by a thread each; what arrives ends in appsinks.
SPDX-License-Identifier: MIT"""
import re
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402
import numpy  # noqa: E402

import common  # noqa: E402

BLOCK = 480  # 10 ms
AUDIO_SOURCE = ("appsrc name=sound is-live=true format=time block=false "
                "caps=audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved ! "
                "opusenc bitrate=32000 audio-type=voice ! rtpopuspay pt={pt} ! "
                "application/x-rtp,media=audio,encoding-name=OPUS,payload={pt},clock-rate=48000,"
                "encoding-params=(string)2 ! queue ! peer. ")
VIDEO_SOURCE = ("appsrc name=pictures is-live=true format=time block=false "
                "caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 ! "
                "queue max-size-buffers=2 leaky=downstream ! "
                "vp8enc deadline=1 cpu-used=8 target-bitrate=1000000 end-usage=cbr "
                "keyframe-max-dist=3000 error-resilient=partitions ! "
                "rtpvp8pay pt={pt} picture-id-mode=15-bit ! "
                "application/x-rtp,media=video,encoding-name=VP8,payload={pt},clock-rate=90000 ! "
                "queue ! peer. ")


def payload_type(sdp, kind, codec, default):
    """The number that an offer gives a codec, None where it does not have that kind."""
    if sdp is None:
        return default
    for section in re.split(r"(?m)^(?=m=)", sdp)[1:]:
        if section.startswith(f"m={kind} "):
            found = re.search(rf"(?mi)^a=rtpmap:(\d+) {codec}/", section)
            return int(found.group(1)) if found else None
    return None


class Peer:
    def __init__(self, options):
        self.options = options
        self.loop = GLib.MainLoop()
        self.heard = common.Heard(options.audio_out)
        self.seen = common.Seen(options.seen)
        self.pipeline = self.bin = None
        self.error = self.connected_at = None
        self.described = False
        self.stopping = threading.Event()
        self.waiting = []
        self.channels = {}
        self.open = set()
        self.held = {}  # data for channels that are not open yet

    # --- building --------------------------------------------------------------------------------

    def build(self, offer=None):
        audio = None if self.options.no_audio else payload_type(offer, "audio", "opus", 111)
        video = None if self.options.no_video else payload_type(offer, "video", "VP8", 96)
        text = "webrtcbin name=peer bundle-policy=max-bundle "
        if audio:
            text += AUDIO_SOURCE.format(pt=audio)
        if video:
            text += VIDEO_SOURCE.format(pt=video, width=self.options.width,
                                        height=self.options.height, fps=self.options.fps)
        self.pipeline = Gst.parse_launch(text)
        if not isinstance(self.pipeline, Gst.Pipeline):  # of a single element: data only
            element, self.pipeline = self.pipeline, Gst.Pipeline()
            self.pipeline.add(element)
        self.bin = self.pipeline.get_by_name("peer")
        self.bin.connect("on-ice-candidate", self.on_candidate)
        self.bin.connect("pad-added", self.on_pad)
        self.bin.connect("notify::connection-state", self.on_state)
        self.bin.connect("on-data-channel", lambda _bin, channel: self.add_channel(channel))
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        self.pipeline.set_state(Gst.State.READY)
        if offer is None and self.options.data:
            self.create_channel(common.DATA_LABEL)
        self.pipeline.set_state(Gst.State.PLAYING)
        if audio:
            self.push("sound", BLOCK / common.RATE, common.Tone(self.options.tone_hz).block,
                      BLOCK)
        if video:
            self.push("pictures", 1 / self.options.fps,
                      common.Pattern(self.options.width, self.options.height).picture)

    def push(self, name, period, make, *arguments):
        source = self.pipeline.get_by_name(name)

        def run():
            start, count = time.monotonic(), 0
            while not self.stopping.wait(max(0, start + count * period - time.monotonic())):
                made = make(*arguments)
                buffer = Gst.Buffer.new_wrapped(
                    made.tobytes() if isinstance(made, numpy.ndarray) else made)
                clock = self.pipeline.get_clock()
                base = self.pipeline.get_base_time()
                buffer.pts = clock.get_time() - base if clock else 0
                buffer.duration = int(period * Gst.SECOND)
                source.emit("push-buffer", buffer)
                count += 1
        threading.Thread(target=run, daemon=True).start()

    # --- what arrives ----------------------------------------------------------------------------

    def on_pad(self, _bin, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps() or pad.query_caps(None)
        if caps.get_structure(0).get_string("media") == "audio":
            text = ("rtpopusdepay ! opusdec ! audioconvert ! audioresample ! "
                    "audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved ! "
                    "appsink name=sink emit-signals=true max-buffers=500")
            take = self.take_sound
        else:
            text = ("queue ! rtpvp8depay request-keyframe=true ! vp8dec ! videoconvert ! "
                    "video/x-raw,format=I420 ! appsink name=sink emit-signals=true max-buffers=100")
            take = self.take_picture
        part = Gst.parse_bin_from_description(text, True)
        part.get_by_name("sink").connect("new-sample", take)
        self.pipeline.add(part)
        part.sync_state_with_parent()
        pad.link(part.get_static_pad("sink"))

    def take_sound(self, sink):
        buffer = sink.emit("pull-sample").get_buffer()
        found, held = buffer.map(Gst.MapFlags.READ)
        if found:
            self.heard.add(numpy.frombuffer(held.data, "<i2"))
            buffer.unmap(held)
        return Gst.FlowReturn.OK

    def take_picture(self, sink):
        sample = sink.emit("pull-sample")
        caps, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
        width, height = caps.get_value("width"), caps.get_value("height")
        found, held = buffer.map(Gst.MapFlags.READ)
        if found:
            stride = (width + 3) & ~3  # GStreamer pads rows to 4 bytes
            rows = numpy.frombuffer(held.data, "u1")[:stride * height].reshape(height, stride)
            self.seen.add(width, height, rows[:, :width].reshape(-1))
            buffer.unmap(held)
        return Gst.FlowReturn.OK

    # --- data ------------------------------------------------------------------------------------

    def create_channel(self, label):
        channel = self.bin.emit("create-data-channel", label, None)
        if channel is None:
            raise RuntimeError("no data channel (the sctp plug-in is missing)")
        self.add_channel(channel)

    def add_channel(self, channel):
        label = channel.get_property("label")
        self.channels[label] = channel
        channel.connect("on-open", lambda _channel: GLib.idle_add(self.on_open, label))
        channel.connect("on-message-string",
                        lambda _channel, text: common.say_data(label, text or ""))
        channel.connect("on-message-data", lambda _channel, data: common.say_data(
            label, data.get_data() if data else b""))
        if channel.get_property("ready-state") == GstWebRTC.WebRTCDataChannelState.OPEN:
            GLib.idle_add(self.on_open, label)

    def on_open(self, label):
        if label not in self.open:
            self.open.add(label)
            common.say("channel", label=label, state="open")
        for message in self.held.pop(label, []):
            self.send(label, message)

    def send(self, label, message):
        if label not in self.channels:
            self.create_channel(label)
        if label not in self.open:
            self.held.setdefault(label, []).append(message)
        elif isinstance(message, str):
            self.channels[label].emit("send-string", message)
        else:
            self.channels[label].emit("send-data", GLib.Bytes.new(message))

    # --- signals ---------------------------------------------------------------------------------

    def on_error(self, _bus, message):
        error, detail = message.parse_error()
        self.stop(f"{error.message} ({detail})")

    def on_state(self, peer, _property):
        state = peer.get_property("connection-state")
        states = GstWebRTC.WebRTCPeerConnectionState
        if state == states.CONNECTED and not self.connected_at:
            self.connected_at = time.monotonic()
            common.say("state", state="connected", reason=None)
            if self.options.seconds:
                GLib.timeout_add(int(self.options.seconds * 1000), self.time_is_up)
        elif state == states.FAILED:
            self.stop("connection_lost" if self.connected_at else "connect_failed")

    def time_is_up(self):
        common.say("hangup")
        self.stop()
        return False

    def on_candidate(self, _bin, line, candidate):
        common.say("candidate", candidate=candidate, sdpMLineIndex=line)

    def describe(self, promise, kind):
        promise.wait()
        reply = promise.get_reply()
        description = reply.get_value(kind) if reply else None
        if description is None:
            self.stop(f"no {kind} was made")
            return
        self.bin.emit("set-local-description", description, Gst.Promise.new())
        common.say(kind, sdp=description.sdp.as_text())

    def make(self, kind):
        promise = Gst.Promise.new_with_change_func(
            lambda promise, _data: GLib.idle_add(self.describe, promise, kind), None)
        self.bin.emit(f"create-{kind}", None, promise)
        return False

    def set_remote(self, kind, text):
        _result, sdp = GstSdp.SDPMessage.new_from_text(text)
        kinds = {"offer": GstWebRTC.WebRTCSDPType.OFFER, "answer": GstWebRTC.WebRTCSDPType.ANSWER}
        description = GstWebRTC.WebRTCSessionDescription.new(kinds[kind], sdp)
        promise = Gst.Promise.new()
        self.bin.emit("set-remote-description", description, promise)
        promise.wait()
        self.described = True
        for line, candidate in self.waiting:
            self.bin.emit("add-ice-candidate", line, candidate)
        self.waiting = []

    def add_candidate(self, line):
        text = line.get("candidate") or ""
        if not text:
            return
        place = line.get("sdpMLineIndex")
        place = 0 if place is None else place  # everything is in one bundle
        if self.described:
            self.bin.emit("add-ice-candidate", place, text)
        else:
            self.waiting.append((place, text))

    def take(self, line):
        try:
            self.take_line(line)
        except Exception as error:  # a report is worth more than a trace
            self.stop(f"{type(error).__name__}: {error}")
        return False

    def take_line(self, line):
        kind = line.get("type") if line else "hangup"
        if kind == "offer":
            if not self.pipeline:
                self.build(line["sdp"])
            self.set_remote(kind, line["sdp"])
            self.make("answer")
        elif kind == "answer":
            self.set_remote(kind, line["sdp"])
        elif kind == "candidate":
            self.add_candidate(line)
        elif kind == "data":
            self.send(line.get("label", common.DATA_LABEL), common.data_of(line))
        elif kind == "do" and line.get("action") == "stats":
            common.say("stats", **self.statistics())
        elif kind in ("hangup", "bye"):
            self.stop(None if self.connected_at else "connect_failed")

    def stop(self, error=None):
        self.error = self.error or error
        self.loop.quit()

    def run(self):
        threading.Thread(target=common.lines, daemon=True, args=(
            lambda line: GLib.idle_add(self.take, line),)).start()
        if self.options.offer:
            self.build()
            self.make("offer")
        self.loop.run()
        self.stopping.set()
        if self.pipeline:
            self.pipeline.set_state(Gst.State.NULL)
        return common.finish(self.options, self.heard, self.seen, self.statistics())

    def statistics(self):
        return common.counters(self.heard, self.seen, error=self.error,
                               connected=bool(self.connected_at))


Gst.init(None)
sys.exit(Peer(common.options(__doc__.splitlines()[0])).run())
