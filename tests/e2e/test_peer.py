#!/usr/bin/env python3
"""test_peer.py - drives xcall-peer as its users do: two processes, pipes, files, signals.

usage: test_peer.py BUILD_DIRECTORY [name ...]

Prints TAP; exit code 1 when a test failed. Python's standard library only.

SPDX-License-Identifier: MIT
"""

import array
import concurrent.futures
import json
import math
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import wave

from media_files import (check_tone, counter_of, goertzel, read_wav, read_y4m, write_wav,
                         write_y4m)

PEER = ""
CALL_TIMEOUT_S = 60


def path(directory, name):
    return os.path.join(directory, name)


class Peer:
    """One xcall-peer. Its lines are kept; `to` is another peer that gets them as they come."""

    def __init__(self, *options, bind=True):
        command = [PEER, *options] + (["--bind", "127.0.0.1"] if bind else [])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.lines, self.to, self.thread = [], None, None
        self.errors = ""

    def carry(self):
        for raw in self.process.stdout:
            self.lines.append(json.loads(raw))
            if self.to:
                self.to.send_raw(raw)
        if self.to:
            self.to.end_input()

    def start(self, to=None):
        self.to = to
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.error_thread = threading.Thread(target=self.read_errors, daemon=True)
        self.thread.start()
        self.error_thread.start()
        return self

    def read_errors(self):
        self.errors = self.process.stderr.read().decode()

    def send_raw(self, raw):
        try:
            self.process.stdin.write(raw)
            self.process.stdin.flush()
        except (OSError, ValueError):
            pass

    def send(self, value):
        self.send_raw(json.dumps(value).encode() + b"\n")

    def end_input(self):
        try:
            self.process.stdin.close()
        except OSError:
            pass

    def wait_for(self, what, seconds=CALL_TIMEOUT_S):
        """Until a line satisfies `what`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in list(self.lines):
                if what(line):
                    return line
            if self.process.poll() is not None and not self.thread.is_alive():
                break
            select.select([], [], [], 0.02)
        raise AssertionError("a line did not come; had %s; stderr: %s"
                             % ([line["type"] for line in self.lines], self.errors))

    def connected(self):
        return self.wait_for(lambda l: l["type"] == "state" and l["state"] == "connected")

    def finish(self):
        """Exit code, after all output was read."""
        code = self.process.wait(CALL_TIMEOUT_S)
        self.thread.join(10)
        self.error_thread.join(10)
        self.end_input()
        return code

    def stats(self):
        assert self.lines and self.lines[-1]["type"] == "stats", "the last line is no stats"
        return self.lines[-1]

    def now(self):
        """Statistics of this moment; {} where it ends meanwhile."""
        before = len(self.lines)
        self.send({"type": "do", "action": "stats"})
        end = time.monotonic() + CALL_TIMEOUT_S
        while time.monotonic() < end and (self.thread.is_alive() or self.process.poll() is None):
            for line in self.lines[before:]:
                if line["type"] == "stats":
                    return line
            time.sleep(0.02)
        return {}

    def states(self):
        return [line["state"] for line in self.lines if line["type"] == "state"]


def pair(offer, answer):
    """Two peers joined by pipes, each line at once."""
    alice, bob = Peer("--offer", *offer), Peer("--answer", *answer)
    alice.start(bob)
    bob.start(alice)
    return alice, bob


def member(values, name):
    """"audio_received.packets_received" of statistics; 0 where there is none."""
    for word in name.split("."):
        values = values.get(word, 0) if values else 0
    return values


def flowed(peer, **least):
    """Until its statistics say at least so much, on a machine that may be busy: how fast is not
    asserted. Members of members have __ for the dot."""
    end = time.monotonic() + CALL_TIMEOUT_S
    wanted = {name.replace("__", "."): value for name, value in least.items()}
    while True:
        stats = peer.now()
        left = {name: member(stats, name) for name, value in wanted.items()
                if member(stats, name) < value}
        if not left:
            return
        assert stats, "it ended before %s: %s" % (wanted, peer.errors)
        assert time.monotonic() < end, "not within %d s: %s, but %s" % (CALL_TIMEOUT_S, wanted, left)
        time.sleep(0.05)


def heard(seconds):
    """Of flowed(): sound was played for so long."""
    return {"host__audio_blocks_read_sounding": int(seconds * 100)}


PICTURES = {"host__pictures_read": 20}
PACKETS = {"audio_received__packets_received": 20}  # of sound, or of silence


def call(offer, answer, codes=(0, 0), alice=None, bob=None):
    """A call that is hung up when each side has had what it should, {} for nothing; who asked for
    pictures or sound must have had some by then, or its exit code says so."""
    had = [{**PACKETS, **PICTURES} if had is None else had for had in (alice, bob)]
    alice, bob = pair(offer, answer)
    for peer, least in zip((alice, bob), had):
        peer.connected()
        flowed(peer, **least)
    alice.send({"type": "hangup"})
    got = alice.finish(), bob.finish()
    assert got == codes, "exit codes %s, wanted %s; %s %s" % (got, codes, alice.errors, bob.errors)
    return alice, bob


# --- tests ---------------------------------------------------------------------------------------

def test_tone_and_pattern_both_ways(tmp):
    """No files in: generated media, content checked at both ends."""
    alice, bob = call(
        ["--audio-in", "tone:600", "--audio-out", path(tmp, "a.wav"),
         "--video-out", path(tmp, "a.y4m"), "--stats", path(tmp, "a.json")],
        ["--audio-in", "tone:900", "--audio-out", path(tmp, "b.wav"), "--video-out",
         path(tmp, "b.y4m"), "--trace", path(tmp, "b.trace"), "--traces-raw", path(tmp, "b.raw"),
         "--stats-series", path(tmp, "b.series"), "--record", path(tmp, "b.webm"), "--pictures",
         path(tmp, "b.pictures")],
        alice={**heard(2), "host__pictures_read": 60}, bob={**heard(2), "host__pictures_read": 60})
    check_tone(path(tmp, "a.wav"), 900, seconds_min=2)
    check_tone(path(tmp, "b.wav"), 600, seconds_min=2)
    for name in ("a.y4m", "b.y4m"):
        width, height, planes = read_y4m(path(tmp, name))
        assert (width, height) == (640, 360)
        counters = [counter_of(plane, width) for plane in planes]
        assert len(counters) > 45, "%d pictures" % len(counters)
        assert counters == sorted(counters) and len(set(counters)) > 45, counters
    for peer in (alice, bob):
        stats = peer.stats()
        assert stats["exit_code"] == 0 and stats["error"] is None
        assert stats["audio_received"]["packets_received"] > 50
        assert stats["video_received"]["frames_decoded"] > 45
        assert stats["host"]["audio_blocks_read_sounding"] > 100
        assert peer.states()[-2:] == ["connected", "ended"], peer.states()
    with open(path(tmp, "a.json"), encoding="utf-8") as file:
        assert json.load(file)["type"] == "stats"
    with open(path(tmp, "b.trace"), encoding="utf-8") as file:
        json.load(file)
    with open(path(tmp, "b.raw"), encoding="utf-8") as file:
        traces = json.load(file)
    assert {(t["kind"], t["received"]) for t in traces} == {
        ("audio", 0), ("audio", 1), ("video", 0), ("video", 1)}
    seen = [t for t in traces if t["kind"] == "video" and t["received"] and t["delivered"]]
    assert all(t["bytes"] > 0 and t["packets"] > 0 for t in seen), seen[0]
    assert any(t["key"] for t in seen) and not all(t["key"] for t in seen)
    received = bob.stats()["video_received"]
    assert received["jitter_buffer_emitted_count"] >= received["frames_decoded"] > 0
    assert received["jitter_buffer_delay_ms"] > 0 and received["total_processing_delay_ms"] > 0
    with open(path(tmp, "b.series"), encoding="utf-8") as file:
        assert len([json.loads(line) for line in file]) >= 2
    with open(path(tmp, "b.webm"), "rb") as file:
        head = file.read(4096)
    assert head[:4] == b"\x1aE\xdf\xa3" and b"webm" in head and b"OpusHead" in head
    assert b"V_VP8" in head
    assert len(os.listdir(path(tmp, "b.pictures"))) >= 1
    with open(path(tmp, "b.pictures") + "/picture-00.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_wav_and_y4m_files(tmp):
    """Files in both directions, of unusual forms: float at 44.1 kHz stereo, odd sides."""
    write_wav(path(tmp, "in.wav"), 700, rate=16000)
    write_wav(path(tmp, "float.wav"), 800, rate=44100, channels=2, as_float=True)
    write_y4m(path(tmp, "in.y4m"), 322, 182, 20)
    write_y4m(path(tmp, "odd.y4m"), 161, 91, 12, rate=15)
    call(["--audio-in", path(tmp, "in.wav"), "--video-in", path(tmp, "in.y4m"),
          "--audio-out", path(tmp, "a.wav"), "--video-out", path(tmp, "a.y4m")],
         ["--audio-in", path(tmp, "float.wav"), "--video-in", path(tmp, "odd.y4m"),
          "--audio-out", path(tmp, "b.wav"), "--video-out", path(tmp, "b.y4m")],
         alice={**heard(2), "host__pictures_read": 25}, bob={**heard(2), "host__pictures_read": 50})
    check_tone(path(tmp, "a.wav"), 800, rate=16000, seconds_min=2)
    check_tone(path(tmp, "b.wav"), 700, rate=44100, seconds_min=2)
    assert read_wav(path(tmp, "b.wav"))[1] == 2
    width, height, planes = read_y4m(path(tmp, "b.y4m"))
    assert (width, height) == (322, 182) and len(planes) > 45, (width, height, len(planes))
    width, height, planes = read_y4m(path(tmp, "a.y4m"))
    assert (width, height) == (161, 91) and len(planes) > 20, (width, height, len(planes))
    spread = max(planes[-1]) - min(planes[-1])
    assert spread > 80, "the picture is flat: %d" % spread


def test_no_trickle(tmp):
    alice, bob = call(["--no-trickle"], ["--no-trickle", "--size", "320x180"])
    for peer in (alice, bob):
        kinds = [line["type"] for line in peer.lines]
        assert "candidate" not in kinds, kinds
        description = next(l for l in peer.lines if l["type"] in ("offer", "answer"))
        assert "a=candidate:" in description["sdp"]


def test_trickle_has_candidates_and_their_end(tmp):
    alice, bob = call(["--no-video"], ["--no-video"], alice=PACKETS, bob=PACKETS)
    for peer in (alice, bob):
        candidates = [l for l in peer.lines if l["type"] == "candidate"]
        assert any(c["candidate"].startswith("candidate:") for c in candidates), candidates
        assert candidates[-1]["candidate"] == "", "no end of candidates"
        assert all("sdpMid" in c for c in candidates)


def test_audio_only(tmp):
    alice, bob = call(["--no-video", "--audio-bitrate", "64"], ["--audio-out", path(tmp, "b.wav")],
                      alice=PACKETS, bob=heard(0.8))
    check_tone(path(tmp, "b.wav"), 1000, seconds_min=0.7)
    for peer in (alice, bob):
        assert peer.stats()["video_received"]["packets_received"] == 0
    description = next(l for l in alice.lines if l["type"] == "offer")
    assert "m=video" not in description["sdp"]


def test_stereo(tmp):
    """The right channel is half as high again, through the codec and out again."""
    call(["--no-video", "--stereo", "--audio-in", "tone:600"],
         ["--no-video", "--stereo", "--audio-out", path(tmp, "b.wav")], alice=PACKETS, bob=heard(2))
    with wave.open(path(tmp, "b.wav"), "rb") as file:
        assert file.getnchannels() == 2
        samples = array.array("h", file.readframes(file.getnframes()))
    for channel, hz, other in ((0, 600, 900), (1, 900, 600)):
        mine = samples[channel::2]
        windows = [mine[at:at + 2400] for at in range(9600, len(mine) - 2400, 2400)]
        good = sum(goertzel(w, 48000, hz) > 0.5 and goertzel(w, 48000, other) < 0.2
                   for w in windows)
        assert good > 0.6 * len(windows) > 10, "channel %d: %d of %d windows have %d Hz" % (
            channel, good, len(windows), hz)


def test_dtx_and_comfort_noise(tmp):
    """One side asks for DTX: silence costs both next to nothing, and is no loss."""
    noise = {"audio_received__comfort_noise_samples": 60000}
    for peer in call(["--no-video", "--audio-in", "silence", "--dtx"],
                     ["--no-video", "--audio-in", "silence"], alice=noise, bob=noise):
        got = peer.stats()["audio_received"]
        # Sound is a packet each 960 samples.
        assert 0 < got["packets_received"] < 0.5 * got["total_samples_received"] / 960, got
        assert got["packets_lost"] == 0, got


def test_red_vp9_and_digits(tmp):
    """Codecs by option; digits in mid-call disturb nothing."""
    alice, bob = pair(["--red", "--codec", "vp9"], ["--red"])
    alice.connected()
    alice.send({"type": "do", "action": "dtmf", "digits": "12#"})
    done = alice.wait_for(lambda l: l["type"] == "done")
    assert done["action"] == "dtmf" and done["error"] is None, done
    for peer in (alice, bob):
        flowed(peer, audio_received__packets_received=100, **PICTURES)
    alice.send({"type": "hangup"})
    assert (alice.finish(), bob.finish()) == (0, 0), alice.errors + bob.errors
    sent, got = alice.stats()["audio_sent"], bob.stats()["audio_received"]
    assert got["payload_type"] != sent["payload_type"], "no RED came"
    assert got["bytes_received"] > 1.5 * got["packets_received"] * 32000 / 8 / 50, got  # each twice
    assert alice.stats()["video_sent"]["codec"] == 2 == bob.stats()["video_received"]["codec"]


def test_data_lines(tmp):
    """Texts and bytes both ways over the offerer's channel."""
    def data_of(peer):
        return peer.wait_for(lambda l: l["type"] == "data" and ("text" in l or "base64" in l))
    alice, bob = pair(["--no-video", "--data"], ["--no-video", "--data"])
    alice.connected()
    alice.send({"type": "data", "label": "data", "text": "gr\u00fc\u00dfe"})
    got = data_of(bob)
    assert (got["label"], got["text"]) == ("data", "gr\u00fc\u00dfe"), got
    bob.send({"type": "data", "label": "data", "base64": "AAEC/w=="})
    got = data_of(alice)
    assert (got["label"], got["base64"]) == ("data", "AAEC/w=="), got
    for peer in (alice, bob):
        flowed(peer, **PACKETS)
    alice.send({"type": "hangup"})
    assert (alice.finish(), bob.finish()) == (0, 0), alice.errors + bob.errors


