"""browser.py - headless Chromium and Firefox: started once, a fresh page for each case.

Chromium is driven by its DevTools protocol, Firefox by WebDriver BiDi; both are JSON over a
WebSocket. The page comes from an HTTP server on 127.0.0.1 (a secure context). Firefox's AudioContext
needs a sound device: a PulseAudio of the test's own with a null sink.
SPDX-License-Identifier: MIT"""
import base64
import functools
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import network
from case import Failed, Missing
from websocket import Remote, RemoteError

HERE = os.path.dirname(os.path.abspath(__file__))
START_SECONDS = 60

CHROMIUM = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-extensions", "--disable-default-apps", "--disable-dev-shm-usage",
            "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
            "--disable-backgrounding-occluded-windows", "--mute-audio", "--no-proxy-server",
            "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream", "--remote-debugging-port=0",
            "--window-size=1300,900"]

FIREFOX = {"media.peerconnection.ice.obfuscate_host_addresses": False,
           "media.navigator.streams.fake": True, "media.navigator.permission.disabled": True,
           "media.autoplay.default": 0, "media.autoplay.blocking_policy": 0,
           "media.peerconnection.mtransport_process": False,
           "network.process.enabled": False,
           "media.gmp-manager.updateEnabled": False, "media.gmp-provider.enabled": False,
           "app.update.enabled": False, "browser.shell.checkDefaultBrowser": False,
           "browser.startup.homepage_override.mstone": "ignore",
           "datareporting.policy.dataSubmissionEnabled": False,
           "toolkit.telemetry.reportingpolicy.firstRun": False,
           "browser.tabs.remote.autostart": True, "dom.min_background_timeout_value": 4,
           "dom.timeout.enable_budget_timer_throttling": False, "network.proxy.type": 0,
           "remote.prefs.recommended": True, "network.captive-portal-service.enabled": False,
           "network.connectivity-service.enabled": False, "media.webrtc.hw.h264.enabled": False}


def start(command, log, env=None):
    with open(log, "wb") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                start_new_session=True, env=env)


def end(process):
    """The whole group, which is of our own making."""
    for number, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except (OSError, subprocess.TimeoutExpired):
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass


def wait_log(process, log, pattern, what):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        found = re.search(pattern, text)
        if found:
            return found.group(1)
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise Failed(f"{what} did not start: {text[-600:]}")


class Pages:
    """Serves the page's files on 127.0.0.1."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def __init__(self):
        handler = functools.partial(self.Handler, directory=HERE)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/page.html"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Browser:
    name = program = ""

    def __init__(self, mdns=False, devices=True):
        if not shutil.which(self.program):
            raise Missing(f"the package {self.program} cannot be had")
        self.mdns = mdns  # host addresses hidden behind .local names, as by default
        self.devices = devices  # Chromium: made-up camera and microphone, granted without a question
        self.folder = tempfile.mkdtemp(prefix=f"xcall_{self.name}_")
        self.log = os.path.join(self.folder, "log")
        self.pages = Pages()
        self.process = self.remote = None
        try:
            self.launch()
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.remote:
            self.remote.close()
        if self.process:
            end(self.process)
        self.pages.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Chromium(Browser):
    name = program = "chromium"

    def launch(self):
        features = "--disable-features=MediaRouter,Translate"
        flags = [flag for flag in CHROMIUM if self.devices or "media-stream" not in flag]
        command = [self.program, *flags, f"--user-data-dir={self.folder}/profile",
                   features + ("" if self.mdns else ",WebRtcHideLocalIpsWithMdns")]
        if network.on_loopback():
            command.append("--allow-loopback-in-peer-connection")
        env = {key: value for key, value in os.environ.items() if key != "PULSE_SERVER"}
        self.process = start(command + ["about:blank"], self.log, env)
        self.remote = Remote(wait_log(self.process, self.log, r"DevTools listening on (ws://\S+)",
                                      "chromium"))
        self.version = self.remote.ask("Browser.getVersion")["product"]

    def open(self):
        target = self.remote.ask("Target.createTarget", {"url": "about:blank", "newWindow": True})
        session = self.remote.ask("Target.attachToTarget",
                                  {"targetId": target["targetId"], "flatten": True})["sessionId"]
        self.remote.ask("Page.enable", sessionId=session)
        self.remote.ask("Page.navigate", {"url": self.pages.url}, sessionId=session)
        return target["targetId"], session

    def evaluate(self, context, expression, seconds):
        result = self.remote.ask("Runtime.evaluate", {
            "expression": expression, "awaitPromise": True, "returnByValue": True,
            "userGesture": True}, seconds, sessionId=context[1])
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RemoteError(details.get("exception", {}).get("description")
                              or str(details.get("exception", {}).get("value", details["text"])))
        return result["result"].get("value")

    def screenshot(self, context):
        return base64.b64decode(self.remote.ask("Page.captureScreenshot", {"format": "png"}, 10,
                                                sessionId=context[1])["data"])

    def close_page(self, context):
        self.remote.ask("Target.closeTarget", {"targetId": context[0]}, 10)


class Sound:
    """A PulseAudio with one null sink that only this test knows of."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "pulse")
        os.makedirs(self.folder, mode=0o700)
        path = os.path.join(self.folder, "native")
        env = {**os.environ, "HOME": self.folder, "XDG_RUNTIME_DIR": self.folder,
               "PULSE_RUNTIME_PATH": self.folder, "PULSE_STATE_PATH": self.folder}
        env.pop("PULSE_SERVER", None)
        self.process = start(
            ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
             "--disallow-exit", "--realtime=no", "--high-priority=no",
             "-L", f"module-native-protocol-unix auth-anonymous=1 socket={path}",
             "-L", "module-null-sink rate=48000"], os.path.join(folder, "pulse.log"), env)
        self.server = f"unix:{path}"
        until = time.monotonic() + START_SECONDS
        while not os.path.exists(path):
            if time.monotonic() > until or self.process.poll() is not None:
                raise Failed("pulseaudio did not start")
            time.sleep(0.05)

    def close(self):
        end(self.process)


