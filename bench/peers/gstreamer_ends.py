#!/usr/bin/python3
"""gstreamer_ends.py - both ends of a call on GStreamer's webrtcbin in one process, a pipeline each.
usage: gstreamer_ends.py PART '{"sound":..,"pictures":..,"out":..,...}'

appsrc is written to from threads; sound and pictures are taken out of appsinks that, as real sinks,
wait for the time at which a buffer is to be played. webrtcbin's properties are its defaults.
SPDX-License-Identifier: MIT"""
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402
import numpy  # noqa: E402

import content  # noqa: E402
from python_ends import LIMIT_S, Notes, Options, later, now, rates, save, save_sound, say  # noqa: E402

SOUND = ("appsrc name=sound is-live=true format=time do-timestamp=true caps=audio/x-raw,"
         "format=S16LE,rate=48000,channels=1,layout=interleaved ! "
         "opusenc bitrate=32000 audio-type=voice frame-size=20 inband-fec=true ! "
         "rtpopuspay pt=111 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111,"
         "clock-rate=48000,encoding-params=(string)2 ! peer. ")
PICTURES = ("appsrc name=pictures is-live=true format=time do-timestamp=true "
            "caps=video/x-raw,format=I420,width={width},height={height},framerate=30/1 ! queue ! "
            "vp8enc deadline=1 cpu-used=-6 target-bitrate=1000000 end-usage=cbr "
            "keyframe-max-dist=3000 error-resilient=partitions ! "
            "rtpvp8pay pt=96 picture-id-mode=15-bit ! application/x-rtp,media=video,"
            "encoding-name=VP8,payload=96,clock-rate=90000 ! peer. ")
TAKE_SOUND = ("rtpopusdepay ! opusdec ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,"
              "rate=48000,channels=1,layout=interleaved ! appsink name=sink emit-signals=true")
TAKE_PICTURES = ("queue ! rtpvp8depay request-keyframe=true ! vp8dec ! video/x-raw,format=I420 ! "
                 "appsink name=sink emit-signals=true")