def test_silence_counts_as_media(tmp):
    call(["--no-video", "--audio-in", "silence"], ["--no-video"], alice=PACKETS, bob=PACKETS)


def test_video_that_was_asked_for_must_come(tmp):
    """The answerer insists on video, the offerer has none."""
    _, bob = call(["--no-video"], ["--video-out", path(tmp, "b.y4m")], codes=(0, 1), alice=PACKETS,
                  bob=PACKETS)
    assert "no video was received" in bob.errors, bob.errors


def test_high_audio_bitrate(tmp):
    """Packets of 20 ms would be over the MTU above 400 kb/s; each side's packets are its own."""
    call(["--no-video", "--audio-bitrate", "401"],
         ["--no-video", "--audio-bitrate", "510", "--audio-out", path(tmp, "b.wav")],
         alice=PACKETS, bob=heard(0.8))
    check_tone(path(tmp, "b.wav"), 1000, seconds_min=0.7)


def write_pcm(name, bits, hz, rate=48000):
    """A WAV file of 8, 24 or 32 bits, one second."""
    data = b""
    for i in range(rate):
        value = 0.3 * math.sin(2 * math.pi * hz * i / rate)
        if bits == 8:
            data += bytes([int(128 + 127 * value)])
        else:
            data += struct.pack("<i", int(value * (2 ** 31 - 1)))[4 - bits // 8:]
    size = bits // 8
    with open(name, "wb") as file:
        file.write(struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16,
                               1, 1, rate, rate * size, size, bits, b"data", len(data)) + data)


