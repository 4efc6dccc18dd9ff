#!/usr/bin/env python3
"""test_restart.py BUILD [TEST ...] - kill -9 of xcalld while a call rings and in the middle of one, with two
xcall-phones that come back by themselves; a device that comes online meanwhile; a drain. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from phone import Phone  # noqa: E402
from server import Server, expect, run_tests, steady_port, wait_for  # noqa: E402

QUICK = ["hash_memory_mib = 8"]


class Restarted:
    """xcalld on one port, which can be killed and started again on the same store."""

    def __init__(self, tls=True):
        self.port = steady_port()
        self.tls = tls
        self.server = self.start()

    def start(self, folder=None):
        return Server(config=QUICK, tls=self.tls, folder=folder, port=self.port)

    def kill(self, away=0.0):
        self.server.signal(signal.SIGKILL)
        self.server.process.communicate()
        time.sleep(away)
        before = self.server
        self.server = self.start(before.folder)
        self.server.own, before.own = True, False
        self.server.sockets, self.server.accounts = before.sockets, before.accounts

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.__exit__()


def two(service, alice=(), bob=()):
    service.server.friends("alice", "bob")
    return [Phone(service.server, name, *options, token=service.server.account(name))
            for name, options in (("alice", alice), ("bob", bob))]


def end(*phones):
    codes = [phone.finish() for phone in phones]
    expect(not any(codes), (codes, [phone.errors for phone in phones]))


def packets(phone):
    phone.say("stats")
    return phone.event("stats")["audio_received"]["packets_received"]


def test_killed_while_it_rings():
    """It rings on; accepted after the restart, the call has media; it rings once, not twice."""
    with Restarted() as service:
        alice, bob = two(service)
        alice.say("call bob")
        bob.event("incoming")
        alice.event("ringing")
        service.kill(away=0.5)
        bob.event("online")
        alice.event("online")
        bob.none("ended", 0.3)
        bob.none("incoming", 0.1)
        bob.say("accept")
        alice.event("active")
        bob.event("active")
        alice.say("hangup")
        expect(bob.event("ended")["reason"] == "hangup")
        end(alice, bob)


def test_accepted_while_it_is_away():
    """bob accepts while there is no service: the accept waits and is carried out."""
    with Restarted() as service:
        alice, bob = two(service)
        alice.say("call bob")
        bob.event("incoming")
        service.server.signal(signal.SIGKILL)
        service.server.process.communicate()
        bob.event("offline")
        bob.say("accept")
        service.kill(away=0.5)
        alice.event("active")
        bob.event("active")
        bob.say("hangup")
        expect(alice.event("ended")["reason"] == "hangup")
        bob.event("ended")
        end(alice, bob)


def test_killed_mid_call():
    """Media go on without the service; a hang-up after the restart reaches the other side."""
    with Restarted() as service:
        alice, bob = two(service)
        alice.say("call bob")
        bob.event("incoming")
        bob.say("accept")
        alice.event("active")
        bob.event("active")
        service.server.signal(signal.SIGKILL)
        service.server.process.communicate()
        alice.event("offline")
        bob.event("offline")
        before = packets(alice)
        wait_for("more sound while it is away", lambda: packets(alice) > before + 50, every=0.1)
        service.kill()
        alice.event("online")
        bob.event("online")
        alice.none("ended", 0.5)
        wait_for("sound at the other end", lambda: packets(bob) > 50, every=0.1)
        alice.say("hangup")
        expect(bob.event("ended")["reason"] == "hangup")
        alice.event("ended")
        # bob may have heard of it by the media, before the service did
        calls = wait_for("the history", lambda: bob.answer("history")["calls"])
        expect([(call["end"], call["missed"]) for call in calls] == [("hangup", False)], calls)
        end(alice, bob)


def test_hung_up_while_it_is_away():
    """alice hangs up while there is no service: bob hears of it by the media at once, the service later."""
    with Restarted() as service:
        alice, bob = two(service)
        alice.say("call bob")
        bob.event("incoming")
        bob.say("accept")
        alice.event("active")
        bob.event("active")
        service.server.signal(signal.SIGKILL)
        service.server.process.communicate()
        alice.event("offline")
        alice.say("hangup")
        alice.event("ended")
        service.kill(away=0.3)
        bob.event("ended")
        bob.event("online")
        alice.event("online")
        alice.say("call bob")  # and the next call is not in the way of the one before
        bob.event("incoming")
        bob.say("accept")
        alice.event("active")
        alice.say("hangup")
        bob.event("ended")
        end(alice, bob)


def test_comes_online_at_the_restart():
    """bob's phone is switched on while it rings, and the service is killed just then."""
    with Restarted() as service:
        service.server.friends("alice", "bob")
        alice = Phone(service.server, "alice", token=service.server.account("alice"))
        token = service.server.account("bob")
        alice.say("call bob")
        alice.event("calling")
        time.sleep(0.5)
        bob = Phone(service.server, "bob", "--answer", "yes")
        bob.close()
        path = os.path.join(service.server.folder, "token-later")
        with open(path, "w", encoding="ascii") as file:
            file.write(token + "\n")
        bob = Phone(service.server, "bob", "--answer", "yes", "--token-file", path)
        service.kill(away=0.2)
        bob.event("online")
        alice.event("active")
        bob.event("active")
        bob.say("hangup")
        alice.event("ended")
        end(alice, bob)


def test_drained_mid_call():
    """SIGTERM: phones are told to come back, nobody's call ends."""
    with Restarted() as service:
        alice, bob = two(service)
        alice.say("call bob")
        bob.event("incoming")
        bob.say("accept")
        alice.event("active")
        bob.event("active")
        service.server.stop()
        service.kill()
        alice.event("online")
        bob.event("online")
        bob.say("hangup")
        expect(alice.event("ended")["reason"] == "hangup")
        bob.event("ended")
        end(alice, bob)


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
