"""web_driver.py - the web page in headless Chromium: each Tab has a profile of its own (cookies, storage,
keys), and is driven as a person would: by what is seen and by its controls.
SPDX-License-Identifier: MIT"""
import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(HERE), "interop"))
import browser as interop  # noqa: E402
from server import BUILD, XCALLD, Failed, Server, expect, run_tests, wait_for  # noqa: E402
from web_proxy import Proxy  # noqa: E402

RealRemote = interop.Remote
PASSWORD = "correct horse battery"
PHONE, DESKTOP = (360, 740), (1280, 800)

# What the page does not say of itself: its peer connections, for their statistics.
WATCH = """(() => {
  const Real = window.RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...a) { super(...a); window.peers.push(this); }
  };
  window.problems = [];
  window.said = []; // to the service
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) { window.said.push(JSON.parse(text)); send.call(this, text); };
  addEventListener('error', event => window.problems.push(String(event.message)));
  addEventListener('unhandledrejection', event => window.problems.push(String(event.reason?.stack ?? event.reason)));
  addEventListener('securitypolicyviolation', event => window.problems.push('csp: ' + event.violatedDirective));
})();"""

STATS = """(async () => {
  const peer = window.peers.at(-1);
  if (!peer) return null;
  const found = {audio: 0, energy: 0, frames: 0, sent: 0, state: peer.connectionState, videos: 0, pairs: []};
  const report = await peer.getStats();
  for (const one of report.values()) {
    if (one.type === 'inbound-rtp' && one.kind === 'audio') {
      found.audio = one.packetsReceived; found.energy = one.totalAudioEnergy ?? 0;
    } else if (one.type === 'inbound-rtp' && one.kind === 'video') {
      found.frames += one.framesDecoded ?? 0; found.videos++;
    } else if (one.type === 'outbound-rtp' && one.kind === 'audio') found.sent = one.packetsSent;
    else if (one.type === 'candidate-pair' && one.nominated)
      found.pairs.push([report.get(one.localCandidateId)?.candidateType,
                        report.get(one.remoteCandidateId)?.candidateType]);
  }
  return found;
})()"""

SEEN = """(selector => {
  const element = document.querySelector(selector);
  if (!element) return false;
  return element.checkVisibility({visibilityProperty: true});
})"""