def test_pcm_of_all_sizes(tmp):
    for left, right in ((8, 24), (32, 16)):
        for bits in (left, right):
            if bits == 16:
                write_wav(path(tmp, "16.wav"), 700)
            else:
                write_pcm(path(tmp, "%d.wav" % bits), bits, 700)
        call(["--no-video", "--audio-in", path(tmp, "%d.wav" % left),
              "--audio-out", path(tmp, "a.wav")],
             ["--no-video", "--audio-in", path(tmp, "%d.wav" % right), "--audio-out",
              path(tmp, "b.wav")], alice=heard(1.1), bob=heard(1.1))
        for name in ("a.wav", "b.wav"):
            check_tone(path(tmp, name), 700)
            loud = max(read_wav(path(tmp, name))[2])
            assert 0.2 * 32767 < loud < 0.5 * 32767, loud


def test_no_picture_still_a_file(tmp):
    """Nothing is seen: the file has a header that readers understand."""
    for options, size in ((["--size", "320x180"], (320, 180)), ([], (640, 360))):
        peer = Peer("--offer", "--video-out", path(tmp, "a.y4m"), *options).start()
        peer.wait_for(lambda l: l["type"] == "offer")
        peer.end_input()
        assert peer.finish() == 1
        width, height, planes = read_y4m(path(tmp, "a.y4m"))
        assert (width, height) == size and planes == []


