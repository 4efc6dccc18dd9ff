#!/usr/bin/env python3
"""ctypes_call.py BUILD - a binding as its author would write it: a whole audio, video and data call
between two engines through the shared library alone, from Python's ctypes, with no compiler.
SPDX-License-Identifier: MIT"""
import array
import ctypes as c
import math
import os
import select
import sys
import time

import tap

LIMIT_S = 20
BLOCK = 480
WIDTH, HEIGHT = 320, 180
OK, OVER = 0, -4
STATE, SIGNAL, ENDED, CHANNEL, MESSAGE = 1, 2, 3, 9, 10
TEXT, BINARY, OPEN = 1, 2, 2
CONNECTED = 2

library = c.CDLL(os.path.join(sys.argv[1], "lib", "libxcall.so"))
u32, u64, i32 = c.c_uint32, c.c_uint64, c.c_int32


class EngineConfig(c.Structure):
    _fields_ = [(n, u32) for n in ("size", "flags", "threads", "codec_workers", "calls_max",
                                   "posted_max", "log_level", "clock_permille")] + \
        [("bind_address", c.c_char_p), ("port_min", u32), ("port_max", u32)]


class CallConfig(c.Structure):
    _fields_ = [(n, u32) for n in ("size", "role", "flags", "audio_direction", "video_direction")] \
        + [("user", u64)] + \
        [(n, u32) for n in ("audio_rate", "audio_channels", "audio_sample", "audio_frame_ms",
                            "audio_bitrate_bps", "audio_complexity", "audio_flags",
                            "audio_delay_ms_min", "audio_delay_ms_max", "video_width",
                            "video_height", "video_width_max", "video_height_max",
                            "video_frame_rate", "video_bitrate_bps")] + \
        [("video_speed", i32)] + \
        [(n, u32) for n in ("video_flags", "trace_frames", "encoded_bytes", "audio_tracks",
                            "video_tracks", "screen_direction", "video_codec", "temporal_layers",
                            "data_channels", "data_send_bytes", "data_receive_bytes")]


class Event(c.Structure):
    _fields_ = [("size", u32), ("type", u32), ("call", u64), ("track", u64), ("user", u64),
                ("time_ns", u64), ("state", u32), ("reason", u32), ("signal_kind", u32),
                ("flags", u32), ("level", u32), ("code", i32), ("text", c.c_void_p),
                ("text_length", c.c_size_t), ("channel", u64), ("data", c.c_void_p),
                ("data_length", c.c_size_t), ("protocol", c.c_char_p)]


class ChannelConfig(c.Structure):
    _fields_ = [("size", u32), ("flags", u32), ("label", c.c_char_p), ("protocol", c.c_char_p),
                ("max_retransmits", i32), ("max_packet_life_time_ms", i32), ("priority", u32),
                ("id", u32), ("low_threshold", u64)]


class Picture(c.Structure):
    _fields_ = [("size", u32), ("pixel", u32), ("width", u32), ("height", u32), ("rotation", u32),
                ("strides", u32 * 3), ("planes", c.c_void_p * 3), ("capture_ns", u64),
                ("rtp_timestamp", u32), ("reserved", u32)]


class Error(c.Structure):
    _fields_ = [("size", u32), ("code", i32), ("text", c.c_char * 256)]


def declare():
    library.xcall_error_name.restype = c.c_char_p
    library.xcall_now_ns.restype = u64
    for name, arguments in {
        "xcall_engine_create": [c.POINTER(EngineConfig), c.POINTER(c.c_void_p), c.POINTER(Error)],
        "xcall_engine_close": [c.c_void_p], "xcall_engine_unref": [c.c_void_p],
        "xcall_engine_event_fd": [c.c_void_p],
        "xcall_engine_next_event": [c.c_void_p, c.POINTER(Event), i32],
        "xcall_call_create": [c.c_void_p, c.POINTER(CallConfig), c.POINTER(u64), c.POINTER(Error)],
        "xcall_call_receive_signal": [c.c_void_p, u64, u32, c.c_char_p, c.c_size_t,
                                      c.POINTER(Error)],
        "xcall_call_track": [c.c_void_p, u64, u32, u32, c.POINTER(u64)],
        "xcall_call_hang_up": [c.c_void_p, u64],
        "xcall_channel_create": [c.c_void_p, u64, c.POINTER(ChannelConfig), c.POINTER(u64),
                                 c.POINTER(Error)],
        "xcall_channel_send": [c.c_void_p, u64, u32, c.c_char_p, c.c_size_t],
        "xcall_channel_close": [c.c_void_p, u64],
        "xcall_audio_write": [c.c_void_p, u64, c.c_void_p, u32, u64],
        "xcall_audio_read": [c.c_void_p, u64, c.c_void_p, u32],
        "xcall_video_write": [c.c_void_p, u64, c.POINTER(Picture)],
        "xcall_video_read": [c.c_void_p, u64, c.POINTER(Picture)],
    }.items():
        getattr(library, name).argtypes = arguments


