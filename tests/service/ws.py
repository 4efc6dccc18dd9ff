"""ws.py - the client side of RFC 6455 for tests of the service: TLS, close codes, fragments, and a client
that does not read or does not answer pings.
SPDX-License-Identifier: MIT"""
import base64
import json
import os
import socket
import ssl
import struct
import time

PATIENCE = 60  # seconds; server.py has it too


class Closed(Exception):
    """The other end closed: .code (1006 where no close frame came)."""

    def __init__(self, code):
        super().__init__(f"closed with {code}")
        self.code = code


class Refused(Exception):
    """No upgrade: .status of HTTP, 0 where the connection was cut."""

    def __init__(self, status):
        super().__init__(f"refused with status {status}")
        self.status = status


def any_certificate():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class WebSocket:
    def __init__(self, port, tls=None, host="127.0.0.1", path="/xcall", protocol="xcall.1",
                 headers=(), timeout=PATIENCE, receive_buffer=0, pongs=True):
        self.pongs, self.pings = pongs, 0 # whether they are answered; how many came
        self.input = b""
        self.partial = b""
        raw = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(timeout)
        try:
            raw.connect((host, port))
            self.socket = tls.wrap_socket(raw, server_hostname="localhost") if tls else raw
            lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket",
                     "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                     "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
            if protocol:
                lines.append(f"Sec-WebSocket-Protocol: {protocol}")
            self.socket.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
            while b"\r\n\r\n" not in self.input:
                data = self.socket.recv(4096)
                if not data:
                    break
                self.input += data
        except (ConnectionError, ssl.SSLError) as error:
            raw.close()
            raise Refused(0) from error
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        words = head.split(b"\r\n")[0].split(b" ")
        status = int(words[1]) if len(words) > 1 else 0
        if status != 101:
            self.socket.close()
            raise Refused(status)
        self.head = head.decode()

    def frame(self, data, opcode=1, final=True):
        size = len(data)
        first = (0x80 if final else 0) | opcode
        if size < 126:
            head = struct.pack("!BB", first, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", first, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", first, 0x80 | 127, size)
        return head + b"\0\0\0\0" + data

    def send(self, what, opcode=1, final=True):
        if not isinstance(what, (str, bytes)):
            what = json.dumps(what)
        self.socket.settimeout(PATIENCE)  # not what is left of the time of somebody who receives
        self.socket.sendall(self.frame(what.encode() if isinstance(what, str) else what, opcode,
                                       final))

    def take(self):
        """(opcode, data) of a frame that is there whole, or None."""
        if len(self.input) < 2:
            return None
        size, at = self.input[1] & 127, 2
        if size == 126:
            if len(self.input) < 4:
                return None
            size, at = struct.unpack("!H", self.input[2:4])[0], 4
        elif size == 127:
            if len(self.input) < 10:
                return None
            size, at = struct.unpack("!Q", self.input[2:10])[0], 10
        if len(self.input) < at + size:
            return None
        first, data = self.input[0], self.input[at:at + size]
        self.input = self.input[at + size:]
        return first, data

    def receive(self, seconds=PATIENCE):
        """The next text; None when none comes in time; Closed."""
        until = time.monotonic() + seconds
        while True:
            frame = self.take()
            if frame is None:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self.socket.settimeout(left)
                try:
                    data = self.socket.recv(65536)
                except (socket.timeout, ssl.SSLWantReadError):
                    return None
                except (ConnectionError, ssl.SSLError):
                    data = b""
                if not data:
                    raise Closed(1006)
                self.input += data
                continue
            first, data = frame
            opcode = first & 15
            if opcode == 8:
                raise Closed(struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005)
            if opcode == 9:
                if self.pongs:
                    self.send(data, 10)
                self.pings += 1
            elif opcode < 3:
                self.partial += data
                if first & 0x80:
                    text, self.partial = self.partial.decode(), b""
                    return text

    def json(self, seconds=PATIENCE):
        text = self.receive(seconds)
        return None if text is None else json.loads(text)

    def closed(self, seconds=PATIENCE):
        """The code that it is closed with; what comes before is left out. None: it is open."""
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                self.receive(until - time.monotonic())
        except Closed as end:
            return end.code
        return None

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass
