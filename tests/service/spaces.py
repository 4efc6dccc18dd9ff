"""spaces.py - a small internet for a test: a namespace for the service, one for the relay, one for each person, all
on a bridge, with a capture of every packet that a person's side sends. And coturn as docs/xcalld.md recommends it.

The addresses are of TEST-NET-3 (RFC 5737): not private ones, which the recommended relay refuses.
SPDX-License-Identifier: MIT"""
import ctypes
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

from server import PATIENCE, expect, make_certificate

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSIDE = "XCALL_SERVICE_SPACES"
SERVICE, RELAY, PORT = "203.0.113.1", "203.0.113.2", 3478
SECRET = "what only the service and the relay know"
SETUP = f"""set -e
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip addr add {SERVICE}/24 dev br0
exec "$@"
"""


def enter():
    """Returns only inside; False where no namespace can be made."""
    if os.environ.get(INSIDE):
        return True
    for prefix in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        if not shutil.which("unshare") or not shutil.which("ip"):
            return False
        trial = subprocess.run(prefix + ["sh", "-c", SETUP, "sh", "true"], capture_output=True,
                               check=False)
        if trial.returncode == 0:
            os.execvpe("unshare", prefix + ["sh", "-c", SETUP, "sh", sys.executable, *sys.argv],
                       {**os.environ, INSIDE: "yes"})
    return False


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Space:
    """A namespace with one address; prefix: what a command inside begins with."""

    all = {}

    def __init__(self, name, address):
        self.address = address
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "86400"],
                                       stdin=subprocess.DEVNULL)
        self.path = f"/proc/{self.holder.pid}/ns/net"
        until = time.monotonic() + PATIENCE
        while os.readlink(self.path) == os.readlink("/proc/self/ns/net"):
            expect(time.monotonic() < until, "no namespace")
            time.sleep(0.01)
        self.prefix = ["nsenter", f"--net={self.path}"]
        outer, inner = f"o-{name}", f"i-{name}"
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner)
        run("ip", "link", "set", inner, "netns", str(self.holder.pid))
        run("ip", "link", "set", outer, "master", "br0", "up")
        for line in ("link set lo up", f"addr add {address}/24 dev {inner}", f"link set {inner} up",
                     f"route add default via {SERVICE}"):
            run(*self.prefix, "ip", *line.split())

    @classmethod
    def of(cls, name):
        """Made when it is first asked for."""
        fixed = {"relay": RELAY}
        if name not in cls.all:
            cls.all[name] = cls(name, fixed.get(name, f"203.0.113.{11 + len(cls.all)}"))
        return cls.all[name]

    @classmethod
    def close_all(cls):
        for space in cls.all.values():
            space.holder.kill()
            space.holder.wait()
        cls.all.clear()

    def socket(self, kind=socket.SOCK_DGRAM, family=socket.AF_INET, protocol=0):
        """A socket inside, made by a thread that goes there."""
        made = []

        def make():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(self.path, "rb") as there:
                if libc.setns(there.fileno(), 0x40000000) == 0:  # CLONE_NEWNET
                    made.append(socket.socket(family, kind, protocol))
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        expect(made, "setns")
        return made[0]


def outgoing_only(raw):
    """What came in is left in the kernel (classic BPF: the packet's type, 4 for what leaves). Room for much of it:
    the buffer's usual limit is for who may change it, and on a busy machine the reader sleeps."""
    lines = struct.pack("HBBI" * 4, 0x20, 0, 0, 0xFFFFF004, 0x15, 0, 1, 4, 0x06, 0, 0, 0xFFFFFFFF, 0x06, 0, 0, 0)
    kept = ctypes.create_string_buffer(lines)
    raw.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", 4, ctypes.addressof(kept)))  # SO_ATTACH_FILTER
    try:
        raw.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    except PermissionError:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)


