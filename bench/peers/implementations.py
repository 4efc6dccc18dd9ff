"""implementations.py - the peers of the bench: what each needs, how it is installed and started.
SPDX-License-Identifier: MIT"""
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"  # Debian's own: numpy, aiortc and PyGObject are its packages
WRTC = "@roamhq/wrtc@0.10.0"


class Unavailable(Exception):
    """Why a peer cannot be measured here."""


def _installed(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                          capture_output=True, text=True, check=False)
    return done.stdout == "installed"


def install(packages, log):
    """Debian packages; Unavailable names those that cannot be had."""
    missing = [package for package in packages if not _installed(package)]
    if not missing:
        return
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = as_root + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y",
                         "--no-install-recommends"] + missing
    for attempt in range(2):
        try:
            if attempt:
                subprocess.run(as_root + ["apt-get", "update"], stdout=log, stderr=log, check=False)
            if subprocess.run(command, stdout=log, stderr=log, check=False).returncode == 0:
                return
        except OSError as error:
            raise Unavailable(f"{' '.join(missing)}: {error}") from None
    raise Unavailable(f"these packages cannot be installed: {' '.join(missing)}")


def _run(command, log, what, environment=None):
    try:
        done = subprocess.run(command, stdout=log, stderr=log, check=False, timeout=600,
                              stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what}: {error}") from None
    if done.returncode:
        raise Unavailable(f"{what} failed (exit code {done.returncode}; see {log.name})")


class Peer:
    """name: in the JSON. lacks: {part: why it has none}. processes: stated in the report."""
    name = title = processes = ""
    packages = ()
    lacks = {}

    def __init__(self):
        self.versions = {}
        self.notes = {}

    def prepare(self, bench, log):
        """Installs and builds; raises Unavailable."""
        install(self.packages, log)

    def command(self, part, options):
        raise NotImplementedError


class Libxcall(Peer):
    name = title = "libxcall"
    processes = "one process, one engine with both ends"

    def __init__(self, build):
        super().__init__()
        self.program = os.path.join(build, "bench", "bench-peers")

    def prepare(self, bench, log):
        if not os.access(self.program, os.X_OK):
            raise Unavailable(f"{self.program} was not built")

    def command(self, part, options):
        words = [self.program, part]
        for name in ("sound", "pictures", "out", "seconds", "calls", "phase"):
            words += [f"--{name}", str(options[name])]
        return words


class Libwebrtc(Peer):
    name = "libwebrtc"
    title = "libwebrtc (node)"
    processes = "one node process, npm " + WRTC

    def prepare(self, bench, log):
        for program in ("node", "npm"):
            if subprocess.run(["sh", "-c", f"command -v {program}"], stdout=log,
                              check=False).returncode:
                install(["nodejs", "npm"], log)
        cache = bench.options.cache
        wanted = os.path.join(cache, "node_modules", "@roamhq", "wrtc", "package.json")
        if not os.path.exists(wanted):
            os.makedirs(cache, exist_ok=True)
            _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", cache, WRTC], log,
                 f"npm install {WRTC}")
        with open(wanted, encoding="utf-8") as file:
            self.versions["@roamhq/wrtc"] = json.load(file)["version"]

    def command(self, part, options):
        return ["node", "--expose-gc", os.path.join(HERE, "libwebrtc.js"), part,
                json.dumps(options)]


class Chromium(Peer):
    name = title = "chromium"
    processes = "one page, all of the browser's processes"
    packages = ("chromium",)

    def command(self, part, options):
        return [PYTHON, os.path.join(HERE, "chromium_ends.py"), part, json.dumps(options)]


class Gstreamer(Peer):
    name = "gstreamer"
    title = "GStreamer webrtcbin"
    processes = "one process, a pipeline for each end"
    packages = ("python3-gst-1.0", "gir1.2-gst-plugins-bad-1.0", "gir1.2-gst-plugins-base-1.0",
                "gstreamer1.0-nice", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good",
                "gstreamer1.0-plugins-bad")

    def command(self, part, options):
        return [PYTHON, os.path.join(HERE, "gstreamer_ends.py"), part, json.dumps(options)]


class Aiortc(Peer):
    name = title = "aiortc"
    processes = "one process; sound and pictures in two connections side by side"
    packages = ("python3-aiortc",)

    def command(self, part, options):
        return [PYTHON, os.path.join(HERE, "aiortc_ends.py"), part, json.dumps(options)]


class Pion(Peer):
    name = "pion"
    title = "pion (no codecs)"
    processes = "one process"
    packages = ("golang-go", "golang-github-pion-webrtc.v3-dev", "ffmpeg")
    lacks = {part: "it has no codecs" for part in ("audio", "video", "cpu_360p")}

    def __init__(self):
        super().__init__()
        self.program = ""
        self.notes = {"first_audio_ms": "it has no codecs", "first_video_ms": "it has no codecs",
                      "cpu_audio": "without encoding and decoding"}

    def prepare(self, bench, log):
        super().prepare(bench, log)
        folder = os.path.join(bench.options.cache, "go")
        os.makedirs(folder, exist_ok=True)
        self.program = os.path.join(folder, "pion_ends")
        _run(["go", "build", "-o", self.program, os.path.join(HERE, "pion_ends.go")], log,
             "go build", {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                          "CGO_ENABLED": "0", "GOCACHE": os.path.join(folder, "cache")})
        _run(["ffmpeg", "-y", "-f", "s16le", "-ar", "48000", "-ac", "1", "-i", bench.sound,
              "-c:a", "libopus", "-b:a", "32k", "-application", "voip", "-frame_duration", "20",
              "-page_duration", "20000", bench.ogg], log, "ffmpeg")
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", self.packages[1]],
                              capture_output=True, text=True, check=False)
        self.versions["pion"] = done.stdout

    def command(self, part, options):
        return [self.program, part, json.dumps(options)]


def all_peers(build):
    return [Libxcall(build), Libwebrtc(), Chromium(), Gstreamer(), Aiortc(), Pion()]
