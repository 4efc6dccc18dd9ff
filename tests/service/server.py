"""server.py - xcalld for a test: a folder of its own, a config, certificates, its log, /metrics.
SPDX-License-Identifier: MIT"""
import contextlib
import fnmatch
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import ws  # noqa: E402

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
XCALLD = os.path.join(BUILD, "examples", "xcalld")
ECHO = os.path.join(BUILD, "tests", "service", "xcalld-echo")


# Seconds that anything may take on a busy machine. Nobody waits for longer than what is waited for takes.
PATIENCE = 60
PATIENT = {"reach_ms": 90000, "ring_ms": 90000, "connect_ms": 120000, "caller_gone_ms": 90000,
           "media_lost_ms": 600000, "signal_lost_ms": 600000}


class Failed(Exception):
    """What was expected did not happen."""


class Skipped(Exception):
    """What the test needs is not there."""


def expect(good, words=""):
    if not good:
        raise Failed(str(words))


def wait_for(what, look, seconds=PATIENCE, every=0.02):
    until = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        expect(time.monotonic() < until, f"{what}: not within {seconds} s")
        time.sleep(every)


def make_certificate(folder, name="localhost", prefix="", names=None):
    cert, key = (os.path.join(folder, prefix + end) for end in ("cert.pem", "key.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-keyout", key, "-out", cert,
                    *(["-addext", f"subjectAltName={names}"] if names else [])], check=True, capture_output=True)
    return cert, key


