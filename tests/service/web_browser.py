"""web_browser.py - headless Chromium for the web page's tests, driven by Playwright: playwright_bridge.mjs is the node
program that does it, one for each browser, also in a network namespace; this is its other end.
SPDX-License-Identifier: MIT"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading

from server import BUILD, Failed, Skipped

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(BUILD, "service")  # node_modules is here; tests/runner/playwright.py puts it there

FLAGS = ["--disable-gpu", "--disable-quic", "--no-proxy-server", "--autoplay-policy=no-user-gesture-required",
         "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
         "--allow-loopback-in-peer-connection"]


def alone(address):
    """Flags: nothing but this is to be asked for anything; names are not looked up, certificates not judged."""
    return ["--ignore-certificate-errors", f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {address}"]


def version_in(folder):
    """Of playwright-core there, None where there is none."""
    try:
        with open(os.path.join(folder, "node_modules", "playwright-core", "package.json"), encoding="utf-8") as file:
            return json.load(file)["version"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError) as error:
        raise Failed(f"playwright-core in {folder} is broken: {error}") from None


def need():
    """What these tests need and cannot make: without it they are skipped."""
    with open(os.path.join(HERE, "package.json"), encoding="utf-8") as file:
        wanted = json.load(file)["devDependencies"]["playwright-core"]
    if not shutil.which("node"):
        raise Skipped("the page's tests need node (Debian's package nodejs)")
    if not shutil.which("chromium"):
        raise Skipped("the page's tests need Chromium (Debian's package chromium)")
    if version_in(FOLDER) != wanted:
        raise Skipped(f"the page's tests need playwright-core {wanted} in {os.path.join(FOLDER, 'node_modules')}: "
                      "./tests/run.sh service gets it from npm")


class Chromium:
    """more: flags. space: the network that it and its bridge run in (spaces.Space). Any thread may ask."""

    def __init__(self, more=(), space=None):
        need()
        self.lock, self.changed = threading.Lock(), threading.Condition()
        self.last, self.answers, self.gone = 0, {}, False
        self.log = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        env = {key: value for key, value in os.environ.items() if key not in ("PULSE_SERVER", "DEBUG")}
        # A session of its own: whatever is left of it at the end goes with it.
        self.process = subprocess.Popen(
            [*(space.prefix if space else ()), "node", os.path.join(HERE, "playwright_bridge.mjs"), FOLDER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=env, start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.version = self.ask("launch", 90, executable=shutil.which("chromium"), args=[*FLAGS, *more])
        except BaseException:
            self.close()
            raise

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.changed:
                self.answers[answer["id"]] = answer
                self.changed.notify_all()
        with self.changed:
            self.gone = True
            self.changed.notify_all()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-1500:]

    def ask(self, name, seconds=30, **more):
        """The answer of the bridge. Its own limits come first; ours is for a bridge that hangs."""
        with self.lock:
            self.last += 1
            number = self.last
            try:
                self.process.stdin.write(json.dumps({"id": number, "do": name, **more}).encode() + b"\n")
                self.process.stdin.flush()
            except (OSError, ValueError):
                raise Failed(f"{name}: the browser's bridge is gone: {self.said()}") from None
        with self.changed:
            there = self.changed.wait_for(lambda: number in self.answers or self.gone, seconds + 20)
            answer = self.answers.pop(number, None)
        if not answer:
            raise Failed(f"{name}: the bridge " + (f"ended: {self.said()}" if there else "does not answer"))
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["value"]

    def close(self):
        try:
            self.ask("close", 10)
        except Failed:
            pass
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            pass
        if self.process.poll() is None:
            # Playwright ends Chromium when it is asked to end.
            for number in (signal.SIGTERM, signal.SIGKILL):
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(5)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self.log.close()