def test_refused_description_is_2(tmp):
    """Video alone is offered to a side that has none: one line that says so, at that side."""
    alice = Peer("--offer").start()
    offer = alice.wait_for(lambda l: l["type"] == "offer")["sdp"]
    alice.end_input()
    alice.finish()
    at = [offer.index("m=audio"), offer.index("m=video")]
    audio = offer[at[0]:at[1]]
    refused = offer.replace(audio, audio.replace("m=audio 9", "m=audio 0", 1), 1)
    assert refused != offer
    bob = Peer("--answer", "--no-video", "--stats", path(tmp, "b.json")).start()
    bob.send({"type": "offer", "sdp": refused})
    assert bob.finish() == 2, bob.errors
    assert bob.errors.count("\n") == 1 and "refused" in bob.errors, bob.errors
    assert "no media section" in bob.errors, bob.errors
    assert bob.stats()["end_reason"] == "negotiation" and bob.stats()["exit_code"] == 2
    with open(path(tmp, "b.json"), encoding="utf-8") as file:
        assert json.load(file)["error"] in bob.errors


def test_sigterm_at_once(tmp):
    """It comes before the program has begun: all files are written nevertheless."""
    command = [PEER, "--offer", "--bind", "127.0.0.1", "--stats", path(tmp, "s.json"),
               "--audio-out", path(tmp, "a.wav"), "--video-out", path(tmp, "a.y4m"), "--trace",
               path(tmp, "a.trace")]
    with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})) as peer:
        peer.send_signal(signal.SIGTERM)
        code = peer.wait(CALL_TIMEOUT_S)
        lines = [json.loads(line) for line in peer.stdout]
        errors = peer.stderr.read().decode()
    assert code == 1 and errors.count("\n") == 1, (code, errors)
    assert lines[-1]["type"] == "stats" and lines[-1]["end_reason"] == "hang_up", lines
    with open(path(tmp, "s.json"), encoding="utf-8") as file:
        assert json.load(file)["exit_code"] == 1
    with open(path(tmp, "a.trace"), encoding="utf-8") as file:
        json.load(file)
    assert read_wav(path(tmp, "a.wav"))[0] == 48000
    assert read_y4m(path(tmp, "a.y4m"))[2] == []


