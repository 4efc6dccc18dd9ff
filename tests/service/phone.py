"""phone.py - xcall-phone for a test: a process with commands in and JSON lines out.
SPDX-License-Identifier: MIT"""
import json
import os
import queue
import subprocess
import threading
import time

from server import BUILD, PATIENCE, Failed, expect

PHONE = os.path.join(BUILD, "examples", "xcall-phone")


class Phone:
    """token: of `xcalld admin token`; password: signs up. Events that nobody took wait in .events."""

    def __init__(self, server, name, *options, token=None, password=None, bind="127.0.0.1",
                 prefix=(), url=None):
        self.name, self.events, self.lines = name, [], queue.Queue()
        self.all = []
        command = [*prefix, PHONE, "--json", "--url", url or server.url]
        if bind:
            command += ["--bind", bind]
        if server.tls:
            command += ["--ca-file", server.cert]
        if token:
            path = os.path.join(server.folder, f"token-{name}-{time.monotonic_ns()}")
            with open(path, "w", encoding="ascii") as file:
                file.write(token + "\n")
            command += ["--token-file", path]
        self.process = subprocess.Popen([*command, *options], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.errors = ""
        self.readers = [threading.Thread(target=read, daemon=True)
                        for read in (self._read, self._read_errors)]
        for reader in self.readers:
            reader.start()
        server.sockets.append(self)
        if password:
            self.say(f"sign-up {name}", password)
        if token or password:
            self.event("online")

    def _read(self):
        for line in self.process.stdout:
            try:
                self.lines.put(json.loads(line))
            except ValueError:
                self.lines.put({"event": "text", "text": line})
        self.lines.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors += line

    def stats(self):
        self.say("stats")
        return self.event("stats")

    def received(self):
        """(packets of sound, pictures) so far."""
        figures = self.stats()
        return figures["audio_received"]["packets_received"], figures["video_received"]["frames_decoded"]

    def say(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def event(self, kind, seconds=PATIENCE, **wanted):
        """The next event of this kind with these members; it is taken out."""
        until = time.monotonic() + seconds
        fits = lambda event: event["event"] == kind and all(event.get(key) == value
                                                            for key, value in wanted.items())
        while True:
            for event in self.events:
                if fits(event):
                    self.events.remove(event)
                    return event
            try:
                event = self.lines.get(timeout=max(0.001, until - time.monotonic()))
            except queue.Empty:
                event = None
            if event is None:
                raise Failed(f"{self.name}: no {kind} {wanted or ''}; it said {self.all[-8:]} "
                             f"{self.errors[-400:]}")
            self.events.append(event)
            self.all.append(event)

    def none(self, kind, seconds=0.5):
        try:
            event = self.event(kind, seconds)
        except Failed:
            return
        raise Failed(f"{self.name} said {event}")

    def done(self, *lines):
        """Requests that have no other answer than that they were done."""
        for line in lines:
            self.say(line)
            self.event("done")

    def answer(self, line):
        """What a request that answers values and lists said: {key: value or list}."""
        self.say(line, "help") # which is read when the request is answered
        return self.until_help(line)

    def until_help(self, line):
        found, of = {}, None
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                event = self.events.pop(0) if self.events else self.lines.get(timeout=PATIENCE)
            except queue.Empty:
                break
            expect(event, f"{line}: {self.errors[-300:]}")
            if event["event"] == "help":
                while not (event["event"] == "help" and event["command"].startswith("quit")):
                    event = self.lines.get(timeout=PATIENCE)
                return found
            if event["event"] == "value":
                found[event["key"]] = event["value"]
            elif event["event"] == "list":
                of = event["of"]
                found[of] = []
            elif event["event"] == "item":
                found[of] += [event["item"]] if "item" in event else []
            elif event["event"] in ("error", "wrong"):
                raise Failed(f"{line}: {event}")
        raise Failed(f"{line}: no end of it")

    def finish(self, *lines, seconds=PATIENCE):
        """The exit code, after these last lines and the end of the input."""
        try:
            self.say(*lines)
            self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} does not end; it said {self.all[-8:]}") from None
        for reader in self.readers:
            reader.join(PATIENCE)
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
