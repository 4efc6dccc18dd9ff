#!/usr/bin/env python3
"""test_shell.py BUILD [TEST ...] - xcalld's shell around an echo core: options, config, TLS, bounds of sockets
and queues, pings, drain, health, hashing, pushes, the log. TAP on stdout.
SPDX-License-Identifier: MIT"""
import http.client
import http.server
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import ECHO, PATIENCE, Server, expect, make_certificate, run_tests, wait_for  # noqa: E402
from ws import Closed, Refused  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def echo(**more):
    return Server(ECHO, **more)


class Held:
    """with Held(server, client): the service's thread stands still, and the network's goes on."""

    def __init__(self, server, client):
        self.file, self.client = os.path.join(server.folder, "held"), client

    def __enter__(self):
        self.client.send({"do": "hold", "file": self.file})
        wait_for("it stands still", lambda: os.path.exists(self.file))

    def __exit__(self, *_):
        os.unlink(self.file)


def run(*options):
    done = subprocess.run([ECHO, *options], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def run_config(text, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("FOLDER", folder))
        code, out, errors = run("--config", path, "--check-config", *options)
    return code, out, errors.replace(path, "CONFIG")


def one_line(answer, *words):
    code, out, errors = answer
    expect(code == 2 and out == "", f"exit code {code}, {out!r}, {errors!r}")
    expect(errors.count("\n") == 1 and errors.startswith("xcalld: "), errors)
    for word in words:
        expect(word in errors, f"{word!r} is not in {errors!r}")


def test_options():
    one_line(run("--nonsense"), "--nonsense")
    one_line(run("--listen"), "--listen")
    one_line(run("stray"), "stray")
    for wrong in ("8443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "::1:80", "[127.0.0.1]:80",
                  "host:80", ":80", "127.0.0.1:80x"):
        one_line(run("--check-config", "--listen", wrong), "--listen")
    one_line(run("--check-config", "--trust-proxy", "10.0.0.0/33"), "--trust-proxy", "CIDR")
    one_line(run("--check-config", "--turn", "http://x"), "relay")
    one_line(run("--check-config", "--turn", "turn:x"), "secret")
    one_line(run("--check-config", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"),
             "/nowhere: No such file")
    one_line(run("--check-config", "--store", "/nowhere/store"), "/nowhere/store: No such file")
    one_line(run("--check-config", "--store", ""), "--store")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"hello, this is no store\n")
        file.flush()
        one_line(run("--check-config", "--store", file.name), file.name, "no SQLite file")
    one_line(run_config("log = /nowhere/log\n"), "/nowhere/log: No such file")
    one_line(run("--check-config", "--listen", "0.0.0.0:8443"), "loopback")
    one_line(run("--config", "/nowhere"), "/nowhere")
    expect(run("--check-config") == (0, "ok\n", ""), "the defaults are not good")
    expect(run("--check-config", "--listen", "[::1]:0") == (0, "ok\n", ""), "IPv6")
    code, out, errors = run("--help")
    expect(code == 0 and "queue_inputs" in out and not errors, "help")
    expect(re.match(r"xcalld \d+\.\d+\.\d+\n$", run("--version")[1]), "version")


def test_config_errors():
    one_line(run_config("nonsense = 1\n"), "CONFIG:1:", "nonsense")
    one_line(run_config("# a remark\n\nping_seconds = 0\n"), "CONFIG:3:", "1 to 250")
    one_line(run_config("ping_seconds = 1.5\n"), "CONFIG:1:")
    one_line(run_config("ping_seconds = 99999999999999999999\n"), "CONFIG:1:")
    one_line(run_config("page = maybe\n"), "off|on")
    one_line(run_config("page\n"), "CONFIG:1:", "key = value")
    one_line(run_config("x" * 5000), "CONFIG:1:")
    one_line(run_config("origin = example.org\n"), "origin")
    one_line(run_config("turn = turn:a\nturn_secret_file = FOLDER/none\n"), "none")
    one_line(run_config("push_command = a\npush_url = http://b\n"), "push_command")
    one_line(run_config("push_url = ftp://b\n"), "http://")
    one_line(run_config("tls = on\n"), "certificate")
    one_line(run_config("listen = 127.0.0.1:8443\nhealth = 127.0.0.1:8443\n"), "health", "listen")
    one_line(run_config("tls = off\nlisten = 0.0.0.0:8443\nhealth = 127.0.0.1:8443\n"), "health", "listen")
    one_line(run_config("tls = off\nlisten = [::]:8443\nhealth = 127.0.0.1:8443\n"), "health", "listen")
    expect(run_config("listen = [::1]:8443\nhealth = 127.0.0.1:8443\n") == (0, "ok\n", ""))
    expect(run_config("listen = 127.0.0.1:8443\nhealth = 127.0.0.1:8444\n") == (0, "ok\n", ""))
    one_line(run_config("listen = 0.0.0.0:8443\n"), "tls = off")
    good = run_config("tls = off # a proxy has it\nlisten = 0.0.0.0:8443\n"
                      "trust_proxy = 10.0.0.0/8, 192.168.0.0/16\ntrust_proxy = fd00::/8\n")
    expect(good == (0, "ok\n", ""), good)


def test_secret_file():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "secret")
        def check(text, mode):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, mode)
            return run("--check-config", "--turn", "turn:x:3478", "--turn-secret-file", path)
        expect(check("hush\n", 0o600) == (0, "ok\n", ""), "a good one")
        code, out, errors = check("hush\n", 0o644)
        expect(code == 0 and out == "ok\n" and "everybody" in errors and "hush" not in errors, errors)
        one_line(check("", 0o600), "first line")
        one_line(check("x" * 300, 0o600), "256")