def test_hangup_line(tmp):
    alice, bob = pair(["--no-video"], ["--no-video"])
    for peer in (alice, bob):
        peer.connected()
        flowed(peer, **PACKETS)
    bob.send({"type": "hangup"})
    assert (alice.finish(), bob.finish()) == (0, 0), alice.errors + bob.errors
    assert bob.stats()["end_reason"] == "hang_up"
    assert [line["type"] for line in bob.lines].count("hangup") == 1
    assert alice.stats()["end_reason"] in ("remote_hang_up", "hang_up")


def end_by(tmp, end):
    """A call that is ended from outside still leaves whole files."""
    alice, bob = pair(["--audio-out", path(tmp, "a.wav"), "--video-out", path(tmp, "a.y4m"),
                       "--stats", path(tmp, "a.json"), "--trace", path(tmp, "a.trace"), "--record",
                       path(tmp, "a.webm")], ["--size", "320x180"])
    alice.connected()
    flowed(alice, **heard(1.2), host__pictures_read=25)
    flowed(bob, **PACKETS, **PICTURES)
    end(alice)
    codes = alice.finish(), bob.finish()
    assert codes == (0, 0), "%s %s %s" % (codes, alice.errors, bob.errors)
    check_tone(path(tmp, "a.wav"), 1000)
    assert len(read_y4m(path(tmp, "a.y4m"))[2]) > 20
    with open(path(tmp, "a.json"), encoding="utf-8") as file:
        assert json.load(file)["end_reason"] == "hang_up"
    with open(path(tmp, "a.trace"), encoding="utf-8") as file:
        json.load(file)
    assert os.path.getsize(path(tmp, "a.webm")) > 5000
    assert alice.states()[-1] == "ended" and alice.stats()["host"]["connected_s"] > 0.5


