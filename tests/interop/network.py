"""network.py - a network of the test's own, and a way through it that loses packets.

enter() runs the program again inside a fresh network namespace (a veth pair with an address and a
default route, which browsers and mDNS need); it vanishes with the program. Where the system allows
none, loopback with the peers' flags for it must do.
SPDX-License-Identifier: MIT"""
import os
import random
import re
import select
import socket
import subprocess
import sys
import threading
import time

ADDRESS = "10.77.0.1"
INSIDE = "XCALL_INTEROP_NETWORK"  # "veth" or "loopback", in the environment of the second run

SETUP = f"""
set -e
ip link set lo up
ip link add va type veth peer name vb
ip addr add {ADDRESS}/24 dev va
ip link set va up
ip link set vb up
ip route add default via 10.77.0.254 dev va
exec "$@"
"""


def enter():
    """Returns only inside. Standard output and the exit code are those of the second run."""
    if INSIDE in os.environ:
        return
    environment = {**os.environ, INSIDE: "veth"}
    command = ["sh", "-c", SETUP, "sh", sys.executable, *sys.argv]
    for prefix in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        trial = subprocess.run(prefix + ["sh", "-c", SETUP, "sh", "true"], capture_output=True,
                               check=False)
        if trial.returncode == 0:
            os.execvpe("unshare", prefix + command, environment)
    print("# no network namespace can be made here: loopback is used", flush=True)
    os.execvpe(sys.executable, [sys.executable, *sys.argv], {**environment, INSIDE: "loopback"})


def on_loopback():
    return os.environ.get(INSIDE) != "veth"


def address():
    return "127.0.0.1" if on_loopback() else ADDRESS


def dropped():
    """Datagrams that the system threw away so far because whom they were for came too late to take
    them: what is lost so is no fault of a sender's."""
    with open("/proc/self/net/snmp", encoding="ascii") as file:
        names, values = (line.split() for line in file if line.startswith("Udp:"))
    udp = dict(zip(names, values))
    with open("/proc/self/net/softnet_stat", encoding="ascii") as file:
        queues = sum(int(line.split()[1], 16) for line in file)
    return queues + sum(int(udp.get(name, 0)) for name in ("RcvbufErrors", "MemErrors"))


class LossyLink(threading.Thread):
    """Stands between the far peer and one address of ours; loses, delays and counts datagrams.

    The far peer gets only this link's address as our candidate; each of its source addresses has
    a socket of its own towards us, which our side learns as a peer-reflexive candidate. `loss_in`
    and `loss_out` are the shares lost towards us and from us; only media is lost, so that STUN and
    the handshake do not decide about the test.

        far peer <--> front socket | back socket <--> our port
    """

    def __init__(self, target, loss_in=0.0, loss_out=0.0, delay_ms=0, seed=1):
        super().__init__(daemon=True)
        self.target = target
        self.loss_in, self.loss_out, self.delay_s = loss_in, loss_out, delay_ms / 1000
        self.random = random.Random(seed)
        self.front = self._socket()
        self.backs = {}  # far address -> our back socket
        self.passed_in = self.passed_out = self.lost_in = self.lost_out = 0
        self.waiting = []  # (due, socket, bytes, to), oldest first: the delay is one for all
        self.ended = False
        self.start()

    @staticmethod
    def _socket():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        made.bind((address(), 0))
        return made

    @property
    def port(self):
        return self.front.getsockname()[1]

    def _lost(self, data, share):
        is_media = len(data) > 1 and 128 <= data[0] <= 191 and not 192 <= data[1] <= 223
        return is_media and self.random.random() < share

    def _send(self, out, data, to):
        if self.delay_s:
            self.waiting.append((time.monotonic() + self.delay_s, out, data, to))
        else:
            out.sendto(data, to)

    def _take(self, ready):
        data, source = ready.recvfrom(4096)
        if ready is self.front:
            back = self.backs.setdefault(source, None) or self._socket()
            self.backs[source] = back
            if self._lost(data, self.loss_in):
                self.lost_in += 1
                return
            self.passed_in += 1
            self._send(back, data, self.target)
            return
        far = next(key for key, back in self.backs.items() if back is ready)
        if self._lost(data, self.loss_out):
            self.lost_out += 1
            return
        self.passed_out += 1
        self._send(self.front, data, far)

    def run(self):
        while not self.ended:
            wait = 0.2
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, out, data, to = self.waiting.pop(0)
                out.sendto(data, to)
            if self.waiting:
                wait = max(0.0, self.waiting[0][0] - time.monotonic())
            for ready in select.select([self.front, *self.backs.values()], [], [], wait)[0]:
                try:
                    self._take(ready)
                except OSError:
                    pass

    def close(self):
        self.ended = True
        self.join(2)
        for used in (self.front, *self.backs.values()):
            used.close()


CANDIDATE = re.compile(r"(candidate:\S+ \d+ udp \d+) (\S+) (\d+) typ (\S+)", re.I)


class LossyPath:
    """Rewrites the signals of a call so that all its datagrams go through a LossyLink."""

    def __init__(self, **options):
        self.options = options
        self.link = None

    def _rewrite(self, text):
        def change(match):
            if not self.link:
                self.link = LossyLink((match.group(2), int(match.group(3))), **self.options)
            return f"{match.group(1)} {address()} {self.link.port} typ {match.group(4)}"
        return CANDIDATE.sub(change, text)

    def from_us(self, line):
        """A line of ours, as the far peer may see it."""
        for key in ("sdp", "candidate"):
            if line.get(key):
                line = {**line, key: self._rewrite(line[key])}
        return line

    def to_us(self, line):
        """A line of the far peer's without its candidates; None: nothing is left of it."""
        if line.get("type") == "candidate" and line.get("candidate"):
            return None
        if line.get("sdp"):
            kept = [text for text in line["sdp"].split("\r\n") if not text.startswith("a=candidate")]
            line = {**line, "sdp": "\r\n".join(kept)}
        return line

    def set_loss(self, loss_in=0.0, loss_out=0.0):
        self.link.loss_in, self.link.loss_out = loss_in, loss_out

    def close(self):
        if self.link:
            self.link.close()
