#!/usr/bin/env python3
"""test_abuse_flood.py BUILD [TEST ...] - the abuse list of docs/security.md: floods of frames and connections, and a
reader that does not read; somebody else is served meanwhile. Reduced counts; XCALL_TEST_LONG=1: full ones. It runs
alone, for it measures. TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import resource
import select
import socket
import ssl
import sys
import threading
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from people import Device  # noqa: E402
from server import Failed, Server, expect, run_tests, wait_for  # noqa: E402
from ws import Closed, Refused  # noqa: E402

LONG = bool(os.environ.get("XCALL_TEST_LONG"))
QUICK = ["hash_memory_mib = 8", "ping_seconds = 250"]  # who waits for others answers no ping meanwhile
FLOODER = ("X-Forwarded-For: 198.51.100.7",)  # one address, and not that of the others


def device(server, name, **more):
    return Device(server, name, token=server.account(name), **more)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


class Flood(threading.Thread):
    """One device that sends invites as fast as it can, without waiting, and reads what comes; it comes back as often
    as it is closed."""

    def __init__(self, flooder, seconds):
        super().__init__(daemon=True)
        self.flooder, self.until = flooder, time.monotonic() + seconds
        self.frame = flooder.body("offer")
        self.sent, self.closes = 0, {}
        self.start()

    def run(self):
        while time.monotonic() < self.until:
            try:
                code = self.pour(self.flooder.socket)
            except (OSError, ValueError):
                code = 1006
            if code:
                self.closes[code] = self.closes.get(code, 0) + 1
            while time.monotonic() < self.until and not self.back():
                time.sleep(0.2)

    def back(self):
        try:
            self.flooder.close()
            self.flooder.socket = self.flooder.server.connect(headers=FLOODER)
            self.flooder.hello()
            return True
        except (OSError, Closed, Refused, Failed):
            return False

    def some(self, link):
        frames = [{"t": "call.invite", "id": uuid.uuid4().hex, "call": str(uuid.uuid4()),
                   "b": {"to": "bob", "media": "a", "body": self.frame}} for _ in range(10)]
        self.sent += len(frames)
        return b"".join(link.frame(json.dumps(frame).encode()) for frame in frames)

    def pour(self, link):
        """Sends until the other end closes: the code; None when its time is over."""
        raw, rest = link.socket, b""
        raw.setblocking(False)
        while time.monotonic() < self.until:
            rest = rest or self.some(link)
            readable, writable, _ = select.select([raw], [raw], [], 0.5)
            if writable:
                rest = rest[raw.send(rest):]
            if not readable:
                continue
            data = raw.recv(65536)
            if not data:
                return 1006
            link.input += data
            while frame := link.take():
                if frame[0] & 15 == 8:
                    return int.from_bytes(frame[1][:2], "big")
        return None


def test_invite_flood():
    """9: invites as fast as one address can send them, from connections that come back when they are closed; calls of
    two others go through in order (how long they and requests take is printed: what one connection may have waiting
    is bounded, and so is this)."""
    seconds = 30 if LONG else 4
    with Server(config=[*QUICK, "trust_proxy = 127.0.0.0/8"]) as server:
        server.friends("alice", "bob")
        policies = ("limit_pair", "limit_pair_day", "limit_cancels", "limit_calls_account", "limit_calls_device")
        for key in policies:
            server.admin("policy", key, "off")
        alice, bob = device(server, "alice"), device(server, "bob")
        flooders = [device(server, f"flood{i}", headers=FLOODER) for i in range(4)]
        alone = [ask(alice) for _ in range(100)]
        begun = time.monotonic()
        floods = [Flood(one, seconds) for one in flooders]
        times, rings = [], []
        while not rings or any(flood.is_alive() for flood in floods):
            times.append(ask(alice))
            time.sleep(0.1)  # what she may ask for is limited, too
            if time.monotonic() - begun > len(rings) * seconds / 20:
                start = time.monotonic()
                call, answer = alice.invite("bob")
                expect(answer["t"] == "ok", answer)
                bob.event("call.incoming", fits=lambda event, call=call: event["call"] == call)
                rings.append(time.monotonic() - start)
                alice.good("call.cancel", call)
        for flood in floods:
            flood.join()
        sent = sum(flood.sent for flood in floods)
        print(f"# {sent} invites in {seconds} s, closed {[flood.closes for flood in floods]}; others' requests p50 "
              f"{1000 * quantile(times, 0.5):.1f} ms, p99 {1000 * quantile(times, 0.99):.1f} ms, without the flood "
              f"{1000 * quantile(alone, 0.99):.1f} ms; {len(rings)} rings within {1000 * max(rings):.0f} ms")
        # How many frames of a flood are before another's: test_shell, fair. How long that takes is the machine's.
        expect(server.metrics()["xcalld_requests_limited_total"] > 0 or any(flood.closes for flood in floods),
               "no flood, or no limit")
        ended = [one for one in bob.good("history.list", limit=50)["calls"] if one["peer"].startswith("flood")]
        expect(not ended, ended)


def ask(who):
    start = time.monotonic()
    who.good("sync")
    return time.monotonic() - start


def try_device(server):
    """None where every place is taken."""
    try:
        return device(server, "alice")
    except (Refused, Closed, OSError):
        return None


def test_half_open():
    """10: connections that say nothing, or a byte a second, with TLS and without: signing in still works, and they
    are gone after their time."""
    count = 20000 if LONG else 600
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(count, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 200)), hard))
    with Server(config=[*QUICK, "handshakes_max = 400", "handshakes_per_address = 100",
                        "handshake_seconds = 3"], tls=True) as server:
        server.account("alice")
        held = []
        for number in range(count):
            link = socket.socket()
            link.setblocking(False)
            link.bind((f"127.{1 + number // 250 % 100}.0.{1 + number % 250}", 0))
            try:
                link.connect(("127.0.0.1", server.port))
            except BlockingIOError:
                pass
            held.append(link)
            if number % 100 == 99:
                time.sleep(0.05)
        time.sleep(0.3)
        start = time.monotonic()
        signed = wait_for("half-open connections keep their places", lambda: try_device(server), 60, 0.1)
        print(f"# signed in after {time.monotonic() - start:.2f} s beside {count} half-open ones")
        drips = held[:50]
        for link in drips:
            try:
                link.send(b"\x16\x03")
            except OSError:
                pass
        wait_for("they are gone", lambda: server.metrics()["xcalld_handshakes"] == 0)
        for link in held:
            link.close()
        expect(signed.good("sync") is not None)


def test_unsigned_sockets():
    """10: WebSockets that never sign in are closed after five seconds, with 4001."""
    with Server(config=QUICK) as server:
        start = time.monotonic()
        links = [server.connect() for _ in range(100 if LONG else 20)]
        codes = [link.closed() for link in links]
        expect(codes == [4001] * len(links) and time.monotonic() - start > 4, codes)


def test_slow_reader():
    """11: a device that does not read is closed with 4008 (or cut); the server's memory stays flat."""
    with Server(config=QUICK) as server:
        server.friends("alice", "bob")
        server.admin("policy", "limit_messages", "off")
        server.admin("policy", "limit_frames", "off")
        bob = device(server, "bob", receive_buffer=4096)
        alice = device(server, "alice")
        before = server.resident_kib()
        text = "x" * 4000
        for _ in range(20000 if LONG else 3000):
            answer = alice.ask("msg.send", to="bob", text=text)
            if answer["t"] == "err":
                expect(answer["b"]["code"] == "try_later", answer)
                time.sleep(0.2)
            if server_closed(server):
                break
        grown = server.resident_kib() - before
        expect(server_closed(server), "a slow reader is kept for ever")
        expect(grown < 16384, f"{grown} KiB more")
        try:
            code = bob.socket.closed()
        except (OSError, ssl.SSLError):
            code = 1006
        expect(code in (4008, 1006), code)


def server_closed(server):
    return server.metrics()['xcalld_closes_total{code="4008"}'] > 0


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