def test_sigterm_writes_every_file(tmp):
    end_by(tmp, lambda peer: peer.process.send_signal(signal.SIGTERM))


def test_sigint_writes_every_file(tmp):
    end_by(tmp, lambda peer: peer.process.send_signal(signal.SIGINT))


def test_end_of_input_hangs_up(tmp):
    end_by(tmp, lambda peer: peer.end_input())


def test_not_connected_is_1(tmp):
    """Nobody answers; the end of input ends it."""
    peer = Peer("--offer", "--audio-out", path(tmp, "a.wav"), "--stats", path(tmp, "s.json"))
    peer.start()
    peer.wait_for(lambda l: l["type"] == "offer")
    peer.end_input()
    assert peer.finish() == 1
    assert "did not connect" in peer.errors and peer.errors.count("\n") == 1, peer.errors
    with open(path(tmp, "s.json"), encoding="utf-8") as file:
        assert json.load(file)["exit_code"] == 1
    assert read_wav(path(tmp, "a.wav"))[0] == 48000


def test_peer_killed_is_1(tmp):
    """The other process vanishes without a word: consent runs out, exit 1, files whole."""
    alice = Peer("--offer", "--no-video", "--audio-out", path(tmp, "a.wav"))
    bob = Peer("--answer", "--no-video")
    alice.start(bob)
    threading.Thread(target=forward_until_end, args=(bob, alice), daemon=True).start()
    alice.connected()
    flowed(alice, **PACKETS)
    bob.process.kill()
    bob.process.wait()
    assert alice.finish() == 1, alice.errors
    assert alice.stats()["end_reason"] == "connection_lost", alice.stats()["end_reason"]
    read_wav(path(tmp, "a.wav"))


def forward_until_end(source, to):
    for raw in source.process.stdout:
        to.send_raw(raw)


def bad_use(*options, lines=None):
    """Exit code 2 and exactly one line on stderr, which is returned."""
    done = subprocess.run([PEER, *options], input=lines or b"", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=CALL_TIMEOUT_S, check=False)
    text = done.stderr.decode()
    assert done.returncode == 2, "%s: exit code %d, %s" % (options, done.returncode, text)
    assert text.count("\n") == 1 and text.startswith("xcall-peer: "), "%s: %r" % (options, text)
    return text


def test_bad_options(tmp):
    for options in ([], ["--offer", "--answer"], ["--offer", "--bogus"], ["--offer", "stray"],
                    ["--offer", "--fps", "0"], ["--offer", "--fps", "61"], ["--offer", "--fps"],
                    ["--offer", "--fps", "2.5"], ["--offer", "--size", "640"],
                    ["--offer", "--size", "8x8"], ["--offer", "--size", "640x360x"],
                    ["--offer", "--seconds", "-1"], ["--offer", "--seconds", "soon"],
                    ["--offer", "--audio-bitrate", "1"], ["--offer", "--video-bitrate", "x"],
                    ["--offer", "--bind", "localhost"], ["--offer", "--bind", "203.0.113.77"],
                    ["--offer", "--audio-in", ""], ["--offer", "--audio-in", "tone:5"],
                    ["--offer", "--no-video", "--size", "320x180"],
                    ["--offer", "--no-trickle=yes"], ["--offer", "--log", "loud"]):
        bad_use(*options)