class Capture(threading.Thread):
    """Every IP packet that leaves this space: {(protocol, destination, port): packets}."""

    def __init__(self, space):
        super().__init__(daemon=True)
        self.space = space
        self.socket = space.socket(socket.SOCK_DGRAM, socket.AF_PACKET, socket.htons(3))
        outgoing_only(self.socket)
        self.socket.settimeout(0.1)
        self.flows, self.texts, self.ended = {}, [], None
        self.start()

    def run(self):
        while not self.ended or time.monotonic() < self.ended + 2:
            try:
                packet, link = self.socket.recvfrom(65535)
            except OSError:
                if self.ended:
                    return  # all that was captured by then is read
                continue
            if link[2] != socket.PACKET_OUTGOING:
                continue
            if link[1] == 0x86DD and packet[6] not in (0, 58):  # the kernel's own: neighbours, groups
                self.count("ipv6", packet[24:40].hex(), 0)
            elif link[1] == 0x0800 and link[0] != "lo":
                head = (packet[0] & 15) * 4
                port = struct.unpack_from(">H", packet, head + 2)[0] if packet[9] in (6, 17) else 0
                name = {1: "icmp", 6: "tcp", 17: "udp"}.get(packet[9], packet[9])
                self.count(name, socket.inet_ntoa(packet[16:20]), port)
                self.texts.append(packet)

    def count(self, *flow):
        self.flows[flow] = self.flows.get(flow, 0) + 1

    def stop(self):
        if not self.ended:
            self.ended = time.monotonic()
            self.join(PATIENCE)
            _, lost = struct.unpack("II", self.socket.getsockopt(263, 6, 8))  # PACKET_STATISTICS
            self.socket.close()
            expect(lost == 0, f"the capture lost {lost} packets")
        return self.flows

    def strange(self, *ports):
        """What went to anything but the service's port (TCP) and these UDP ports of the relay's."""
        wanted = {("udp", RELAY, port) for port in ports}
        return {flow: count for flow, count in self.stop().items()
                if not (flow[0] == "tcp" and flow[1] == SERVICE) and flow not in wanted
                and not (flow[0] == "icmp" and flow[1] in (SERVICE, RELAY))}

    def so_far(self, port=PORT):
        """Packets to the relay, while it goes on."""
        return self.flows.get(("udp", RELAY, port), 0)

    def relayed(self, port=PORT):
        return self.stop().get(("udp", RELAY, port), 0)


def recommended():
    """turnserver.conf of docs/xcalld.md."""
    with open(os.path.join(ROOT, "docs", "xcalld.md"), encoding="utf-8") as file:
        found = re.search(r"`turnserver\.conf`.*?```ini\n(.*?)```", file.read(), re.S)
    return found.group(1)


class Relay:
    """coturn in its own space. more: lines that are not in the recommended file; port: a second one."""

    def __init__(self, folder, more=(), port=PORT, without=()):
        self.port, self.space = port, Space.of("relay")
        self.log = os.path.join(folder, f"turn-{port}.log")
        name = os.path.join(folder, f"turn-{port}.conf")
        text = recommended().replace("static-auth-secret=SECRET", f"static-auth-secret={SECRET}")
        text = text.replace("listening-port=3478", f"listening-port={port}")
        lines = [line for line in text.splitlines() if line not in without]
        with open(name, "w", encoding="utf-8") as file:
            file.write("\n".join([
                *lines, f"listening-ip={RELAY}", f"relay-ip={RELAY}", "no-tls", "no-dtls",
                "simple-log", "log-file=stdout", f"pidfile={name}.pid", f"userdb={name}.db", *more, ""]))
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([*self.space.prefix, "turnserver", "-c", name, "-v"],
                                            stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL)
        self.wait()

    def wait(self):
        """Until it answers a Binding request."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.1)
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                try:
                    asker.sendto(struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12), (RELAY, self.port))
                    asker.recv(1500)
                    return
                except OSError:
                    expect(self.process.poll() is None, "coturn ended: " + self.said()[-400:])
        raise AssertionError("coturn does not answer")

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def service_folder(folder):
    """A certificate for the service's address."""
    make_certificate(folder, f"{SERVICE}", names=f"IP:{SERVICE},DNS:localhost")
    secret = os.path.join(folder, "turn-secret")
    with open(secret, "w", encoding="ascii") as file:
        file.write(SECRET + "\n")
    os.chmod(secret, 0o600)
    return secret
