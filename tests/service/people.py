"""people.py - a device of an account, as docs/protocol.md says, for tests of xcalld.
SPDX-License-Identifier: MIT"""
import base64
import json
import os
import time
import uuid

import ed25519
from server import PATIENCE, expect


def sdp(kind, ufrag="abcd"):
    setup = "actpass" if kind == "offer" else "active"
    fingerprint = ":".join(["AB"] * 32)
    return "\r\n".join(["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0",
                        "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0",
                        f"a=ice-ufrag:{ufrag}", "a=ice-pwd:0123456789abcdef01234567",
                        f"a=fingerprint:sha-256 {fingerprint}", f"a=setup:{setup}", "a=rtcp-mux",
                        "a=sendrecv", "a=rtpmap:111 opus/48000/2", ""])


class Device:
    """One connection of one device; events wait in .events."""

    def __init__(self, server, name, password="correct horse battery", create=True, token=None, **connect):
        self.server, self.name = server, name
        self.pair = ed25519.Key(os.urandom(32))
        self.key = self.pair.public
        self.events, self.number = [], 0
        self.socket = server.connect(**connect)
        if not token:
            answer = self.ask("account.create" if create else "account.sign_in", name=name,
                              password=password)
            expect(answer["t"] == "ok", answer)
            token = answer["b"]["token"]
        self.token = token
        self.welcome = self.hello()

    def hello(self, **more):
        answer = self.ask("hello", token=self.token, key=self.key, caps=["audio", "video"],
                          client={"name": "test", "version": "1.0.0"}, **more)
        expect(answer["t"] == "welcome", answer)
        return answer["b"]

    def reconnect(self):
        self.socket.close()
        self.socket = self.server.connect()
        self.welcome = self.hello(resume=self.welcome["epoch"], last_sq=self.last_sq())

    def last_sq(self):
        return max([event["sq"] for event in self.events if "sq" in event], default=0)

    def ask(self, kind, call=None, seconds=PATIENCE, /, **body):
        self.number += 1
        frame = {"t": kind, "id": f"r{self.number}-{os.urandom(4).hex()}", "b": body}
        if call:
            frame["call"] = call
        self.socket.send(json.dumps(frame))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self.socket.json(until - time.monotonic())
            expect(answer is not None, f"{kind}: no answer")
            if answer.get("re") == frame["id"]:
                return answer
            self.events.append(answer)
        raise TimeoutError(kind)

    def good(self, kind, call=None, /, **body):
        answer = self.ask(kind, call, **body)
        expect(answer["t"] == "ok", (kind, answer))
        return answer["b"]

    def code(self, kind, call=None, /, **body):
        answer = self.ask(kind, call, **body)
        expect(answer["t"] == "err", (kind, answer))
        return answer["b"]["code"]

    def event(self, kind, seconds=PATIENCE, fits=lambda event: True):
        """The next of this kind that fits; it is taken out."""
        until = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event["t"] == kind and fits(event):
                    self.events.remove(event)
                    return event
            left = until - time.monotonic()
            frame = self.socket.json(left) if left > 0 else None
            expect(frame is not None, f"{self.name}: no {kind}; {self.events[-5:]}")
            self.events.append(frame)

    def none(self, kind):
        """Of what the server has sent by now: the answer to a request comes behind every event."""
        self.good("sync")
        found = [event for event in self.events if event["t"] == kind]
        expect(not found, f"{self.name} got {found}")

    def body(self, kind, call=None, to=None, text=None):
        """Signed where the call and the other account are said; the server does not look at that."""
        text = text or sdp(kind)
        if call:
            return ed25519.body(self.pair, call, kind, self.name, to, text)
        return {"type": kind, "sdp": text, "key": self.key,
                "sig": base64.b64encode(os.urandom(64)).decode()}

    def invite(self, to, media="a", call=None):
        call = call or str(uuid.uuid4())
        return call, self.ask("call.invite", call, to=to, media=media, body=self.body("offer", call, to))

    def state(self, call, st, seconds=PATIENCE):
        return self.event("call.state", seconds, lambda event: event["call"] == call and
                          event["b"]["st"] == st)

    def close(self):
        self.socket.close()
