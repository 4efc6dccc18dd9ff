#!/usr/bin/env python3
"""test_relay.py - calls over a real TURN server (coturn with time-limited credentials) between two
xcall-peer processes, and every packet of them: a call that must be relayed sends none to any address
but the server's. Runs in a network namespace of its own.

usage: test_relay.py BUILD_DIRECTORY [name ...]

Prints TAP; exit code 1 when a test failed. Python's standard library only.

SPDX-License-Identifier: MIT
"""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "interop")]
import network  # noqa: E402
import test_peer  # noqa: E402

SECRET = "one that only the service and the relay know"
SERVERS = ("10.77.0.1", "10.77.0.2")
PEERS = ("10.77.0.11", "10.77.0.12")
PORT = 3478
SO_RCVBUFFORCE = 33  # above the system's limit: a capture that is short of time loses nothing
RELAYED = range(61000, 61101)  # beside the system's ephemeral ports


class Turn:
    """One coturn."""

    def __init__(self, tmp, address):
        self.address = address
        self.log = os.path.join(tmp, "turn-%s.log" % address)
        name = os.path.join(tmp, "turn-%s.conf" % address)
        with open(name, "w", encoding="utf-8") as file:
            file.write("\n".join([
                "listening-ip=" + address, "relay-ip=" + address, "listening-port=%d" % PORT,
                "min-port=%d" % RELAYED[0], "max-port=%d" % RELAYED[-1], "use-auth-secret",
                "static-auth-secret=" + SECRET, "realm=relay.example", "fingerprint", "no-tls",
                "no-dtls", "no-cli", "no-tcp", "no-tcp-relay", "no-rfc5780", "simple-log",
                "log-file=stdout", "pidfile=%s.pid" % name, "userdb=%s.db" % name, ""]))
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["turnserver", "-c", name, "-v"], stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.wait()

    def wait(self):
        """Until it answers a Binding request."""
        asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asker.settimeout(0.1)
        for _ in range(400):
            try:
                asker.sendto(struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12), (self.address, PORT))
                asker.recv(1500)
                break
            except OSError:
                assert self.process.poll() is None, "coturn ended: " + self.said()[-400:]
        else:
            raise AssertionError("coturn does not answer")
        asker.close()

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def end(self):
        self.process.kill()
        self.process.wait()


