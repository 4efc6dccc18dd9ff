#!/usr/bin/env python3
"""test_browser_example.py BUILD - examples/browser: its page in a real Chromium calls its server; what
the server refuses, and random lines. TAP on stdout; a screenshot of the call is left in BUILD.
SPDX-License-Identifier: MIT"""
import base64
import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
import browser  # noqa: E402
import network  # noqa: E402
from case import check as expect  # noqa: E402
from case import wait_for  # noqa: E402
from websocket import RemoteError, WebSocket  # noqa: E402

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
SERVER = os.path.join(BUILD, "examples", "browser-call")
LINE_BYTES_MAX = 65536
BAD_LINES_MAX = 20
FUZZ_LINES = 3000


class Server:
    def __init__(self, *options):
        command = [SERVER, "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        found = re.match(r"open (http://127\.0\.0\.1:(\d+)/) in a browser", line)
        expect(found, f"it printed {line!r}")
        self.url, self.port = found.group(1), int(found.group(2))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def connect(self, headers=None):
        same = f"Origin: http://127.0.0.1:{self.port}\r\n" \
               "Sec-WebSocket-Protocol: xcall-browser\r\n"
        return WebSocket(self.url, headers=same if headers is None else headers)

    def get(self, path, host=None, method="GET"):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        link.request(method, path, headers={"Host": host or f"127.0.0.1:{self.port}"})
        try:
            answer = link.getresponse()
        except http.client.RemoteDisconnected:
            return 0, {}, b""
        body = answer.read()
        link.close()
        return answer.status, answer.headers, body

    def stop(self, number=signal.SIGINT, seconds=60):
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=seconds)
        expect(self.process.returncode == 0,
               f"exit code {self.process.returncode}: {out}{errors[-3000:]}")
        return errors


class Tab:
    """The example's page in a browser."""

    def __init__(self, chromium, url):
        chromium.pages.url = url
        self.browser = chromium
        self.context = chromium.open()
        wait_for("the page", lambda: self.read("!!document.querySelector('#keys button')"), 60)

    def read(self, expression):
        return self.browser.evaluate(self.context, expression, 60)

    def text(self, name):
        return self.read(f"document.getElementById('{name}')?.textContent ?? ''")

    def number(self, name):
        try:
            return float(self.text(name))
        except ValueError:
            return -1.0

    def click(self, name):
        expect(self.read(f"(b => !b.disabled && (b.click(), true))"
                         f"(document.getElementById('{name}'))"), f"{name} cannot be clicked")

    def state(self):
        return self.read("document.getElementById('status').dataset.state")

    def wait_state(self, state, seconds=40):
        wait_for(f"{state}; it says {self.text('status')} {self.text('notes')}",
                 lambda: self.state() == state, seconds)

    def wait_more(self, name, least, seconds=40):
        wait_for(f"{name} of {least}", lambda: self.number(name) >= least, seconds)

    def wait_quiet(self, name, seconds=40):
        wait_for(f"{name} falls to 0", lambda: self.number(name) <= 0, seconds)

    def picture(self, name):
        """The whole page."""
        size = [self.read(f"document.documentElement.{side}") for side in ("scrollWidth", "scrollHeight")]
        answer = self.browser.remote.ask("Page.captureScreenshot", {
            "format": "png", "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}}, 60,
            sessionId=self.context[1])
        with open(os.path.join(BUILD, name), "wb") as file:
            file.write(base64.b64decode(answer["data"]))

    def close(self):
        self.browser.close_page(self.context)


def chromium():
    return browser.get("chromium", mdns=True)


# --- with a browser ----------------------------------------------------------------------------------

def both_ways(tab):
    tab.click("call")
    tab.wait_state("connected", 60)
    tab.wait_more("down-video-frames-received", 30)  # this page decodes
    tab.wait_more("up-video-frames-received", 30)  # the native end does
    tab.wait_more("up-audio-packets-received", 50)
    tab.wait_more("down-audio-packets-received", 50)
    wait_for("the native end's voice", lambda: tab.number("down-audio-level-received") > 0.01)
    wait_for("its meter", lambda: tab.read("document.getElementById('level-remote').value") > 0.2)
    wait_for("this page's sound", lambda: tab.number("up-audio-level-received") > 0.001)
    wait_for("a picture that plays", lambda: tab.read(
        "(v => v.videoWidth === 640 && v.currentTime > 1)(document.getElementById('remote'))"))
    expect(not tab.text("notes"), tab.text("notes"))


def chat(tab):
    wait_for("the greeting", lambda: "This is libxcall" in tab.text("chat"))
    tab.read("document.getElementById('chat-text').value = 'gr\u00fc\u00df dich'")
    tab.click("chat-send")
    wait_for("the echo", lambda: "you said: gr\u00fc\u00df dich" in tab.text("chat"))


def latency(tab):
    wanted = ["latency-down-encode-video-p50", "latency-down-encode-audio-p95",
              "latency-down-decode-video-p50", "latency-down-buffer-audio-p50",
              "latency-up-decode-video-p95", "latency-up-buffer-audio-p50",
              "latency-up-network-audio-p50", "latency-up-total-video-p50"]
    for name in wanted:
        wait_for(name, lambda: tab.number(name) >= 0)
        expect(tab.number(name) < 60000, f"{name} is {tab.text(name)}")
    expect(tab.text("down-video-codec-received") in ("VP8", "VP9"), "codec")
    expect(tab.text("down-audio-codec-received") == "opus", "codec")
    wait_for("its round trip", lambda: re.match(r"\d", tab.text("tile-rtt")))
    wait_for("pictures of 640 x 360",
             lambda: tab.text("down-video-size-received") == "640 \u00d7 360")


def controls(tab):
    tab.click("mute")
    wait_for("silence of this page", lambda: tab.number("up-audio-level-received") < 0.001)
    tab.click("mute")
    wait_for("its sound again", lambda: tab.number("up-audio-level-received") > 0.001)
    tab.click("hold")
    tab.wait_state("held")
    tab.wait_quiet("up-video-rate-received")
    tab.wait_quiet("down-video-rate-received")
    tab.click("hold")
    tab.wait_state("connected")
    tab.wait_more("up-video-rate-received", 5)
    tab.wait_more("down-video-rate-received", 5)
    shown = tab.read("document.getElementById('remote').currentTime")
    wait_for("the picture goes on", lambda: tab.read(
        f"document.getElementById('remote').currentTime > {shown} + 0.5"))
    wait_for("the voice goes on", lambda: tab.read("document.getElementById('level-remote').value") > 0.2)
    tab.read("document.querySelector('#keys button').click()")
    wait_for("a digit", lambda: tab.text("keys-sent") == "Sent: 1")


def screen(tab):
    """The dialogue needs a person; what it gives is drawn here."""
    tab.read("""navigator.mediaDevices.getDisplayMedia = async () => {
        const canvas = document.createElement('canvas');
        canvas.width = 800; canvas.height = 600;
        const pen = canvas.getContext('2d');
        let n = 0;
        setInterval(() => { pen.fillStyle = n++ % 2 ? '#a33' : '#3a3';
                            pen.fillRect(0, 0, 800, 600); }, 100);
        return canvas.captureStream(10);
    }""")
    tab.click("screen")
    tab.wait_more("up-screen-rate-received", 3)
    # A browser that is short of time makes it smaller, in the same shape.
    size = [int(side) for side in re.findall(r"\d+", tab.text("up-screen-size-received"))]
    expect(len(size) == 2 and abs(3 * size[0] - 4 * size[1]) <= 12, str(size))
    tab.click("screen")
    tab.wait_quiet("up-screen-rate-received")
    tab.click("screen")
    tab.wait_more("up-screen-rate-received", 3)


def hang_up(tab):
    tab.click("hang-up")
    tab.wait_state("idle")
    expect(tab.text("status") == "You hung up.", tab.text("status"))
    tab.click("call")
    tab.wait_state("connected", 60)
    tab.wait_more("down-video-frames-received", 10)


def test_call():
    with Server() as server:
        tab = Tab(chromium(), server.url)
        try:
            both_ways(tab)
            chat(tab)
            latency(tab)
            controls(tab)
            screen(tab)
            tab.picture("browser-example.png")
            hang_up(tab)
            errors = server.stop()
            wait_for("words for the end", lambda: tab.text("status") == "The server was stopped.")
            expect(not errors, errors[-2000:])
        except Exception:
            with contextlib.suppress(RemoteError):  # what failed is what is told
                tab.picture("browser-example-failed.png")
            raise
        finally:
            tab.close()


def test_without_devices():
    """Permission is refused, on a screen of a phone's size: drawn media, and words that say so."""
    with Server() as server:
        tab = Tab(chromium(), server.url)
        try:
            tab.read("""navigator.mediaDevices.getUserMedia =
                async () => { throw new DOMException('no', 'NotAllowedError'); }""")
            chromium().remote.ask("Emulation.setDeviceMetricsOverride", {
                "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
                sessionId=tab.context[1])
            tab.click("call")
            tab.wait_state("connected", 60)
            notes = tab.text("notes")
            expect("No microphone: permission was not given. Instead a chord is sent." in notes
                   and "No camera: permission was not given." in notes, notes)
            tab.wait_more("up-video-frames-received", 30)
            tab.wait_more("down-video-frames-received", 30)
            wait_for("the chord", lambda: tab.number("up-audio-level-received") > 0.01)
            wide = tab.read("document.documentElement.scrollWidth")
            expect(wide <= 390, f"the page is {wide} wide on a phone")
            tab.picture("browser-example-phone.png")
        finally:
            tab.close()
        server.stop(signal.SIGTERM)


def test_calls_are_limited():
    with Server("--calls", "1") as server:
        first, second = server.connect(), server.connect()
        first.send('{"type":"call"}')
        expect(json.loads(first.receive())["type"] == "ready", "no call")
        second.send('{"type":"call"}')
        refused = json.loads(second.receive())
        expect(refused["type"] == "refused" and "All 1 calls" in refused["text"], str(refused))
        first.send('{"type":"call"}')
        expect(await_line(first, "error")["text"].endswith("this page has a call already."), "two")
        first.close()  # its call ends with it, and its place is free
        wait_for("a free place", lambda: ask(second) == "ready")
        second.close()
        server.stop()


def await_line(link, kind):
    while True:
        line = json.loads(link.receive())
        if line["type"] == kind:
            return line


def ask(link):
    link.send('{"type":"call"}')
    return json.loads(link.receive())["type"]


# --- what is refused ---------------------------------------------------------------------------------

def test_files():
    with Server() as server:
        for path, kind in (("/", "text/html"), ("/index.html", "text/html"),
                           ("/page.js", "text/javascript"), ("/stats.js", "text/javascript"),
                           ("/page.css", "text/css")):
            code, headers, body = server.get(path)
            expect(code == 200 and headers["content-type"].startswith(kind), f"{path}: {code}")
            expect("default-src 'self'" in headers["content-security-policy"], path)
            name = "index.html" if path == "/" else path[1:]
            with open(os.path.join(ROOT, "examples", "browser", name), "rb") as file:
                expect(file.read() == body, f"{path} is not {name}")
        for path in ("/nothing", "/../server.c", "/page.js/", "/a" * 3000):
            code = server.get(path)[0]
            expect(code in (0, 400, 403, 404, 414, 431), f"{path[:20]}: {code}")
        expect(server.get("/", method="HEAD")[0] != 200, "HEAD")
        expect(server.get("/", host="evil.example")[0] == 403, "a foreign host")
        expect(server.get("/", host=f"localhost:{server.port}")[0] == 200, "localhost")
        server.stop()


def test_origin():
    with Server() as server:
        port, sub = server.port, "Sec-WebSocket-Protocol: xcall-browser\r\n"
        for origin in ("http://evil.example", f"http://127.0.0.1:{port}.evil.example", "null",
                       "http://127.0.0.1", f"http://localhost:{port}", None):
            headers = sub + (f"Origin: {origin}\r\n" if origin else "")
            try:
                server.connect(headers).close()
            except (OSError, ConnectionError):
                continue
            raise AssertionError(f"Origin {origin} was let in")
        try:
            server.connect(f"Origin: http://127.0.0.1:{port}\r\n").close()
            raise AssertionError("a WebSocket without the protocol was let in")
        except (OSError, ConnectionError):
            pass
        server.connect().close()
        server.stop()


def closed(link):
    """The server's side of it is closed, whatever it says before."""
    link.socket.settimeout(60)
    while link.receive() is not None:
        pass
    return True


def test_long_and_bad_lines():
    with Server() as server:
        link = server.connect()
        link.send("x" * LINE_BYTES_MAX)  # just fits, and is no JSON
        expect("no JSON" in json.loads(link.receive())["text"], "no words")
        link.send("x" * (LINE_BYTES_MAX + 1))
        expect(closed(link), "too long")
        link = server.connect()
        for _ in range(BAD_LINES_MAX + 1):
            link.send('{"type":"offer","sdp":"v=0"}')
        expect(closed(link), "too many bad lines")
        link = server.connect()
        link.send("{}", opcode=2)
        expect(closed(link), "binary")
        server.stop()


def random_line(numbers):
    """Something near to what a page says."""
    kinds = ["call", "offer", "answer", "candidate", "hangup", "dtmf", "state", "", "\u0000", 7, None]
    texts = ["", "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
             "m=video 0 x\r\n" * 200, "candidate:1 1 udp 1 10.0.0.1 1 typ host", "a" * 5000, "123#*,",
             "\ud83d\ude00", "candidate:" + "9" * 300]
    value = numbers.choice([lambda: numbers.choice(texts), lambda: numbers.randint(-9, 1 << 40),
                            lambda: [], lambda: {"x": {}}, lambda: None, lambda: True])
    line = {"type": numbers.choice(kinds)}
    for name in ("sdp", "candidate", "digits", "sdpMid", "sdpMLineIndex"):
        if numbers.random() < 0.6:
            line[name] = value()
    text = json.dumps(line, ensure_ascii=numbers.random() < 0.8)
    if numbers.random() < 0.4:
        at = numbers.randrange(len(text))
        text = text[:at] + numbers.choice(["", "\"", "{", "[" * 3000, "\u0001", "}"]) + \
            text[at + numbers.randrange(4):]
    return text


def test_random_lines():
    numbers, link = random.Random(3), None
    with Server() as server:
        for _ in range(FUZZ_LINES):
            if not link or numbers.random() < 0.02:
                if link:
                    link.close()
                link = server.connect()
            try:
                link.send(random_line(numbers))
            except (OSError, UnicodeEncodeError):
                link.close()
                link = None
        # The bytes of frames too, not only their text.
        for _ in range(60):
            raw = server.connect().socket
            try:
                raw.sendall(bytes(numbers.randrange(256) for _ in range(numbers.randrange(1, 400))))
            except OSError:
                pass
            raw.close()
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
                raw.sendall(b"GET / HTTP/1.1\r\n" + bytes(
                    numbers.randrange(256) for _ in range(numbers.randrange(300))))
        expect(server.process.poll() is None, "it ended")
        last = server.connect()
        wait_for("a call after all that", lambda: ask(last) == "ready")
        last.close()
        server.stop()


def run(*options):
    done = subprocess.run([SERVER, *options], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def test_options():
    code, out, errors = run("--help")
    expect(code == 0 and "--listen ADDRESS:PORT" in out and not errors, errors)
    for options in (["--listen", "here"], ["--listen", "127.0.0.1:99999"], ["--calls", "0"],
                    ["--calls", "65"], ["--unknown"], ["more"], ["--audio-in", "/nothing.wav"],
                    ["--log", "loud"], ["--listen", "192.0.2.1:0"]):
        code, out, errors = run(*options)
        expect(code == 2 and not out and errors, f"{options}: {code} {out}{errors}")
    with Server() as server:
        code, _, errors = run("--listen", f"127.0.0.1:{server.port}")
        expect(code == 2 and "Address already in use" in errors, f"{code} {errors}")
        server.stop()


def test_script():
    """run.sh prints the address and ends with its server."""
    script = os.path.join(ROOT, "examples", "browser", "run.sh")
    process = subprocess.Popen([script, "--port", "0", "--build", BUILD], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    found = None
    for line in process.stdout:
        found = re.match(r"open (http://127\.0\.0\.1:\d+/)", line)
        if found:
            break
    expect(found, "no address")
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    expect(process.returncode == 0, f"{process.returncode} {rest}")


def main():
    if not os.path.exists(SERVER):
        print("ok - browser example # skip not built: libwebsockets-dev is missing")
        sys.exit(0)
    network.enter()
    failed = 0
    tests = [(name, call) for name, call in list(globals().items()) if name.startswith("test_")]
    try:
        for name, call in tests:
            if len(sys.argv) > 2 and name[5:] not in sys.argv[2:]:
                continue
            start, problem = time.monotonic(), None
            try:
                call()
            except Exception as error:  # whatever it is: the test failed
                problem = f"{type(error).__name__}: {error}"
            failed += bool(problem)
            print(f"{'not ok' if problem else 'ok'} - {name[5:]} "
                  f"({time.monotonic() - start:.1f} s)", flush=True)
            for line in (problem or "").splitlines()[-20:]:
                print(f"# {line}", flush=True)
    finally:
        browser.close_all()
    sys.exit(1 if failed else 0)


main()
