#!/usr/bin/env python3
"""test_client.py BUILD [TEST ...] - libxcall-client at a real xcalld over TLS: refused and allowed calls,
a kill -9 of the server mid-ring and mid-call, certificates that do not fit, a program that is started
again, and that neither side's files or logs have what is secret. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import BUILD, PATIENCE, Server, expect, make_certificate, run_tests, steady_port, wait_for  # noqa: E402

QUICK = ["hash_memory_mib = 8"]
PROGRAM = os.path.join(BUILD, "tests", "client", "two_clients")


class Clients:
    """two_clients, a line at a time."""

    def __init__(self, server, host="localhost", ca_file=None):
        server.patient()
        self.folder = server.folder
        self.process = subprocess.Popen(
            [PROGRAM, f"wss://{host}:{server.port}/xcall", ca_file or server.cert, server.folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def say(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.communicate()[1][-3000:])
        return line.rstrip("\n")

    def want(self, answer, *words):
        got = self.say(*words)
        expect(got.startswith(answer), (words, got))
        return got

    def both_online(self):
        for name in ("alice", "bob"):
            self.want("XCALL_OK", "up", name)
            self.want("online", "session", name, "online")

    def may_call(self):
        self.want("0 ", "ask", "alice", "follow.set", '{"who":"bob","on":true}')
        self.want("0 ", "ask", "bob", "follow.set", '{"who":"alice","on":true}')
        self.want("0 ", "ask", "alice", "msg.send", '{"to":"bob","text":"hello"}')

    def ring(self):
        self.want("XCALL_OK", "call", "alice", "bob")
        self.want("ringing_in", "state", "bob", "ringing_in")
        self.want("ringing_out", "state", "alice", "ringing_out")

    def connect(self):
        self.ring()
        self.want("XCALL_OK", "accept", "bob")
        self.want("active", "state", "alice", "active")
        self.want("active", "state", "bob", "active")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            _, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        expect(self.process.returncode == 0, errors[-3000:])
        expect(not errors, errors[-3000:])


def restart(server):
    """Killed, and there again at the same address."""
    server.signal(signal.SIGKILL)
    server.process.communicate()
    return Server(config=QUICK, tls=True, folder=server.folder, port=server.port)


def test_call():
    with Server(config=QUICK, tls=True) as server, Clients(server) as clients:
        clients.both_online()
        clients.want("0 ", "ask", "alice", "follow.set", '{"who":"bob","on":true}')
        clients.want("0 ", "ask", "bob", "follow.set", '{"who":"alice","on":true}')
        clients.want("XCALL_OK", "call", "alice", "bob")
        clients.want("ended", "state", "alice", "ended")
        clients.want("message_first", "refused", "alice")
        clients.want("denied", "reason", "alice")
        clients.want("0 ", "ask", "alice", "msg.send", '{"to":"bob","text":"hello"}')
        clients.connect()
        number = clients.say("number", "alice")
        expect(re.fullmatch(r"(\d{5} ){11}\d{5}", number), number)
        expect(clients.say("number", "bob") == number)
        clients.want("XCALL_OK", "hangup", "bob")
        clients.want("ended", "state", "alice", "ended")
        clients.want("hangup", "reason", "alice")
        clients.want("ended", "state", "bob", "ended")
        clients.want("-6 no_such_account", "ask", "alice", "msg.send", '{"to":"nobody","text":"x"}')
        # What is kept is nobody else's to read, and is enough to come back with.
        state = os.path.join(server.folder, "alice.state")
        expect(stat.S_IMODE(os.stat(state).st_mode) == 0o600)
        with open(state, encoding="utf-8") as file:
            token = re.search(r'"token": "(.{43})"', file.read()).group(1)
        clients.want("XCALL_OK", "resign", "alice")
        clients.want("online", "session", "alice", "online")
        with open(server.log, encoding="utf-8") as file:
            log = file.read()
        expect(token not in log and "a good password" not in log)
        server.stop()


def rows(server, question):
    with sqlite3.connect(server.store, timeout=PATIENCE) as store:
        return store.execute(question).fetchall()


def state_file(server):
    with open(os.path.join(server.folder, "alice.state"), encoding="utf-8") as file:
        return file.read()


def test_quality():
    """Each side says once how the call was: numbers, the reason, and nothing of an address."""
    with Server(config=QUICK, tls=True) as server, Clients(server) as clients:
        clients.both_online()
        clients.may_call()
        clients.connect()
        clients.want("XCALL_OK", "hangup", "bob")
        clients.want("ended", "state", "alice", "ended")
        clients.want("ended", "state", "bob", "ended")
        wait_for("both reports", lambda: rows(server, "SELECT count(*) FROM quality") == [(2,)])
        for setup, relay, version in rows(server, "SELECT setup_ms,relay,version FROM quality"):
            expect(0 <= setup <= 60000 and not relay and version == "1.0", (setup, relay, version))
        for row in rows(server, "SELECT * FROM quality"):
            expect("127.0.0.1" not in str(row) and "::1" not in str(row), row)


def test_sign_out_while_it_is_away():
    """Over at once for the program; the service hears of it when it can, from the next program if need be."""
    with Server(config=QUICK, tls=True, port=steady_port()) as server, Clients(server) as clients:
        clients.both_online()
        expect(rows(server, "SELECT count(*) FROM session") == [(2,)])
        server.signal(signal.SIGKILL)
        server.process.communicate()
        clients.want("offline", "session", "alice", "offline")
        clients.want("XCALL_OK", "signout", "alice")
        clients.want("signed_out", "session", "alice", "signed_out")
        clients.want("XCALL_OK", "resign", "alice")
        with Server(config=QUICK, tls=True, folder=server.folder, port=server.port) as fresh:
            clients.want("XCALL_OK", "in", "alice")
            clients.want("online", "session", "alice", "online")
            wait_for("it has left", lambda: '"leaving"' not in state_file(server))
            expect(rows(fresh, "SELECT count(*) FROM session") == [(2,)])  # bob's, and the new one
            fresh.stop()


def test_woken():
    """A push for a call that is over: the host hears so, under the id that it was given."""
    with Server(config=QUICK, tls=True) as server, Clients(server) as clients:
        clients.both_online()
        for _ in range(2):  # on a connection that is there, then with the hello
            clients.want("XCALL_OK", "woken", "alice", str(uuid.uuid4()))
            clients.want("ended", "state", "alice", "ended")
            clients.want("cancelled", "reason", "alice")
            clients.want("XCALL_OK", "resign", "alice")
        server.stop()


def test_kill_while_it_rings():
    with Server(config=QUICK, tls=True, port=steady_port()) as server, Clients(server) as clients:
        clients.both_online()
        clients.may_call()
        clients.ring()
        with restart(server) as fresh:
            clients.want("online", "session", "alice", "online")
            clients.want("online", "session", "bob", "online")
            clients.want("ringing_in", "state", "bob", "ringing_in")
            clients.want("XCALL_OK", "accept", "bob")
            clients.want("active", "state", "alice", "active")
            clients.want("active", "state", "bob", "active")
            clients.want("XCALL_OK", "hangup", "alice")
            clients.want("ended", "state", "bob", "ended")
            fresh.stop()


def test_kill_mid_call():
    with Server(config=QUICK, tls=True, port=steady_port()) as server, Clients(server) as clients:
        clients.both_online()
        clients.may_call()
        clients.connect()
        with restart(server) as fresh:
            clients.want("0 ", "ask", "alice", "perm.get", "{}")  # waits for the connection
            clients.want("0 ", "ask", "bob", "perm.get", "{}")
            clients.want("active", "state", "alice", "active")
            clients.want("active", "state", "bob", "active")
            clients.want("XCALL_OK", "hangup", "alice")
            clients.want("ended", "state", "bob", "ended")
            clients.want("hangup", "reason", "bob")
            fresh.stop()


def test_glare():
    with Server(config=QUICK, tls=True) as server, Clients(server) as clients:
        clients.both_online()
        clients.may_call()
        clients.want("0 ", "ask", "bob", "msg.send", '{"to":"alice","text":"hello"}')
        clients.want("XCALL_OK", "call", "alice", "bob")
        clients.want("XCALL_OK", "call", "bob", "alice")
        clients.want("active", "state", "alice", "active")
        clients.want("active", "state", "bob", "active")


def test_relay_unavailable():
    with Server(config=QUICK, tls=True) as server, Clients(server) as clients:
        clients.both_online()
        clients.may_call()
        clients.want("0 ", "ask", "bob", "perm.set", '{"has_enhanced_call_privacy_enabled":true}')
        clients.want("XCALL_OK", "call", "alice", "bob")
        clients.want("ended", "state", "alice", "ended")
        clients.want("relay_unavailable", "reason", "alice")


def test_certificates():
    with Server(config=QUICK, tls=True) as server:
        other, _ = make_certificate(server.folder, prefix="other-")
        with Clients(server, ca_file=other) as clients:
            clients.want("XCALL_OK", "up", "alice")
            clients.want("offline the service's certificate is not good: self", "session", "alice", "offline")
        with Clients(server, host="127.0.0.1") as clients:  # the certificate is for localhost
            clients.want("XCALL_OK", "up", "bob")
            clients.want("offline the service's certificate does not fit its name", "session", "bob", "offline")
        expect("bob" not in open(server.log, encoding="utf-8").read())


def test_signed_out():
    with Server(config=QUICK, tls=True) as server, Clients(server) as clients:
        clients.want("XCALL_OK", "up", "alice")
        clients.want("online", "session", "alice", "online")
        clients.want("0 ", "ask", "alice", "account.delete", '{"password":"a good password"}')
        clients.want("signed_out revoked", "session", "alice", "signed_out")
        wait_for("the token is forgotten", lambda: '"token"' not in state_file(server))


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