class Capture(threading.Thread):
    """Every packet that leaves anywhere in this namespace, by an AF_PACKET socket."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        self.socket.settimeout(0.1)
        self.flows = {}  # (protocol, source, port, destination, port) -> packets
        self.ended = False
        self.start()

    def take(self, packet, protocol):
        if protocol == 0x86DD:
            flow = ("ipv6", packet[6], "", 0, "", 0)
            if packet[6] in (0, 58):  # the kernel's own: neighbours, groups
                return
        elif protocol == 0x0800:
            head = (packet[0] & 15) * 4
            ports = struct.unpack_from(">HH", packet, head) if packet[9] in (6, 17) else (0, 0)
            flow = ("ipv4", packet[9], socket.inet_ntoa(packet[12:16]), ports[0],
                    socket.inet_ntoa(packet[16:20]), ports[1])
        else:
            return  # ARP
        self.flows[flow] = self.flows.get(flow, 0) + 1

    def run(self):
        while not self.ended:
            try:
                packet, address = self.socket.recvfrom(65535)
            except OSError:
                continue
            if address[2] == socket.PACKET_OUTGOING:
                self.take(packet, address[1])

    def stop(self):
        time.sleep(0.2)
        self.ended = True
        self.join(2)
        _, dropped = struct.unpack("II", self.socket.getsockopt(263, 6, 8))  # PACKET_STATISTICS
        self.socket.close()
        assert dropped == 0, "the capture lost %d packets" % dropped
        return self.flows


def of_peers(flows):
    """What no server sent."""
    return {flow: count for flow, count in flows.items()
            if not (flow[1] == 17 and flow[2] in SERVERS and (flow[3] == PORT or flow[3] in RELAYED))}


def check_hidden(flows, packets_min=1):
    """Every packet of the peers' is UDP to a server's own port. (Between them and a server there is
    also the kernel's ICMP for a socket that is closed by now.)"""
    sent = {flow: count for flow, count in of_peers(flows).items()
            if not (flow[1] == 1 and (flow[2] in SERVERS or flow[4] in SERVERS))}
    strange = {flow: count for flow, count in sent.items()
               if flow[:2] != ("ipv4", 17) or flow[4] not in SERVERS or flow[5] != PORT}
    assert not strange, "packets to others than the relay: %s" % strange
    assert sum(sent.values()) >= packets_min, "only %s" % sent


def credentials(user, seconds=600, secret=SECRET):
    """As a service makes them for coturn's use-auth-secret."""
    name = "%d:%s" % (time.time() + seconds, user)
    digest = hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()
    return name, base64.b64encode(digest).decode()


def servers(user, addresses=SERVERS[:1], **options):
    name, password = credentials(user, **options)
    return [{"urls": "turn:%s:%d?transport=udp" % (address, PORT), "username": name,
             "credential": password} for address in addresses]


def server_file(tmp, user, *args, **options):
    name = os.path.join(tmp, user + ".json")
    with open(name, "w", encoding="utf-8") as file:
        json.dump(servers(user, *args, **options), file)
    return name


def pair(offer, answer, bind=PEERS):
    """As test_peer's, each bound to an address of its own, or to none."""
    alice = test_peer.Peer("--offer", *offer, *(["--bind", bind[0]] if bind else []), bind=False)
    bob = test_peer.Peer("--answer", *answer, *(["--bind", bind[1]] if bind else []), bind=False)
    alice.start(bob)
    bob.start(alice)
    return alice, bob


def finish(alice, bob, codes=(0, 0)):
    got = alice.finish(), bob.finish()
    assert got == codes, "exit codes %s, wanted %s; %s %s" % (got, codes, alice.errors, bob.errors)


def flow_relayed(alice, bob):
    """As much as the checks below want, then alice hangs up."""
    for peer in (alice, bob):
        peer.connected()
        test_peer.flowed(peer, relay_packets_sent=110, relay_packets_received=110,
                         audio_received__packets_received=60)
    alice.send({"type": "hangup"})


def check_relayed(peer):
    stats = peer.stats()
    assert stats["local_candidate_type"] == "relay", stats["local_candidate_type"]
    assert stats["remote_candidate_type"] == "relay", stats["remote_candidate_type"]
    assert stats["relay_packets_sent"] > 50 and stats["relay_packets_received"] > 50
    assert stats["audio_received"]["packets_received"] > 50


def check_signals(peer):
    """What it signalled has no candidate but relayed ones, and no address of its own."""
    for line in peer.lines:
        text = line.get("sdp", "") + line.get("candidate", "")
        assert " typ host" not in text and " typ srflx" not in text, text
        assert not any(address in text for address in PEERS), text


# --- tests ---------------------------------------------------------------------------------------

def test_relay_only(tmp):
    """Sound and pictures both ways, an ICE restart in between, and a capture of it all."""
    turn, capture = Turn(tmp, SERVERS[0]), Capture()
    try:
        alice, bob = pair(
            ["--relay-only", "--ice-server-file", server_file(tmp, "alice"),
             "--audio-out", os.path.join(tmp, "a.wav"), "--audio-in", "tone:600"],
            ["--relay-only", "--ice-server-file", server_file(tmp, "bob"),
             "--audio-out", os.path.join(tmp, "b.wav"), "--audio-in", "tone:900"])
        for peer in (alice, bob):
            peer.connected()
            test_peer.flowed(peer, **test_peer.heard(1))
        alice.send({"type": "do", "action": "restart-ice"})
        for kind, peer in (("offer", alice), ("answer", bob)):
            peer.wait_for(lambda l, peer=peer, kind=kind: [
                line["type"] for line in peer.lines].count(kind) == 2)
        for peer in (alice, bob):
            test_peer.flowed(peer, **test_peer.heard(2.2), **test_peer.PICTURES,
                             relay_packets_sent=250, relay_packets_received=250)
        alice.send({"type": "hangup"})
        finish(alice, bob)
        check_hidden(capture.stop(), 500)
        for peer in (alice, bob):
            check_relayed(peer)
            check_signals(peer)
        test_peer.check_tone(os.path.join(tmp, "a.wav"), 900, seconds_min=2)
        test_peer.check_tone(os.path.join(tmp, "b.wav"), 600, seconds_min=2)
    finally:
        turn.end()


def test_no_trickle_on_all_addresses(tmp):
    """Not told which address to use, without trickle, with a data channel beside."""
    turn, capture = Turn(tmp, SERVERS[0]), Capture()
    try:
        options = ["--relay-only", "--no-trickle", "--no-video", "--data"]
        alice, bob = pair(
            [*options, "--ice-server-file", server_file(tmp, "alice")],
            [*options, "--ice-server-file", server_file(tmp, "bob")], bind=None)
        alice.wait_for(lambda l: l["type"] == "channel" and l["state"] == "open")
        alice.send({"type": "data", "label": "data", "text": "by the relay"})
        bob.wait_for(lambda l: l["type"] == "data" and l["text"] == "by the relay")
        flow_relayed(alice, bob)
        finish(alice, bob)
        check_hidden(capture.stop(), 200)
        for peer in (alice, bob):
            check_relayed(peer)
            check_signals(peer)
    finally:
        turn.end()


def test_direct_when_allowed(tmp):
    """The same without --relay-only is direct: the capture sees what it is to see."""
    turn, capture = Turn(tmp, SERVERS[0]), Capture()
    try:
        alice, bob = pair(["--ice-server-file", server_file(tmp, "alice")],
                          ["--ice-server-file", server_file(tmp, "bob")])
        for peer in (alice, bob):
            peer.connected()
            test_peer.flowed(peer, packets_sent=150, relays_ready=1, **test_peer.PACKETS,
                             **test_peer.PICTURES)
        alice.send({"type": "hangup"})
        finish(alice, bob)
        flows = capture.stop()
        direct = sum(count for flow, count in flows.items()
                     if flow[2] in PEERS and flow[4] in PEERS)
        assert direct > 200, flows
        assert alice.stats()["local_candidate_type"] == "host"
        assert alice.stats()["relays_ready"] == 1
        try:
            check_hidden(flows)
        except AssertionError:
            return
        raise AssertionError("check_hidden finds nothing wrong with direct packets")
    finally:
        turn.end()


def test_wrong_secret(tmp):
    turn, capture = Turn(tmp, SERVERS[0]), Capture()
    try:
        alice, bob = pair(
            ["--relay-only", "--ice-server-file", server_file(tmp, "alice", secret="guessed")],
            ["--relay-only", "--ice-server-file", server_file(tmp, "bob")])
        ended = alice.wait_for(lambda l: l["type"] == "state" and l["state"] == "ended")
        assert ended["reason"] == "relay_unavailable", ended
        bob.end_input()
        finish(alice, bob, (1, 1))
        assert "credentials" in alice.errors, alice.errors
        check_hidden(capture.stop())
    finally:
        turn.end()


def test_servers_come_late(tmp):
    """Credentials are made for a call that is there already: by an action in mid-call."""
    turn, capture = Turn(tmp, SERVERS[0]), Capture()
    try:
        alice, bob = pair(["--relay-only", "--no-video"], ["--relay-only", "--no-video"])
        alice.wait_for(lambda l: l["type"] == "offer")
        time.sleep(0.5)  # the call is there and waits
        for peer, name in ((alice, "alice"), (bob, "bob")):
            peer.send({"type": "do", "action": "ice-servers", "servers": servers(name)})
        flow_relayed(alice, bob)
        finish(alice, bob)
        check_hidden(capture.stop(), 100)
        check_relayed(alice)
    finally:
        turn.end()


def test_server_dies(tmp):
    """Two servers; the one that carries the call is killed. The other goes on with it."""
    turns, capture = [Turn(tmp, address) for address in SERVERS], Capture()
    try:
        both = {"addresses": SERVERS}
        alice, bob = pair(
            ["--relay-only", "--no-video", "--ice-server-file", server_file(tmp, "alice", **both)],
            ["--relay-only", "--no-video", "--ice-server-file", server_file(tmp, "bob", **both)])
        for peer in (alice, bob):
            peer.connected()
            test_peer.flowed(peer, relay_packets_sent=60, relay_packets_received=60)
        used = {}
        for flow, count in of_peers(dict(capture.flows)).items():
            used[flow[4]] = used.get(flow[4], 0) + count
        turns[SERVERS.index(max(used, key=used.get))].end()
        alice.wait_for(lambda l: l["type"] == "state" and l["state"] == "connecting"
                       and l["reason"] == "reconnecting")
        alice.wait_for(lambda _: alice.states().count("connected") == 2)
        for peer in (alice, bob):
            test_peer.flowed(peer, audio_received__packets_received=60
                             + test_peer.member(peer.now(), "audio_received.packets_received"))
        alice.send({"type": "hangup"})
        finish(alice, bob)
        check_hidden(capture.stop(), 300)
        check_relayed(alice)
    finally:
        for turn in turns:
            turn.end()


def skip(reason):
    print("1..1\nok 1 - relay # skip %s" % reason)
    return 0


def main():
    if len(sys.argv) < 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    test_peer.PEER = os.path.join(os.path.abspath(sys.argv[1]), "examples", "xcall-peer")
    if not os.access(test_peer.PEER, os.X_OK):
        print("Bail out! %s is missing" % test_peer.PEER)
        return 2
    if not shutil.which("turnserver"):
        return skip("there is no coturn (Debian's package coturn)")
    network.enter()
    if network.on_loopback():
        return skip("no network namespace can be made here")
    for address in (*SERVERS[1:], *PEERS):
        subprocess.run(["ip", "addr", "add", address + "/24", "dev", "va"], check=True)
    tests = {n: f for n, f in globals().items() if n.startswith("test_") and callable(f)}
    wanted = ["test_" + n[5:] if n.startswith("test_") else "test_" + n for n in sys.argv[2:]]
    tests = {n: f for n, f in tests.items() if not wanted or n in wanted}
    print("1..%d" % len(tests))
    failed = 0
    for number, (name, run) in enumerate(tests.items(), 1):
        tmp = tempfile.mkdtemp(prefix="xcall_relay_")
        begun = time.monotonic()
        try:
            run(tmp)
            print("ok %d - %s # %.1f s" % (number, name[5:], time.monotonic() - begun))
        except Exception as error:  # a failed test is a line, the others still run
            failed += 1
            print("not ok %d - %s" % (number, name[5:]))
            for line in ("%s: %s" % (type(error).__name__, error)).splitlines()[:12]:
                print("# " + line)
            print("# " + traceback.format_tb(error.__traceback__)[-1].strip().splitlines()[0])
        sys.stdout.flush()
        shutil.rmtree(tmp, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