def test_config_table():
    """docs/xcalld.md lists the keys as the program has them."""
    told = dict(re.findall(r"^  ([a-z_]+) +(\S+) +\S.*$", run("--help")[1].split("meaning:\n")[1],
                           re.M))
    with open(os.path.join(ROOT, "docs", "xcalld.md"), encoding="utf-8") as file:
        listed = dict(re.findall(r"^\| `([a-z_]+)` \| (?:`([^`]*)`)? *\|", file.read(), re.M))
    told = {key: "" if value == "-" else value for key, value in told.items()}
    expect(len(told) > 30 and told == listed, set(told.items()) ^ set(listed.items()))


def test_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder:
            one_line(run("--listen", f"127.0.0.1:{port}", "--store", os.path.join(folder, "db")),
                     str(port), "in use")


def test_two_servers():
    with echo() as server:
        done = subprocess.run([ECHO, "--listen", "127.0.0.1:0", "--store", server.store],
                              capture_output=True, text=True, timeout=PATIENCE)
        one_line((done.returncode, done.stdout, done.stderr), "another xcalld")
        server.signal(signal.SIGKILL)
        server.process.wait()
        with echo(folder=server.folder) as second: # the lock went with the process
            second.connect().send({"do": "echo"})


def test_echo_and_fragments():
    with echo() as server:
        client = server.connect()
        client.send({"n": 1})
        expect(client.json() == {"n": 1})
        client.send('{"a":', final=False)
        client.send("", 9)  # a ping between fragments
        client.send(' "b', 0, final=False)
        client.send('"}', 0)
        expect(client.receive() == '{"a": "b"}')
        client.send("x" * 16384)
        expect(len(client.receive()) == 16384)
        for part in ("x" * 16384, "x"):
            client.send(part, 1 if len(part) > 1 else 0, final=len(part) == 1)
        expect(client.closed() == 4000, "a fragmented frame that is too large")
        for bad in (("x" * 16385, 1), ("x" * 100000, 1), (b"\x01\x02", 2)):
            client = server.connect()
            client.send(*bad)
            expect(client.closed() == 4000, bad[1])
        client = server.connect()
        client.send({"do": "close", "code": 4003})
        expect(client.closed() == 4003)
        wait_for("all are gone", lambda: server.metrics()["xcalld_sockets"] == 0)
        figures = server.metrics()
        expect(figures['xcalld_closes_total{code="4000"}'] == 4, figures)
        expect(figures['xcalld_closes_total{code="4003"}'] == 1, figures)
        expect("Error" not in server.stop())