class Tunnel:
    """A port here for one of 127.0.0.1 in another network namespace (spaces.Space)."""

    def __init__(self, space, port):
        self.space, self.to = space, port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            here = self.server.accept()[0]
            there = self.space.socket(socket.SOCK_STREAM)
            there.connect(("127.0.0.1", self.to))
            for source, to in ((here, there), (there, here)):
                threading.Thread(target=self.copy, args=(source, to), daemon=True).start()

    @staticmethod
    def copy(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Chromium(interop.Chromium):
    """more: flags. space: the network that it runs in."""

    def __init__(self, more=(), space=None):
        self.more, self.space = list(more), space
        super().__init__()

    def launch(self):
        kept = interop.CHROMIUM, interop.start, interop.Remote
        interop.CHROMIUM = [*interop.CHROMIUM, *self.more]
        if self.space:
            interop.start = lambda command, log, env: kept[1]([*self.space.prefix, *command], log, env)
            interop.Remote = self.through
        try:
            super().launch()
        finally:
            interop.CHROMIUM, interop.start, interop.Remote = kept

    def through(self, url):
        port = int(re.search(r":(\d+)/", url).group(1))
        return RealRemote(url.replace(f":{port}/", f":{Tunnel(self.space, port).port}/"))


class Tab:
    def __init__(self, chromium, url, size=PHONE, profile=None):
        self.remote, self.url = chromium.remote, url
        self.profile = profile or self.remote.ask("Target.createBrowserContext")["browserContextId"]
        target = self.remote.ask("Target.createTarget", {
            "url": "about:blank", "browserContextId": self.profile, "newWindow": True})
        self.target = target["targetId"]
        self.session = self.remote.ask("Target.attachToTarget", {
            "targetId": self.target, "flatten": True})["sessionId"]
        for method in ("Page.enable", "Runtime.enable", "Accessibility.enable"):
            self.ask(method)
        self.ask("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        self.name = None
        self.resize(size)
        self.go(url)

    def ask(self, method, seconds=30, **params):
        return self.remote.ask(method, params, seconds, sessionId=self.session)

    def go(self, url):
        self.ask("Page.navigate", url=url)
        wait_for(f"the page of {url}", lambda: self.safe("document.readyState === 'complete' && "
                                                         "!!document.getElementById('signin')"), 30)

    def reload(self):
        self.ask("Page.reload")
        time.sleep(0.5)
        try: # in a call the page asks first
            self.ask("Page.handleJavaScriptDialog", 5, accept=True)
        except interop.RemoteError:
            pass
        time.sleep(0.3)
        wait_for("the page again", lambda: self.safe("document.readyState === 'complete' && "
                                                     "!document.getElementById('home').hidden"), 30)

    def resize(self, size):
        self.size = size
        self.ask("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                 deviceScaleFactor=1, mobile=False)

    def dark(self, on):
        self.ask("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def js(self, expression, seconds=20):
        result = self.ask("Runtime.evaluate", seconds, expression=expression, awaitPromise=True,
                          returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise Failed(f"{expression[:100]}: " + (details.get("exception", {}).get("description") or
                                                    details["text"]))
        return result["result"].get("value")

    def safe(self, expression):
        try:
            return self.js(expression, 5)
        except (Failed, interop.RemoteError):
            return None

    # --- what is seen -----------------------------------------------------------------------------

    def seen(self, selector):
        return self.js(f"{SEEN}({json.dumps(selector)})")

    def text(self, selector):
        return self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def wait(self, selector, seconds=15):
        return wait_for(f"{self.name}: {selector} is seen", lambda: self.seen(selector), seconds)

    def wait_gone(self, selector, seconds=15):
        return wait_for(f"{self.name}: {selector} is gone", lambda: not self.seen(selector), seconds)

    def wait_text(self, selector, words, seconds=15):
        try:
            return wait_for(f"{self.name}: {words!r} in {selector}",
                            lambda: words in self.text(selector), seconds)
        except Failed as error:
            raise Failed(f"{error}; it says {self.text(selector)!r}") from None

    def stats(self):
        return self.js(STATS) or {}

    # --- what a person does -----------------------------------------------------------------------

    def click(self, selector):
        wait_for(f"{self.name}: {selector} can be clicked", lambda: self.seen(selector) and self.js(
            f"!document.querySelector({json.dumps(selector)}).disabled"), 10)
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def fill(self, selector, text):
        self.wait(selector)
        self.js(f"(e => {{ e.focus(); e.value = {json.dumps(text)}; }})"
                f"(document.querySelector({json.dumps(selector)}))")

    KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), " ": (32, " "),
            "ArrowRight": (39, ""), "ArrowLeft": (37, "")}

    def key(self, name, shift=False):
        code, text = self.KEYS[name]
        common = {"key": name, "code": "Space" if name == " " else name, "windowsVirtualKeyCode": code,
                  "modifiers": 8 if shift else 0}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def write(self, text):
        self.ask("Input.insertText", text=text)

    def focused(self):
        return self.js("document.activeElement?.id || document.activeElement?.dataset.name || "
                       "document.activeElement?.tagName")

    def tab_to(self, wanted, steps=60):
        """With the tabulator key alone."""
        for _ in range(steps):
            if self.focused() == wanted:
                return
            self.key("Tab")
        raise Failed(f"{self.name}: the keyboard does not reach {wanted}; it is at {self.focused()}")

    # --- whole steps ------------------------------------------------------------------------------

    def sign(self, name, create=True, keep=True):
        self.name = name
        self.wait("#signin-form")
        self.click("#tab-new" if create else "#tab-in")
        self.fill("#name", name)
        self.fill("#password", PASSWORD)
        self.js(f"document.getElementById('keep').checked = {json.dumps(keep)}")
        self.click("#signin-go")
        self.online()
        return self

    def online(self, seconds=30):
        wait_for(f"{self.name} is online", lambda: self.seen("#home") and self.text("#link") == "Online",
                 seconds)

    def open(self, name):
        if not self.seen("#add-form"):
            self.click("#nav-people")
        self.fill("#add-name", name)
        self.click("#add-go")
        self.wait_text("#person-name", name)

    def say(self, text):
        self.fill("#message-text", text)
        self.click("#message-send")
        self.wait_text("#messages", text)

    def allow(self, *kinds):
        """Of everyone, verified, following, contacts."""
        self.click("#nav-settings")
        wait_for("the settings", lambda: self.text("#s-sum"))
        for kind in ("everyone", "verified", "following", "contacts"):
            box = f"document.getElementById('s-{kind}')"
            if self.js(f"{box}.checked") != (kind in kinds):
                before = self.text("#s-sum")
                self.js(f"{box}.click()")
                # one more kind beside "everyone" changes no words
                wait_for(f"{kind} is set", lambda: self.js(f"{box}.checked") == (kind in kinds) and (
                    self.text("#s-sum") != before or "everyone" in kinds), 5)
        self.click("#nav-people")

    def call(self, video=False):
        self.click("#call-video" if video else "#call-audio")

    def refused(self, words):
        """The call that was just placed is refused, with these words."""
        self.wait_text("#call-state", words)
        expect(self.js("document.getElementById('call').dataset.state") == "ended", "it goes on")
        self.click("#call-close")
        self.wait_gone("#call")

    def accept(self, video=False):
        self.wait("#incoming")
        self.click("#accept-video" if video else "#accept-audio")

    def in_call(self, seconds=30):
        wait_for(f"{self.name} is in a call",
                 lambda: self.js("document.getElementById('call').dataset.state") == "active" and
                 self.seen("#call"), seconds)

    def hears(self, seconds=15):
        before = self.stats()
        wait_for(f"{self.name} hears", lambda: self.stats()["energy"] > before["energy"] + 1e-5 and
                 self.stats()["audio"] > before["audio"] + 20, seconds)

    def sees(self, seconds=20):
        wait_for(f"{self.name} is shown a picture", lambda: self.js(
            "!document.getElementById('remote').hidden && "
            "document.getElementById('remote').videoWidth > 0"), seconds)
        before = self.stats()["frames"]
        wait_for(f"{self.name} sees", lambda: self.stats()["frames"] > before + 10, seconds)

    def hang_up(self):
        self.click("#hang-up")

    def ended(self, words, seconds=20):
        self.wait_text("#call-state", words, seconds)
        self.click("#call-close")
        self.wait_gone("#call")

    def shot(self, name):
        """A picture, kept in the build folder."""
        folder = os.path.join(BUILD, "service")
        os.makedirs(folder, exist_ok=True)
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        with open(os.path.join(folder, f"{name}.png"), "wb") as file:
            file.write(base64.b64decode(data))

    def close_tab(self):
        self.remote.ask("Target.closeTarget", {"targetId": self.target}, 10)

    def close(self):
        try:
            self.remote.ask("Target.disposeBrowserContext", {"browserContextId": self.profile}, 10)
        except interop.RemoteError:
            pass


QUICK = ["hash_memory_mib = 8"]
SOURCES = os.environ.get("XCALL_PAGE")  # a folder whose files are shown instead of the built-in ones


def admin(server, *words):
    done = subprocess.run([XCALLD, "admin", *words, "--store", server.store], capture_output=True,
                          text=True, timeout=20)
    expect(done.returncode == 0, (words, done.returncode, done.stdout, done.stderr))
    return [json.loads(line) for line in done.stdout.splitlines()]


class World:
    """A server, a proxy before it, and tabs; a failure leaves pictures of them."""

    browser = None

    def __init__(self, config=(), change=None, chromium=None):
        self.config = [*QUICK, *config]
        self.server = Server(config=self.config)
        self.proxy = Proxy(self.server.port, change, SOURCES)
        self.url = f"http://127.0.0.1:{self.proxy.port}/"
        self.tabs = []
        if not chromium and not World.browser:
            World.browser = Chromium()
        self.chromium = chromium or World.browser

    def tab(self, name, create=True, **more):
        made = Tab(self.chromium, self.url, **more)
        self.tabs.append(made)
        return made.sign(name, create) if name else made

    def two(self, friends=True, **more):
        """alice and bob, who may call each other."""
        alice, bob = self.tab("alice", **more), self.tab("bob", **more)
        if friends:
            self.make_friends()
        alice.open("bob")
        bob.open("alice")
        return alice, bob

    def make_friends(self):
        for one, two in (("alice", "bob"), ("bob", "alice")):
            admin(self.server, "follow", one, two)
            admin(self.server, "message", one, two)

    def connect(self, caller, callee, video=False):
        caller.call(video)
        callee.accept(video)
        caller.in_call()
        callee.in_call()

    def kill(self):
        """kill -9, and the same store served again."""
        self.server.process.kill()
        self.server.process.communicate()

    def start_again(self):
        before = self.server
        self.server = Server(config=self.config, folder=before.folder)
        self.server.own, before.own = before.own, False
        self.proxy.port_behind = self.server.port

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind:
            for number, tab in enumerate(self.tabs):
                try:
                    tab.shot(f"failed-{number}-{tab.name}")
                    print(f"# {tab.name}: {tab.js('window.problems')} {tab.text('body')[:300]!r}")
                except (Failed, interop.RemoteError):
                    pass
        problems = [tab.safe("window.problems") for tab in self.tabs] if not kind else []
        for tab in self.tabs:
            tab.close()
        self.proxy.close()
        self.server.__exit__(kind, error, trace)
        expect(not any(problems), problems)


def main(tests):
    """run_tests, with the browser ended behind it."""
    try:
        run_tests(tests, sys.argv[2:])
    finally:
        if World.browser:
            World.browser.close()