def test_bad_files(tmp):
    write_wav(path(tmp, "whole.wav"), 500)
    write_y4m(path(tmp, "whole.y4m"), 64, 48, 4)
    with open(path(tmp, "whole.wav"), "rb") as file:
        wav = file.read()
    with open(path(tmp, "whole.y4m"), "rb") as file:
        y4m = file.read()
    bad = {
        "cut.wav": wav[:-1000], "head.wav": wav[:20], "format.wav": wav[:36], "empty.wav": b"",
        "eight.wav": wav[:34] + b"\x08\0" + wav[36:], "text.wav": b"hello" * 100,
        "fast.wav": wav[:24] + struct.pack("<I", 96000) + wav[28:],
        "three.wav": wav[:22] + struct.pack("<H", 3) + wav[24:],
        "none.wav": wav[:40] + struct.pack("<I", 0),
        "cut.y4m": y4m[:-10], "head.y4m": y4m[:30], "empty.y4m": b"",
        "none.y4m": y4m[:y4m.index(b"\n") + 1], "text.y4m": b"hello\n" * 100,
        "444.y4m": y4m.replace(b"C420jpeg", b"C444"),
        "deep.y4m": y4m.replace(b"C420jpeg", b"C420p10"),
        "frame.y4m": y4m.replace(b"FRAME", b"FROME"), "wide.y4m": y4m.replace(b"W64", b"W9999"),
        "nosize.y4m": y4m.replace(b"W64 ", b""),
    }
    for name, data in bad.items():
        with open(path(tmp, name), "wb") as file:
            file.write(data)
        option = "--audio-in" if name.endswith(".wav") else "--video-in"
        text = bad_use("--offer", option, path(tmp, name))
        assert name in text, text
    for option in ("--audio-in", "--video-in"):
        assert "No such file" in bad_use("--offer", option, path(tmp, "missing"))
        assert "is not a file" in bad_use("--offer", option, tmp)
    for option in ("--audio-out", "--video-out", "--stats", "--stats-series", "--trace",
                   "--traces-raw", "--record", "--pictures"):
        bad_use("--offer", option, path(tmp, "no/such/place"))


def test_bad_lines(tmp):
    for line in (b"{\n", b"hello\n", b"[]\n", b"42\n", b"{}\n", b'{"type":7}\n',
                 b'{"type":"answer"}\n', b'{"type":"answer","sdp":7}\n',
                 b'{"type":"candidate","sdpMid":"0"}\n', b'{"type":"answer","sdp":"nonsense"}\n',
                 b'{"type":"answer","sdp":""}\n', b'{"type":"offer","sdp":"v=0"}\n',
                 b'{"type":"offer"', b"\xff\xfe\n",
                 b'{"type":"state"} trailing\n', b"x" * (1 << 20) + b"xx\n"):
        bad_use("--offer", "--bind", "127.0.0.1", lines=line)
    for line in (b'{"type":"offer","sdp":"nonsense"}\n', b'{"type":"answer","sdp":"v=0"}\n'):
        bad_use("--answer", "--bind", "127.0.0.1", lines=line)


def test_ignored_lines(tmp):
    """Unknown members and types, empty lines, a peer's own state lines."""
    alice = Peer("--offer", "--no-video").start()
    bob = Peer("--answer", "--no-video").start()
    for peer in (alice, bob):
        peer.send_raw(b"\n  \r\n")
        peer.send({"type": "state", "state": "connected", "reason": None})
        peer.send({"type": "stats", "exit_code": 0})
        peer.send({"type": "something newer", "candidate": 7})
    offer = alice.wait_for(lambda l: l["type"] == "offer")
    bob.send(dict(offer, extra={"a": [1, 2]}, other="x"))
    answer = bob.wait_for(lambda l: l["type"] == "answer")
    alice.send(dict(answer, extra=None))
    for source, to in ((alice, bob), (bob, alice)):
        source.wait_for(lambda l: l["type"] == "candidate" and l["candidate"] == "")
        for line in [l for l in source.lines if l["type"] == "candidate"]:
            to.send(dict(line, usernameFragment="x", more=1))
    for peer in (alice, bob):
        flowed(peer, **PACKETS)
    alice.send({"type": "hangup"})
    bob.send({"type": "hangup"})
    codes = alice.finish(), bob.finish()
    assert codes == (0, 0), "%s %s %s" % (codes, alice.errors, bob.errors)


