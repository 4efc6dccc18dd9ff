"""other_peers.py - calls with peers that are no browsers: their processes and the cases they share.

The far program (peers/) speaks xcall-peer's JSON lines; signals are carried between the two. GStreamer
and aiortc decode what they get; pion has no codecs, so that ffmpeg makes what it sends and decodes what
it stored, while the call lasts.
SPDX-License-Identifier: MIT"""
import base64
import os
import queue
import subprocess
import sys
import threading

import numpy

import media
import peer
from case import Failed, Missing, check

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"  # Debian's own: the peers' modules are its packages
OUR_TONE, FAR_TONE = 1000, 440
WIDTH, HEIGHT, RATE = 640, 360, 30
# aiortc is one loop of Python, which answers checks late when it has more packets than time.
LIGHT = {"aiortc": ["--size", "320x180", "--fps", "15"]}
BINARY_SIZE = 65536


class Far(peer.Peer):
    """A far program; what it hears and sees is read as that of an xcall-peer."""

    def __init__(self, run, command, signal):
        self.run, self.name, self.signal = run, run.peer_name, signal
        self.folder, self.channels, self.command = run.folder, 1, command
        self.lines, self.sent, self.errors = [], [], ""
        self.data, self.stats_lines = queue.Queue(), queue.Queue()
        self.write_lock = threading.Lock()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self._read, self._read_errors)]
        for thread in self.threads:
            thread.start()
        run.peers.append(self)


class PythonFar(Far):
    def __init__(self, run, role, options, signal):
        command = [PYTHON, os.path.join(HERE, "peers", f"{run.peer_name}_peer.py"), f"--{role}",
                   "--audio-in", f"tone:{FAR_TONE}",
                   *LIGHT.get(run.peer_name, ["--size", f"{WIDTH}x{HEIGHT}"]),
                   "--audio-out", run.path(f"{run.peer_name}.heard.wav"),
                   "--seen", run.path(f"{run.peer_name}.seen.jsonl"),
                   "--stats", run.path(f"{run.peer_name}.stats.json")]
        super().__init__(run, command + options, signal)


class PionFar(Far):
    look_every = 0.5  # each look decodes all that came

    def __init__(self, run, role, options, signal):
        sound, pictures = pion_media(run.options.build)
        command = [pion_program(run.options.build), f"--{role}", "--audio-in", sound,
                   "--audio-out", run.path("pion.heard.ogg"), "--stats",
                   run.path("pion.stats.json")]
        if "--no-video" in options:
            options = [option for option in options if option != "--no-video"]
        else:
            command += ["--video-in", pictures, "--video-out", run.path("pion.seen.ivf")]
        super().__init__(run, command + options, signal)

    def _decoded(self, name, *options):
        """What ffmpeg makes of the frames that are in the file by now."""
        path = self.path(name)
        if not os.path.exists(path):
            return b""
        done = subprocess.run(["ffmpeg", "-v", "quiet", "-i", path, *options, "-"],
                              capture_output=True, check=False, stdin=subprocess.DEVNULL)
        return done.stdout

    def heard(self, seconds=0.5, channel=0):
        sound = self._decoded("heard.ogg", "-f", "s16le", "-ac", "1", "-ar", "48000")
        return numpy.frombuffer(sound, "<i2")[-int(seconds * 48000):] / 32768

    def seen(self, track=None):
        wide, high = 16 * media.BITS, 16  # the corner with the number
        luma = self._decoded("seen.ivf", "-vf", f"crop={wide}:{high}:0:0", "-vsync", "passthrough",
                             "-f", "rawvideo", "-pix_fmt", "gray")
        size = wide * high
        return [{"width": WIDTH, "height": HEIGHT, "wide": None,
                 "pattern": media.counter_of(luma[at:at + size], wide, high, wide=False)}
                for at in range(0, len(luma) - size + 1, size)]