class End:
    """One pipeline. sends: "sound", "pictures" or both."""

    def __init__(self, sends, notes):
        self.notes, self.connected = notes, None
        text = "webrtcbin name=peer bundle-policy=max-bundle "
        text += SOUND if "sound" in sends else ""
        if "pictures" in sends:
            text += PICTURES.format(width=content.WIDTH, height=content.HEIGHT)
        pipeline = Gst.parse_launch(text)
        if not isinstance(pipeline, Gst.Pipeline):  # one element: it only receives
            element, pipeline = pipeline, Gst.Pipeline()
            pipeline.add(element)
        self.pipeline = pipeline
        self.peer = pipeline.get_by_name("peer")
        self.sources = {name: pipeline.get_by_name(name) for name in sends}
        self.peer.connect("pad-added", self.on_pad)
        self.peer.connect("notify::connection-state", self.on_state)

    def on_state(self, peer, _property):
        state = peer.get_property("connection-state")
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED and self.connected is None:
            self.connected = now()

    def on_pad(self, _peer, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps() or pad.query_caps(None)
        sound = caps.get_structure(0).get_string("media") == "audio"
        part = Gst.parse_bin_from_description(TAKE_SOUND if sound else TAKE_PICTURES, True)
        sink = part.get_by_name("sink")
        sink.connect("new-sample", self.take_sound if sound else self.take_picture)
        self.pipeline.add(part)
        part.sync_state_with_parent()
        pad.link(part.get_static_pad("sink"))

    def take_sound(self, sink):
        buffer = sink.emit("pull-sample").get_buffer()
        good, held = buffer.map(Gst.MapFlags.READ)
        if good:
            self.notes.sound(numpy.frombuffer(held.data, "<i2"))
            buffer.unmap(held)
        return Gst.FlowReturn.OK

    def take_picture(self, sink):
        sample = sink.emit("pull-sample")
        width = sample.get_caps().get_structure(0).get_value("width")
        buffer = sample.get_buffer()
        good, held = buffer.map(Gst.MapFlags.READ)
        if good:
            self.notes.picture(width, held.data, (width + 3) & ~3)
            buffer.unmap(held)
        return Gst.FlowReturn.OK


class Call:
    """Two ends, joined in this process. sends: of each end."""

    def __init__(self, sends, notes):
        self.ends = [End(sends[i], notes[i]) for i in (0, 1)]
        self.stops = []
        self.waiting = [[], []]
        self.described = [False, False]
        self.lock = threading.Lock()
        for i, end in enumerate(self.ends):
            end.peer.connect("on-ice-candidate", self.on_candidate, 1 - i)

    def on_candidate(self, _peer, line, text, to):
        with self.lock:
            if not self.described[to]:
                self.waiting[to].append((line, text))
                return
        self.ends[to].peer.emit("add-ice-candidate", line, text)

    @staticmethod
    def make(end, kind):
        promise = Gst.Promise.new()
        end.peer.emit(f"create-{kind}", None, promise)
        promise.wait()
        reply = promise.get_reply()
        description = reply.get_value(kind)  # lives as long as the reply
        end.peer.emit("set-local-description", description, Gst.Promise.new())
        return description.sdp.as_text()

    def give(self, to, kind, text):
        _result, sdp = GstSdp.SDPMessage.new_from_text(text)
        description = GstWebRTC.WebRTCSessionDescription.new(kind, sdp)
        promise = Gst.Promise.new()
        self.ends[to].peer.emit("set-remote-description", description, promise)
        promise.wait()
        with self.lock:
            self.described[to] = True
            waiting, self.waiting[to] = self.waiting[to], []
        for line, text in waiting:
            self.ends[to].peer.emit("add-ice-candidate", line, text)

    def connect(self, started=lambda: None):
        for end in self.ends:
            end.pipeline.set_state(Gst.State.PLAYING)
        started()
        kinds = GstWebRTC.WebRTCSDPType
        self.give(1, kinds.OFFER, self.make(self.ends[0], "offer"))
        self.give(0, kinds.ANSWER, self.make(self.ends[1], "answer"))

    def wait_connected(self):
        wait(lambda: None not in [end.connected for end in self.ends])
        return later([end.connected for end in self.ends], 0)

    def must_connect(self):
        self.connect()
        if self.wait_connected() is None:
            raise RuntimeError("did not connect")

    def speak(self, i, options, phase=0.0, wrote=None):
        def turn(k):
            if wrote is not None:
                wrote.append(now())
            return options.block(k).tobytes()
        self.push(self.ends[i].sources["sound"], 10, phase, turn)

    def show(self, i, options, wrote=None):
        def turn(k):
            picture = options.picture(k + 1)
            if wrote is not None:
                wrote.extend((k + 1, now()))
            return picture
        self.push(self.ends[i].sources["pictures"], 1000 / 30, 0, turn)

    def push(self, source, period, phase, turn):
        stop, begin = threading.Event(), now() + phase

        def run():
            k = 0
            while not stop.wait(max(0, begin + k * period - now()) / 1000):
                source.emit("push-buffer", Gst.Buffer.new_wrapped(turn(k)))
                k += 1
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.stops.append((stop, thread))

    def close(self):
        for stop, _ in self.stops:
            stop.set()
        for _, thread in self.stops:
            thread.join()
        for end in self.ends:
            end.pipeline.set_state(Gst.State.NULL)


def wait(true):
    limit = now() + LIMIT_S * 1000
    while not true() and now() < limit:
        time.sleep(0.001)


def setup(options):
    calls = []
    for n in range(options.calls + 1):  # the first one warms up
        notes = [Notes(), Notes()]
        begin = now()
        call = Call([("sound", "pictures")] * 2, notes)

        def started(call=call):  # microphone and camera start with the call
            for i in (0, 1):
                call.speak(i, options)
                call.show(i, options)
        call.connect(started)
        at = call.wait_connected()
        wait(lambda: None not in [note.first_audio for note in notes]
             + [note.first_video for note in notes])
        if n:
            calls.append({"connected": None if at is None else at - begin,
                          "audio": later([note.first_audio for note in notes], begin),
                          "video": later([note.first_video for note in notes], begin)})
        call.close()
        time.sleep(0.2)
    return {"calls": calls}


def audio(options):
    notes, wrote = [Notes(), Notes()], []
    notes[1].keep = True
    call = Call([("sound",)] * 2, notes)
    call.must_connect()
    call.speak(1, options)
    call.speak(0, options, options.phase, wrote)
    time.sleep(options.seconds)
    save_sound(options, wrote, notes[1])
    call.close()
    return {}


def video(options):
    notes, wrote = [Notes(), Notes()], []
    notes[1].keep = True
    call = Call([("pictures",), ()], notes)
    call.must_connect()
    call.show(0, options, wrote)
    time.sleep(options.seconds + 0.5)
    save(options, "wrote.f64", wrote)
    save(options, "seen.f64", notes[1].seen)
    call.close()
    return {}


def cpu(options, pictures):
    notes = [Notes(), Notes()]
    call = Call([("sound", "pictures") if pictures else ("sound",)] * 2, notes)
    call.must_connect()
    for i in (0, 1):
        call.speak(i, options)
        if pictures:
            call.show(i, options)
    time.sleep(2.5)
    for note in notes:
        note.samples = note.pictures = 0
    begin = now()
    say(mark="begin")
    time.sleep(options.seconds)
    say(mark="end")
    found = rates(notes, (now() - begin) / 1000)
    call.close()
    return found


def memory(options):
    notes, calls = [Notes(), Notes()], []

    def add():
        call = Call([("sound",)] * 2, notes)
        call.must_connect()
        for i in (0, 1):
            call.speak(i, options)
        calls.append(call)
    add()
    time.sleep(options.seconds)
    say(mark="few")
    time.sleep(0.5)
    for _ in range(options.calls):
        add()
    time.sleep(options.seconds)
    say(mark="many")
    time.sleep(0.5)
    for call in calls:
        call.close()
    return {"extra_calls": options.calls}


def main():
    options = Options()
    Gst.init(None)
    loop = GLib.MainLoop()
    threading.Thread(target=loop.run, daemon=True).start()
    parts = {"setup": setup, "audio": audio, "video": video, "memory": memory,
             "cpu_audio": lambda o: cpu(o, False), "cpu_av": lambda o: cpu(o, True)}
    result = parts[options.part](options)
    say(result=result, versions={"gstreamer": Gst.version_string()})


main()
sys.exit(0)