class Firefox(Browser):
    name, program = "firefox", "firefox-esr"
    sound = None

    def launch(self):
        self.sound = Sound(self.folder)
        profile = os.path.join(self.folder, "profile")
        os.makedirs(profile)
        settings = {**FIREFOX}
        settings["media.peerconnection.ice.obfuscate_host_addresses"] = self.mdns
        if network.on_loopback():
            settings["media.peerconnection.ice.loopback"] = True
        with open(os.path.join(profile, "user.js"), "w", encoding="utf-8") as file:
            for key, value in settings.items():
                file.write(f"user_pref({json.dumps(key)}, {json.dumps(value)});\n")
        env = {**os.environ, "PULSE_SERVER": self.sound.server, "HOME": self.folder,
               "MOZ_CRASHREPORTER_DISABLE": "1", "MOZ_DISABLE_CONTENT_SANDBOX": "1"}
        self.process = start([self.program, "--headless", "--remote-debugging-port", "0",
                              "--profile", profile, "--no-remote", "about:blank"], self.log, env)
        url = wait_log(self.process, self.log, r"WebDriver BiDi listening on (ws://\S+)", "firefox")
        self.remote = Remote(url + "/session")
        made = self.remote.ask("session.new", {"capabilities": {}}, START_SECONDS)
        self.version = "Firefox/" + made["capabilities"].get("browserVersion", "")

    def open(self):
        context = self.remote.ask("browsingContext.create", {"type": "tab"})["context"]
        self.remote.ask("browsingContext.navigate",
                        {"context": context, "url": self.pages.url, "wait": "complete"})
        return context

    def evaluate(self, context, expression, seconds):
        result = self.remote.ask("script.evaluate", {
            "expression": expression, "target": {"context": context}, "awaitPromise": True,
            "resultOwnership": "none", "userActivation": True}, seconds)
        if result["type"] == "exception":
            raise RemoteError(result["exceptionDetails"]["text"])
        return result["result"].get("value")

    def screenshot(self, context):
        return base64.b64decode(self.remote.ask("browsingContext.captureScreenshot",
                                                {"context": context}, 10)["data"])

    def close_page(self, context):
        self.remote.ask("browsingContext.close", {"context": context}, 10)

    def close(self):
        super().close()
        if self.sound:
            self.sound.close()


KINDS = {"chromium": Chromium, "firefox": Firefox}
_running = {}


def get(name, mdns=False, devices=True):
    """The browser of this name, started when it is not running."""
    key = (name, mdns, devices)
    if key not in _running:
        for other in [kept for kept in _running if kept != key]:
            _running.pop(other).close()  # one at a time: a browser is a heavy thing
        _running[key] = KINDS[name](mdns, devices)
    return _running[key]


def discard(browser):
    """After a failure: the next case starts a fresh one."""
    for key in [key for key, value in _running.items() if value is browser]:
        _running.pop(key)
        browser.close()


def close_all():
    while _running:
        _running.popitem()[1].close()


class Page:
    """A tab with page.js in it; each function of `page` there is a call()."""

    def __init__(self, browser):
        self.browser = browser
        self.context = browser.open()
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                if browser.evaluate(self.context, "typeof page", 20) == "object":
                    break
            except RemoteError:
                pass
            if time.monotonic() > until:
                raise Failed("the page does not load")
            time.sleep(0.05)

    def call(self, function, *arguments, seconds=60):
        """Awaits page.function(...arguments); what goes there and comes back is JSON."""
        listed = ", ".join(json.dumps(argument) for argument in arguments)
        text = self.browser.evaluate(
            self.context, f"(async () => JSON.stringify((await page.{function}({listed})) ?? null))()",
            seconds)
        return json.loads(text)

    def screenshot(self):
        return self.browser.screenshot(self.context)

    def close(self):
        try:
            self.browser.close_page(self.context)
        except RemoteError:
            discard(self.browser)