def test_broken_line_in_a_call_is_2(tmp):
    alice, bob = pair(["--no-video", "--audio-out", path(tmp, "a.wav")], ["--no-video"])
    alice.connected()
    flowed(alice, **heard(0.6))
    flowed(bob, **PACKETS)
    alice.send_raw(b"{broken\n")
    assert alice.finish() == 2
    assert alice.errors.count("\n") == 1, alice.errors
    assert bob.finish() == 0, bob.errors
    assert alice.stats()["exit_code"] == 2
    check_tone(path(tmp, "a.wav"), 1000, seconds_min=0.5)


def test_help(tmp):
    done = subprocess.run([PEER, "--help"], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0 and b"--audio-in" in done.stdout


def test_smallest_program(tmp):
    """examples/call.c: what is heard is about as loud as what was spoken (a busy machine makes it
    conceal, and what comes after that may overshoot)."""
    done = subprocess.run([os.path.join(os.path.dirname(PEER), "call")], stdout=subprocess.PIPE,
                          timeout=CALL_TIMEOUT_S, check=False)
    words = done.stdout.split()
    assert done.returncode == 0 and b"heard at most" in done.stdout, done
    assert 0.75 < int(words[-1]) / int(words[2].rstrip(b",")) < 1.5, done.stdout


def test_report(tmp):
    """xcall-report reads what two peers leave."""
    tool = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../../examples/report/xcall-report")

    def files(name):
        return ["--stats", path(tmp, name + ".stats.json"), "--stats-series",
                path(tmp, name + ".series.jsonl"), "--traces-raw", path(tmp, name + ".traces.json"),
                "--pictures", path(tmp, name + ".pictures")]
    long = {**PACKETS, "host__pictures_read": 40}
    call(files("alice"), files("bob"), alice=long, bob=long)
    subprocess.run([sys.executable, tool, tmp], check=True, stdout=subprocess.PIPE)
    with open(path(tmp, "report.json"), encoding="utf-8") as file:
        report = json.load(file)
    assert report["problems"] == [] and len(report["directions"]) == 2
    for direction in report["directions"]:
        for kind in ("audio", "video"):
            times = direction[kind]["end_to_end_ms"]
            assert 0 < times["p50"] <= times["p99"] <= times["max"] < 1000 * CALL_TIMEOUT_S, times
            stages = [s["mean"] for s in direction[kind]["stages"].values()]
            assert abs(sum(stages) - times["mean"]) < 0.01, (stages, times)
    with open(path(tmp, "report.html"), encoding="utf-8") as file:
        page = file.read()
    assert "<svg" in page and "data:image/png;base64," in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    os.remove(path(tmp, "bob.traces.json"))
    done = subprocess.run([sys.executable, tool, tmp], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"bob.traces.json" in done.stderr


BESIDE = ["test_peer_killed_is_1"]  # only waits, for half a minute: runs beside the others


def outcome(run):
    """Lines of TAP without their number: (well, first line's end, more lines)."""
    tmp = tempfile.mkdtemp(prefix="xcall_peer_")
    begun = time.monotonic()
    try:
        run(tmp)
        return True, " # %.1f s" % (time.monotonic() - begun), []
    except Exception as error:  # a failed test is a line, the others still run
        return False, "", ("%s: %s" % (type(error).__name__, error)).splitlines()[:12] + \
            [traceback.format_tb(error.__traceback__)[-1].strip().splitlines()[0]]
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def main():
    global PEER
    if len(sys.argv) < 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    PEER = os.path.join(sys.argv[1], "examples", "xcall-peer")
    if not os.access(PEER, os.X_OK):
        print("Bail out! %s is missing" % PEER)
        return 2
    tests = {n: f for n, f in globals().items() if n.startswith("test_")}
    wanted = ["test_" + n[5:] if n.startswith("test_") else "test_" + n for n in sys.argv[2:]]
    tests = {n: f for n, f in tests.items() if not wanted or n in wanted}
    print("1..%d" % len(tests))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(BESIDE)) as pool:
        beside = {name: pool.submit(outcome, tests[name]) for name in BESIDE if name in tests}
        order = [name for name in tests if name not in beside] + list(beside)
        for number, name in enumerate(order, 1):
            well, rest, lines = beside[name].result() if name in beside else outcome(tests[name])
            failed += not well
            print("%s %d - %s%s" % ("ok" if well else "not ok", number, name[5:], rest))
            for line in lines:
                print("# " + line)
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