def test_goodbyes():
    """The core is told which devices said that they leave: close codes 1000 and 1001, as a page that is left says it."""
    with echo() as server:
        for number, (code, goodbyes) in enumerate(((1001, 1), (1000, 2), (b"", 2), (1002, 2), (4000, 2), (None, 2))):
            client = server.connect()
            client.send({"do": "echo"})
            expect(client.json() == {"do": "echo"})
            if code is not None:
                client.send(struct.pack("!H", code) if code else code, 8)
                expect(client.closed() == (code or 1005), code)
            client.close()
            wait_for("it is gone", lambda: server.metrics()["echo_closed_total"] == number + 1)
            expect(server.metrics()["echo_goodbyes_total"] == goodbyes, code)
        # one that the service closes has not said anything, whatever it answers
        client = server.connect()
        client.send({"do": "close", "code": 4003})
        expect(client.closed() == 4003)
        client.send(struct.pack("!H", 1000), 8)
        wait_for("it is gone", lambda: server.metrics()["xcalld_sockets"] == 0)
        expect(server.metrics()["echo_goodbyes_total"] == 2)


def refused(server, **more):
    try:
        server.connect(**more)
    except Refused as refusal:
        return refusal.status
    return 101


def test_who_may_connect():
    with echo(config=["origin = https://app.example.org, https://b.example.org"]) as server:
        here = f"http://127.0.0.1:{server.port}"
        expect(refused(server, headers=[f"Origin: {here}"]) == 101)
        expect(refused(server, headers=["Origin: https://app.example.org"]) == 101)
        expect(refused(server, headers=["Origin: https://B.example.org"]) == 101)
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1", here + ".evil.example",
                       "https://app.example.org.evil.example", "https://" + "x" * 600):
            expect(refused(server, headers=[f"Origin: {origin}"]) == 403, origin)
        expect(refused(server, path="/") in (0, 404) and refused(server, path="/xcall2") == 404)
        expect(refused(server, protocol="chat") != 101 and refused(server, protocol="") != 101)
        client = server.connect(headers=["Sec-WebSocket-Extensions: permessage-deflate"])
        expect("permessage-deflate" not in client.head, client.head)


def address_of(server, *forwarded):
    client = server.connect(headers=[f"X-Forwarded-For: {text}" for text in forwarded])
    client.send({"do": "address"})
    return client.json()["address"]


def test_forwarded():
    with echo() as server:
        expect(address_of(server, "203.0.113.9") == "::ffff:127.0.0.1", "nobody is trusted")
    with echo(config=["trust_proxy = 127.0.0.0/8, 10.0.0.0/8"]) as server:
        for header, address in (("203.0.113.9", "::ffff:203.0.113.9"),
                                ("198.51.100.1, 203.0.113.9", "::ffff:203.0.113.9"),
                                ("203.0.113.9, 10.1.2.3", "::ffff:203.0.113.9"),
                                ("203.0.113.9:4711", "::ffff:203.0.113.9"),
                                ("2001:db8::7", "2001:db8::7"), ("[2001:db8::7]:1", "2001:db8::7"),
                                ("nonsense", "::ffff:127.0.0.1"),
                                ("203.0.113.9, nonsense", "::ffff:127.0.0.1")):
            expect(address_of(server, header) == address, (header, address))


def test_tls():
    with echo(tls=True) as server:
        client = server.connect()
        client.send({"n": 1})
        expect(client.json() == {"n": 1})
        expect(client.socket.version() in ("TLSv1.2", "TLSv1.3"))
        first = client.socket.getpeercert(True)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        expect(refused(server, tls=old) == 0, "TLS 1.1")
        server.tls.set_alpn_protocols(["h2", "http/1.1"])
        expect(server.connect().socket.selected_alpn_protocol() == "http/1.1")
        # SIGHUP: new connections get the new certificate, the old ones live
        make_certificate(server.folder, "second")
        os.rename(server.log, server.log + ".1")
        server.signal(signal.SIGHUP)
        wait_for("the log is a new one", lambda: os.path.exists(server.log))
        second = wait_for("a new certificate", lambda: (
            lambda cert: cert if cert != first else None)(server.connect().socket.getpeercert(True)))
        client.send({"n": 2})
        expect(client.json() == {"n": 2})
        with open(server.key, "w", encoding="ascii") as file:
            file.write("nonsense")
        server.signal(signal.SIGHUP)
        wait_for("a failed reload is said", lambda: server.metrics()[
            "xcalld_tls_reload_failures_total"] == 1)
        expect(server.connect().socket.getpeercert(True) == second, "the good one stays")
        server.logs("tls_reload_failed")
        expect("Error" not in server.stop())