def pion_program(build):
    """Builds it once a run; the go command's cache is in the build directory."""
    folder = os.path.join(build, "interop", "go")
    path = os.path.join(folder, "pion_peer")
    os.makedirs(folder, exist_ok=True)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                   "GOCACHE": os.path.join(folder, "cache"), "GOFLAGS": "", "CGO_ENABLED": "0"}
    done = subprocess.run(["go", "build", "-o", path, os.path.join(HERE, "peers", "pion_peer.go")],
                          capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise Failed(f"pion_peer.go cannot be built:\n{done.stdout}{done.stderr}")
    return path


def pion_media(build):
    """(Ogg with a tone, IVF with numbered pictures, a key frame each second)."""
    sys.path.insert(0, os.path.join(HERE, "peers"))
    import common
    folder = os.path.join(build, "interop", "media")
    sound, pictures = os.path.join(folder, "tone.ogg"), os.path.join(folder, "numbers.ivf")
    if os.path.exists(sound) and os.path.exists(pictures):
        return sound, pictures
    os.makedirs(folder, exist_ok=True)
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    subprocess.run(ffmpeg + ["-f", "lavfi", "-i", f"sine=frequency={FAR_TONE}:sample_rate=48000",
                             "-af", "volume=8dB", "-t", "5", "-c:a", "libopus", "-b:a", "32k",
                             "-frame_duration", "20", "-page_duration", "20000", sound],
                   check=True, stdin=subprocess.DEVNULL)
    pattern = common.Pattern(WIDTH, HEIGHT)
    frames = b"".join(pattern.picture() for _ in range(10 * RATE))
    part = pictures + ".part.ivf"
    subprocess.run(ffmpeg + ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}",
                             "-r", str(RATE), "-i", "-", "-c:v", "libvpx", "-deadline", "realtime",
                             "-cpu-used", "8", "-b:v", "800k", "-g", str(RATE), "-auto-alt-ref",
                             "0", "-lag-in-frames", "0", part], check=True, input=frames)
    os.replace(part, pictures)
    return sound, pictures


class Call:
    """Our peer and the far one, with their signals carried."""

    def __init__(self, run, *options):
        self.ready = threading.Event()
        far_role = "answer" if run.we_offer else "offer"
        kind = PionFar if run.peer_name == "pion" else PythonFar
        if kind is PionFar:  # made first: a call does not wait for a compiler
            pion_program(run.options.build)
            pion_media(run.options.build)
        video = "--no-video" not in options
        ours = [option for option in options if option != "--no-video"]
        ours += [*LIGHT[run.peer_name], "--video-bitrate", "300"] \
            if video and run.peer_name in LIGHT else []
        self.pictures = 30 if run.peer_name in LIGHT else 60
        self.us = peer.Peer(run, *ours, signal=self._to_far, tone=OUR_TONE, video=video)
        self.far = kind(run, far_role, list(options), self.us.send)
        self.ready.set()
        self.us.wait_connected()
        self.far.wait_connected()

    def _to_far(self, line):
        self.ready.wait()
        self.far.send(line)

    def check_media(self, video=True):
        self.us.wait_tone(FAR_TONE)
        self.far.wait_tone(OUR_TONE)
        if video:
            self.us.wait_pictures(self.pictures, wide=False)
            self.far.wait_pictures(self.pictures, wide=False)

    def check_data(self):
        """Texts and a large binary both ways; what the far side gets comes back."""
        binary = numpy.random.default_rng(7).bytes(BINARY_SIZE)
        messages = [{"text": "hello"}, {"text": "größer \u2603 \U0001f30d"},
                    {"base64": base64.b64encode(binary).decode()}]
        self.far.wait_line("a data channel", lambda line: line["type"] == "channel"
                           and line.get("state") == "open")
        for message in messages:
            for sender, receiver in ((self.us, self.far), (self.far, self.us)):
                sender.send({"type": "data", "label": "data", **message})
                try:
                    got = receiver.data.get(timeout=40)
                except queue.Empty:
                    raise Failed(f"{receiver.name} got no {next(iter(message))}") from None
                key, wanted = next(iter(message.items()))
                check(got["label"] == "data" and got.get(key) == wanted,
                      f"{receiver.name} got {str(got)[:120]} for {wanted[:60]}")

    def end(self):
        """One side hangs up; both end well."""
        code = self.us.finish()
        check(code == 0, f"xcall-peer ended with {code}: {self.us.errors}")
        code = self.far.finish()
        check(code == 0, f"{self.far.name} ended with {code}: {self.far.errors[-2000:]}")


def has_data():
    shown = subprocess.run([peer.PROGRAM, "--help"], capture_output=True, text=True, check=False)
    return "--data" in shown.stdout


# --- the cases of each peer ------------------------------------------------------------------------


def sound_and_pictures(run):
    call = Call(run)
    call.check_media()
    call.end()


def sound_only(run):
    call = Call(run, "--no-video")
    call.check_media(video=False)
    call.end()


def everything(run):
    """Sound, pictures and data in one BUNDLE."""
    if not has_data():
        raise Missing("this xcall-peer has no --data")
    call = Call(run, "--data")
    call.check_data()
    call.check_media()
    call.end()