def steady_port():
    """One that is free, and stays so while its server is away: none of those that the system gives to whoever
    connects or asks for any."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first, last = map(int, file.read().split())
    ports = [*range(10000, first), *range(last + 1, 65536)]
    while True:
        with socket.socket() as asked:
            try:
                asked.bind(("127.0.0.1", random.choice(ports)))
                return asked.getsockname()[1]
            except OSError:
                continue


class Server:
    """config: lines of the config file. tls: with a certificate. folder: one that is there already. port: 0, or of
    steady_port() where it is to be served again on the same one."""

    def __init__(self, program=None, config=(), tls=False, folder=None, options=(), health=True,
                 address="127.0.0.1", port=0, prepare=None):
        self.own = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="xcalld-")
        self.log = os.path.join(self.folder, "log")
        self.store = os.path.join(self.folder, "xcalld.db")
        if prepare:
            prepare(self.folder)
        config = [line.replace("FOLDER", self.folder) for line in config]
        lines = [f"store = {self.store}", f"log = {self.log}", "drain_seconds = 1", *config]
        if health:
            lines.append("health = 127.0.0.1:0")
        self.tls = None
        if tls:
            self.cert, self.key = (os.path.join(self.folder, end) for end in ("cert.pem", "key.pem"))
            if not os.path.exists(self.cert):
                make_certificate(self.folder)
            lines += [f"tls_cert = {self.cert}", f"tls_key = {self.key}"]
            self.tls = ws.any_certificate()
        self.config = os.path.join(self.folder, "config")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.sockets, self.accounts, self.waits = [], set(), False
        # Figures of memory are to be those of the program: no freed memory is kept for the sanitizer.
        environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1:detect_leaks=1"}
        self.process = subprocess.Popen(
            [program or XCALLD, "--listen", f"{address}:{port}", "--config", self.config, *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        found = re.match(r"xcalld: serves wss?://[0-9.]+:(\d+)/xcall", line)
        if not found:
            raise Failed(f"it printed {line!r} {self.process.communicate()[1][-500:]}")
        self.port, self.address = int(found.group(1)), address
        if health:
            line = self.process.stdout.readline()
            self.health = int(re.match(r"xcalld: health http://127\.0\.0\.1:(\d+)/", line).group(1))
            # It says where it serves before the service has begun: what is changed until then it need not follow.
            self.get("/healthz")

    def followed(self):
        """Every change that others made in its store until now, since it began."""
        with contextlib.closing(sqlite3.connect(self.store, timeout=PATIENCE)) as store:
            last, = store.execute("SELECT coalesce(max(number), 0) FROM change").fetchone()
        wait_for("what was changed", lambda: self.metrics()["xcalld_changes_followed_total"] >= last)

    @property
    def host(self):
        return "localhost" if self.address == "127.0.0.1" else self.address

    @property
    def url(self):
        return f"{'wss' if self.tls else 'ws'}://{self.host}:{self.port}/xcall"

    def admin(self, *words):
        """xcalld admin beside it: its JSON objects."""
        done = subprocess.run([XCALLD, "admin", *words, "--store", self.store], capture_output=True,
                              text=True, timeout=PATIENCE)
        expect(done.returncode == 0, (words, done.returncode, done.stdout, done.stderr))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def make(self, name):
        """An account without a password."""
        if name not in self.accounts:
            self.admin("account", name)
            self.accounts.add(name)

    def account(self, name):
        """A token of a new device; the account is made where it is not there."""
        self.make(name)
        return self.admin("token", name)[0]["token"]

    def patient(self):
        """As long as its policy can be: a test on a busy machine is slower than people are. (As the admin command
        does it, all at once.)"""
        if self.waits:
            return
        self.waits = True
        now = int(time.time() * 1000)
        with contextlib.closing(sqlite3.connect(self.store, timeout=PATIENCE)) as store, store:
            store.executemany("INSERT OR REPLACE INTO policy(key, value, at_ms) VALUES(?, ?, ?)",
                              [(key, str(value), now) for key, value in PATIENT.items()])
            store.execute("INSERT INTO change(kind, a, b, at_ms) VALUES(4, 0, 0, ?)", (now, ))

    def friends(self, *names):
        """Accounts that follow each other and have written to each other."""
        self.patient()
        for name in names:
            self.make(name)
        for one in names:
            for other in names:
                if one != other:
                    self.admin("follow", one, other)
                    self.admin("message", one, other)

    def connect(self, **more):
        more.setdefault("tls", self.tls)
        more.setdefault("host", self.address)
        client = ws.WebSocket(more.pop("port", self.port), **more)
        self.sockets.append(client)
        return client

    def let_go(self, client):
        """Cut, and the server knows: what is asked of it from now on finds this one away."""
        cut = lambda: self.metrics()['xcalld_closes_total{code="1000"}']
        before = cut()
        client.close()
        wait_for("the server sees it go", lambda: cut() > before)

    def get(self, path, port=None):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.health}{path}",
                                        timeout=PATIENCE) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def metrics(self):
        """{name with labels: value}; every line must be of the text format."""
        figures, types = {}, {}
        for line in self.get("/metrics")[2].splitlines():
            if line.startswith("# "):
                mark = re.match(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$", line)
                expect(mark, f"no comment of the format: {line}")
                if mark.group(1) == "TYPE":
                    expect(mark.group(2) not in types, f"twice: {line}")
                    types[mark.group(2)] = mark.group(3)
                continue
            sample = re.match(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? '
                              r'(-?[0-9.e+]+|NaN)$', line)
            expect(sample, f"no sample of the format: {line}")
            base = re.sub(r"_(bucket|sum|count)$", "", sample.group(1))
            expect(sample.group(1) in types or base in types, f"without a type: {line}")
            figures[sample.group(1) + (sample.group(2) or "")] = float(sample.group(4))
        return figures

    def log_lines(self):
        """Those that are there whole: the last may just be written."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def logs(self, event):
        """Lines are written after what they tell of."""
        return wait_for(f"a line {event}", lambda: [line for line in self.log_lines() if line["event"] == event])

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=PATIENCE, code=0, tell=True):
        """tell: with a signal; False: it was told, and ends by itself."""
        if tell and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=seconds)
        expect(self.process.returncode == code,
               f"exit code {self.process.returncode}: {errors[-3000:]}")
        return errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.sockets:
            client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        if self.own:
            shutil.rmtree(self.folder, ignore_errors=True)


def run_tests(tests, only):
    failed = 0
    for name, call in tests:
        if only and not any(fnmatch.fnmatch(name[5:], wanted) for wanted in only):
            continue
        start, problem, skipped = time.monotonic(), None, ""
        try:
            call()
        except Skipped as reason:
            skipped = f" # skip {reason}"
        except Exception as error:  # whatever it is: the test failed
            lines = [str(frame.lineno) for frame in traceback.extract_tb(error.__traceback__)[1:]]
            problem = f"{type(error).__name__}: {error} (lines {', '.join(lines)})"
        failed += bool(problem)
        print(f"{'not ok' if problem else 'ok'} - {name[5:]} ({time.monotonic() - start:.1f} s){skipped}",
              flush=True)
        for line in (problem or "").splitlines()[-20:]:
            print(f"# {line}", flush=True)
    sys.exit(1 if failed else 0)