def old_certificate(folder):
    """One whose time is over: openssl req has no dates of its own."""
    file = lambda name: os.path.join(folder, name)
    make_certificate(folder)
    for name, text in (("index.txt", ""), ("serial", "01\n"), ("ca.cnf", f"""[ca]
default_ca=d
[d]
database={file("index.txt")}
new_certs_dir={folder}
serial={file("serial")}
default_md=sha256
policy=p
[p]
commonName=supplied
""")):
        with open(file(name), "w", encoding="ascii") as into:
            into.write(text)
    subprocess.run(["openssl", "req", "-new", "-key", file("key.pem"), "-subj", "/CN=localhost", "-out",
                    file("r.csr")], check=True, capture_output=True)
    subprocess.run(["openssl", "ca", "-batch", "-config", file("ca.cnf"), "-selfsign", "-keyfile",
                    file("key.pem"), "-in", file("r.csr"), "-startdate", "20200101000000Z", "-enddate",
                    "20210101000000Z", "-notext", "-out", file("old.pem")], check=True, capture_output=True)
    os.rename(file("old.pem"), file("cert.pem"))


def test_old_certificate():
    """It is served, and said at the start, at --check-config and when it is read again."""
    with tempfile.TemporaryDirectory() as folder:
        old_certificate(folder)
        files = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]
        done = subprocess.run([ECHO, "--check-config", "--tls-cert", files[0], "--tls-key", files[1],
                               "--store", os.path.join(folder, "db")], capture_output=True, text=True, timeout=20)
        expect(done.returncode == 0 and "warning: this certificate has expired" in done.stderr, done)
        with echo(folder=folder, tls=True) as server:
            server.connect()
            server.signal(signal.SIGHUP)
            wait_for("it is logged", lambda: any(line["event"] == "tls_certificate_out_of_date"
                                                 for line in server.log_lines()))
            expect('xcalld_closes_total{code="4009"}' in server.metrics())
            expect("has expired" in server.stop())


def test_slow_reader():
    with echo(tls=True) as server:
        quick = server.connect()
        before = server.resident_kib()
        for _ in range(4):
            slow = server.connect(receive_buffer=4096)
            try:
                for _ in range(200):
                    slow.send({"do": "send", "n": 20, "bytes": 8000})
            except ConnectionError:
                pass # it was cut meanwhile
        def stopped():
            return server.metrics()['xcalld_closes_total{code="4008"}'] == 4
        wait_for("closed with 4008", stopped)
        expect(server.resident_kib() - before < 30000, server.resident_kib() - before)
        quick.send({"n": 1})
        expect(quick.json() == {"n": 1}, "others are served")
        wait_for("they are gone", lambda: server.metrics()["xcalld_sockets"] == 1)


def numbers(client, last):
    """As many as come, to the last one, which always comes."""
    found = []
    while not found or found[-1] != last:
        text = client.receive()
        expect(text is not None, f"{last} does not come: {found}")
        found.append(json.loads(text)["i"])
    return found


def test_droppable_and_states():
    with echo(config=["socket_frames = 8"]) as server:
        client = server.connect(receive_buffer=4096)
        # one batch, so that nothing is sent in between: the first eight of 100 candidates, or the last
        client.send({"do": "send", "n": 100, "bytes": 20, "flags": 1})
        got = numbers(client, 99)
        expect(len(got) < 100 and got == sorted(got), got)
        client.send({"do": "send", "n": 100, "bytes": 20, "flags": 2, "call": 1})
        got = numbers(client, 99)
        expect(len(got) < 100 and got == sorted(got), got)
        figures = server.metrics()
        expect(figures["xcalld_frames_dropped_total"] > 0, figures)
        expect(figures["xcalld_frames_replaced_total"] > 0, figures)
        client.send({"do": "echo"})
        expect(client.json() == {"do": "echo"}, "it is still open")