def must(result, what):
    if result < 0:
        raise RuntimeError(f"{what}: {library.xcall_error_name(result).decode()}")
    return result


class Side:
    """One engine with one call."""

    def __init__(self, role, brightness):
        config, error = EngineConfig(), Error()
        library.xcall_error_init(c.byref(error), c.sizeof(error))
        library.xcall_engine_config_init(c.byref(config), c.sizeof(config))
        config.flags, config.bind_address = 1, b"127.0.0.1"
        self.engine = c.c_void_p()
        must(library.xcall_engine_create(config, c.byref(self.engine), error), "engine")
        call_config = CallConfig()
        library.xcall_call_config_init(c.byref(call_config), c.sizeof(call_config))
        call_config.role, call_config.video_direction = role, 3
        call_config.video_width = call_config.video_width_max = WIDTH
        call_config.video_height = call_config.video_height_max = HEIGHT
        call_config.user = role
        call_config.data_channels = 4
        self.call = u64()
        must(library.xcall_call_create(self.engine, call_config, c.byref(self.call), error), "call")
        self.audio, self.video = u64(), u64()
        must(library.xcall_call_track(self.engine, self.call, 1, 0, c.byref(self.audio)), "track")
        must(library.xcall_call_track(self.engine, self.call, 2, 0, c.byref(self.video)), "track")
        self.fd = must(library.xcall_engine_event_fd(self.engine), "event fd")
        self.event = Event()
        library.xcall_event_init(c.byref(self.event), c.sizeof(self.event))
        self.connected, self.ended, self.reason = False, 0, 0
        self.channel, self.label, self.messages = u64(), None, []
        self.heard, self.seen, self.luma = 0.0, 0, 0
        self.pixels = [(c.c_uint8 * (WIDTH * HEIGHT))() for _ in range(3)]
        self.out = [(c.c_uint8 * (WIDTH * HEIGHT))(*[v] * (WIDTH * HEIGHT))
                    for v in (brightness, 128, 128)]

    def pump(self, other):
        while library.xcall_engine_next_event(self.engine, c.byref(self.event), 0) == OK:
            event = self.event
            if event.user != self.user():
                raise RuntimeError("an event has lost its user value")
            if event.type == SIGNAL:
                text = c.string_at(event.text, event.text_length)
                result = library.xcall_call_receive_signal(
                    other.engine, other.call, event.signal_kind, text, len(text), None)
                if result != OVER:  # the other side may have ended already
                    must(result, "signal")
            elif event.type == STATE:
                self.connected = self.connected or event.state == CONNECTED
            elif event.type == CHANNEL and event.state == OPEN:
                self.label = c.string_at(event.text, event.text_length), event.protocol
                self.channel.value = event.channel
            elif event.type == MESSAGE:
                self.messages.append((event.flags, c.string_at(event.data, event.data_length)))
            elif event.type == ENDED:
                self.ended, self.reason = self.ended + 1, event.reason

    def open_channel(self, label, protocol):
        config, error = ChannelConfig(), Error()
        library.xcall_error_init(c.byref(error), c.sizeof(error))
        library.xcall_channel_config_init(c.byref(config), c.sizeof(config))
        config.label, config.protocol = label, protocol
        must(library.xcall_channel_create(self.engine, self.call, config, c.byref(self.channel),
                                          error), "channel")

    def send(self, kind, message):
        must(library.xcall_channel_send(self.engine, self.channel, kind, message, len(message)),
             "send")

    def user(self):
        return 1 if self.out[0][0] == 90 else 2

    def picture(self, planes):
        picture = Picture()
        library.xcall_picture_init(c.byref(picture), c.sizeof(picture))
        picture.width, picture.height = WIDTH, HEIGHT
        for i, plane in enumerate(planes):
            picture.planes[i] = c.addressof(plane)
            picture.strides[i] = WIDTH
        return picture

    def write(self, tone, with_picture):
        library.xcall_audio_write(self.engine, self.audio, tone, BLOCK, 0)
        if with_picture:
            must(library.xcall_video_write(self.engine, self.video, self.picture(self.out)),
                 "video write")

    def read(self):
        samples = (c.c_int16 * BLOCK)()
        must(library.xcall_audio_read(self.engine, self.audio, samples, BLOCK), "audio read")
        self.heard += sum(s * s for s in samples) / BLOCK
        if library.xcall_video_read(self.engine, self.video, self.picture(self.pixels)) == OK:
            self.seen += 1
            self.luma = self.pixels[0][HEIGHT // 2 * WIDTH + WIDTH // 2]


def wait(sides, until):
    limit = time.monotonic() + LIMIT_S
    while not until() and time.monotonic() < limit:
        select.select([side.fd for side in sides], [], [], 0.01)
        sides[0].pump(sides[1])
        sides[1].pump(sides[0])
    return until()


def talk(sides, blocks):
    values = [int(8000 * math.sin(2 * math.pi * 5 * i / BLOCK)) for i in range(BLOCK)]
    tone = (c.c_int16 * BLOCK).from_buffer(array.array("h", values))
    due = time.monotonic()
    for block in range(blocks):
        for side in sides:
            side.write(tone, block % 3 == 0)
            side.read()
        due += 0.01
        while time.monotonic() < due:
            select.select([side.fd for side in sides], [], [], max(0, due - time.monotonic()))
            sides[0].pump(sides[1])
            sides[1].pump(sides[0])


def exchange_messages(sides):
    """A channel of the first side's; texts, bytes with zeros among them, and nothing at all."""
    sent = [(TEXT, "grüße".encode()), (BINARY, bytes(range(256)) * 200), (TEXT, b""),
            (BINARY, b"")]
    sides[0].open_channel(b"chat", b"v1")
    wait(sides, lambda: all(side.label for side in sides))
    tap.check("the channel is open on both sides, and named to the one that did not open it",
              [] if [side.label for side in sides] == [(b"", b""), (b"chat", b"v1")]
              else [str([side.label for side in sides])])
    for side in sides:
        for kind, message in sent:
            side.send(kind, message)
    wait(sides, lambda: all(len(side.messages) >= len(sent) for side in sides))
    tap.check("messages arrive as they were sent",
              [] if all(side.messages == sent for side in sides)
              else [str([[(k, len(m)) for k, m in side.messages] for side in sides])])
    must(library.xcall_channel_close(sides[0].engine, sides[0].channel), "close of the channel")


def main():
    declare()
    sides = [Side(1, 90), Side(2, 200)]
    tap.check("two engines connect", [] if wait(sides, lambda: all(s.connected for s in sides))
              else ["not within the time"])
    talk(sides, 200)
    for side in sides:
        side.heard, side.seen = 0.0, 0
    talk(sides, 100)
    for i, (side, expected) in enumerate(zip(sides, (200, 90))):
        level = math.sqrt(side.heard / 100)
        tap.check(f"side {i} hears the tone", [] if level > 3000 else [f"level {level:.0f}"])
        tap.check(f"side {i} sees the picture",
                  [] if side.seen > 5 and abs(side.luma - expected) < 16
                  else [f"{side.seen} pictures, luma {side.luma}, not {expected}"])
    exchange_messages(sides)
    must(library.xcall_call_hang_up(sides[0].engine, sides[0].call), "hang up")
    wait(sides, lambda: all(s.ended for s in sides))
    tap.check("both sides end once, by a hang-up",
              [] if [(s.ended, s.reason) for s in sides] == [(1, 1), (1, 2)]
              else [str([(s.ended, s.reason) for s in sides])])
    for side in sides:
        must(library.xcall_engine_close(side.engine), "close")
        library.xcall_engine_unref(side.engine)
    tap.end()


main()