def test_flood():
    """Who sends faster than the service takes is not read; memory stays flat; others are served."""
    with echo() as server:
        flood = server.connect()
        flood.send({"do": "echo"})
        flood.receive()
        before = server.resident_kib()
        frame = flood.frame(json.dumps({"do": "none", "x": "y" * 15000}).encode())
        sent = 0
        with Held(server, flood):
            flood.socket.settimeout(1)
            try:
                while sent < 4000:
                    flood.socket.sendall(frame)
                    sent += 1
            except socket.timeout:
                pass
            expect(sent < 4000, "it was read without bound")
            expect(server.resident_kib() - before < 20000, server.resident_kib() - before)
        expect(server.metrics()["xcalld_pauses_total"] > 0, "no pause was counted")
        other = server.connect()
        other.send({"n": 1})
        expect(other.json() == {"n": 1})


def looked_at(server):
    """Everything that had been sent to it by now was read, or is left unread: its loop came round some times."""
    for _ in range(5):
        server.get("/healthz")


def test_fair():
    """However much one has sent, 16 frames of it are before those of another."""
    with echo() as server:
        flood, other = server.connect(), server.connect()
        with Held(server, flood):
            for _ in range(2000):
                flood.send({"do": "none"})
            looked_at(server)
            other.send({"do": "frames"})
            looked_at(server)
        before = other.json()["frames"] - 2 # the hold, and its own
        expect(0 < before <= 16, before)


def test_many_floods():
    """The queue to the service is bounded for all together."""
    with echo(config=["queue_inputs = 64"]) as server:
        clients = [server.connect() for _ in range(20)]
        with Held(server, clients[0]):
            for client in clients:
                for _ in range(30):
                    client.send({"do": "none"})
                client.send({"n": 1})
            looked_at(server)
        for client in clients:
            while client.receive() != '{"n": 1}':
                pass
        expect(server.metrics()["xcalld_pauses_total"] > 5, server.metrics()["xcalld_pauses_total"])


def half_open(port, data=b""):
    link = socket.create_connection(("127.0.0.1", port))
    link.sendall(data)
    return link


def test_slowloris():
    for tls in (False, True):
        with echo(tls=tls, config=["handshake_seconds = 1", "handshakes_per_address = 150"]) as server:
            links = [half_open(server.port, b"GET /xcall HT" if i % 2 and not tls else b"")
                     for i in range(100)]
            # A slow machine may not get that far within a second itself.
            wait_for("others come in", lambda: refused(server) == 101)
            wait_for("they are all cut", lambda: server.metrics()["xcalld_handshakes"] == 0)
            for link in links:
                link.close()
        with echo(tls=tls, config=["handshake_seconds = 60", "handshakes_per_address = 150"]) as server:
            links = [half_open(server.port) for i in range(300)]
            wait_for("one network's share", lambda: server.metrics()[
                'xcalld_refused_total{cause="network"}'] >= 100)
            expect(server.metrics()["xcalld_handshakes"] <= 150)
            for link in links:
                link.close()
            wait_for("room again", lambda: server.metrics()["xcalld_handshakes"] == 0)
            client = server.connect()
            client.send({"n": 1})
            expect(client.json() == {"n": 1})


def test_trickled_request():
    """A request that comes by a byte a time does not hold a place for longer."""
    with echo(config=["handshake_seconds = 1"]) as server:
        link = half_open(server.port)
        text = b"GET /xcall HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 600
        sent = 0
        try:
            for byte in text:
                link.settimeout(PATIENCE)
                link.sendall(bytes([byte]))
                sent += 1
                link.settimeout(0.1)
                try:
                    if link.recv(10) == b"":
                        break
                except socket.timeout:
                    pass
        except ConnectionError:
            pass
        expect(sent < len(text), "a minute of it was taken")


def test_connections_max():
    with echo(config=["connections_max = 5"]) as server:
        clients = [server.connect() for _ in range(5)]
        expect(refused(server) == 503)
        clients[0].close()
        wait_for("room", lambda: server.metrics()["xcalld_sockets"] == 4)
        server.connect()


def test_ping():
    with echo(config=["ping_seconds = 2"]) as server: # so long has who answers
        start = time.monotonic()
        silent, alive = server.connect(pongs=False), server.connect()

        def answers():
            try:
                alive.receive()
            except (Closed, OSError):
                pass # the end of the test
        threading.Thread(target=answers, daemon=True).start()
        expect(silent.closed(), "it stays")
        passed = time.monotonic() - start
        expect(passed > 3.5, passed)
        wait_for("more pings are answered", lambda: alive.pings > 2)
        figures = server.metrics()
        expect((figures["xcalld_sockets"], figures["xcalld_dead_total"]) == (1, 1), figures)


def test_drain():
    with echo(config=["drain_seconds = 3600"]) as server:
        client = server.connect()
        server.signal(signal.SIGTERM)
        expect(client.json()["t"] == "goaway")
        status = server.get("/readyz")[0]
        expect(status == 503, status)
        expect(server.get("/healthz")[0] == 200)
        expect(refused(server) in (0, 503), "a new one")
        client.send({"n": 1})
        expect(client.json() == {"n": 1}, "it still serves")
        client.close() # when all have left, it ends
        server.stop(tell=False)
    with echo(config=["drain_seconds = 3600"]) as server:
        client = server.connect()
        server.signal(signal.SIGINT)
        expect(client.json()["t"] == "goaway")
        server.signal(signal.SIGINT) # the second ends it at once
        expect(client.closed() == 1012)
        server.stop(tell=False)
    with echo(config=["drain_seconds = 2"]) as server: # or when its time is over
        client = server.connect()
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        expect(client.json()["t"] == "goaway")
        expect(client.closed() == 1012)
        server.stop(tell=False)
        expect(time.monotonic() - start > 1.5, time.monotonic() - start)


def test_health():
    with echo() as server:
        expect(server.get("/healthz")[0] == 200 and server.get("/readyz")[0] == 200)
        expect(server.get("/xcall")[0] == 404)
        server.connect().send({"n": 1})
        wait_for("a frame", lambda: server.metrics()["xcalld_frames_in_total"] == 1)
        figures = server.metrics()
        expect("echo_frames_total" in figures and figures["xcalld_sockets"] == 1, figures)
        client = server.connect()
        with Held(server, client):
            wait_for("it is told", lambda: server.get("/healthz")[0] == 503, every=0.2)
            expect(server.get("/readyz")[0] == 503)
        wait_for("it goes on", lambda: server.get("/healthz")[0] == 200)


def test_head():
    """As GET without the body, and the connection goes on; other methods are refused."""
    with echo() as server:
        for port, path in ((server.port, "/"), (server.health, "/healthz"), (server.health, "/metrics")):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            for method in ("HEAD", "GET", "HEAD"):
                client.request(method, path)
                answer = client.getresponse()
                body = answer.read()
                expect(answer.status == 200 and int(answer.headers["content-length"]) > 0, (method, path))
                expect(bool(body) == (method == "GET"), (method, path, body[:50]))
            client.request("DELETE", path)
            expect(client.getresponse().status == 405, path)
            client.close()


def test_page():
    with echo() as server:
        status, headers, body = server.get("/", server.port)
        expect(status == 200 and "<html" in body.lower(), body[:100])
        policy = headers["content-security-policy"]
        expect("default-src 'none'" in policy and "unsafe" not in policy, policy)
        expect(headers["x-content-type-options"] == "nosniff")
        expect(headers["referrer-policy"] == "no-referrer")
        for path in ("/etc/passwd", "/../xcalld.db", "/metrics", "/readyz"):
            expect(server.get(path, server.port)[0] == 404, path)
    with echo(config=["page = off"]) as server:
        expect(server.get("/", server.port)[0] == 404)


def test_hash():
    with echo(config=["hash_memory_mib = 8", "hash_queue = 4"]) as server:
        client = server.connect()
        client.send({"do": "hash", "password": "right"})
        made = client.json()["hashed"]
        expect(made.startswith("$argon2id$v=19$m=8192,t=2,p=1$"), made)
        client.send({"do": "hash", "password": "right", "hash": made})
        expect(client.json() == {"hashed": ""})
        client.send({"do": "hash", "password": "wrong", "hash": made})
        expect(client.json() == {"hashed": None})
        client.send({"do": "hash", "password": "x" * 200})
        expect(client.json() == {"hashed": None}, "too long")
        with Held(server, client): # they are asked for at once, however slowly they are sent
            for _ in range(30):
                client.send({"do": "hash", "password": "right"})
        results = [client.json()["hashed"] for _ in range(30)]
        refused_ones = server.metrics()["xcalld_hashes_refused_total"]
        # A refusal is answered at once, so it may overtake the hashes that were taken: one of
        # them being worked on, four waiting.
        expect(results.count("-") == refused_ones > 0, (results, refused_ones))
        expect(len(results) - refused_ones >= 4, (results, refused_ones))


def test_push_command():
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        with echo(config=[f"push_command = cat >> {out}; echo >> {out}"]) as server:
            server.connect().send({"do": "push"})
            wait_for("sent", lambda: server.metrics()['xcalld_push_results_total{result="sent"}'])
            with open(out, encoding="utf-8") as file:
                order = json.loads(file.read())
            expect(0 < order.pop("ring_left_ms") <= 45000)
            expect(order == {"kind": "fcm", "token": "device-token",
                             "call": "01020300-0000-0000-0000-000000000000"}, order)
    with echo(config=["push_command = sleep 30 & sleep 30", "push_seconds = 1"]) as server:
        server.connect().send({"do": "push"})
        wait_for("cut", lambda: server.metrics()['xcalld_push_results_total{result="timed_out"}'])
        server.logs("push_failed")
        expect("device-token" not in json.dumps(server.log_lines()), "a token in the log")
    with echo(config=["push_command = sleep 60", "push_seconds = 60", "push_threads = 1",
                      "push_queue = 2"]) as server:
        client = server.connect()
        for _ in range(10):
            client.send({"do": "push"})
        wait_for("dropped", lambda: server.metrics()[
            'xcalld_push_results_total{result="dropped"}'] >= 7)
        client.send({"n": 1})
        expect(client.json(30) == {"n": 1}, "the service waits for nobody")
        server.stop(30)


class Hook(http.server.BaseHTTPRequestHandler):
    got = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Hook.got.append((self.headers["Content-Type"], json.loads(body)))
        self.send_response(204 if len(Hook.got) == 1 else 500)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_push_url():
    hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    with echo(config=[f"push_url = http://127.0.0.1:{hook.server_port}/wake"]) as server:
        client = server.connect()
        client.send({"do": "push"})
        wait_for("sent", lambda: server.metrics()['xcalld_push_results_total{result="sent"}'])
        expect(Hook.got[0][0] == "application/json" and Hook.got[0][1]["token"] == "device-token")
        client.send({"do": "push"})
        wait_for("failed", lambda: server.metrics()['xcalld_push_results_total{result="failed"}'])
    hook.shutdown()


def test_log():
    with echo(config=["log_lines_per_second = 50"]) as server:
        client = server.connect()
        start = time.monotonic()
        client.send({"do": "log", "n": 5000})
        client.send({"n": 1})
        client.json()
        wait_for("lost ones", lambda: server.metrics()["xcalld_log_lines_lost_total"] > 4000)
        time.sleep(0.5)
        client.send({"do": "log", "n": 1})
        wait_for("it is said", lambda: any(line["event"] == "log_lost"
                                           for line in server.log_lines()))
        lines = server.log_lines()
        most = 50 * (time.monotonic() - start + 2) # a second's at once, and then so many a second
        expect(sum(line["event"] == "flood" for line in lines) < most)
        for line in lines:
            expect(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", line["time"]), line)
        expect("127.0.0.1" not in json.dumps(lines))
    one_line(run_log("/nowhere/log"), "/nowhere/log")


def run_log(path):
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "config")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"log = {path}\nstore = {folder}/db\nlisten = 127.0.0.1:0\n")
        return run("--config", config)


def test_random_bytes():
    """What is no HTTP, no TLS or no WebSocket ends alone."""
    with echo(tls=False) as server:
        client = server.connect()
        for size in (1, 10, 1000, 20000):
            for _ in range(10):
                link = half_open(server.port, os.urandom(size))
                link.close()
            broken = server.connect()
            broken.socket.sendall(os.urandom(size))
        client.send({"n": 1})
        expect(client.json() == {"n": 1})
        expect("Error" not in server.stop())


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
