"""websocket.py - the client side of RFC 6455, as far as a browser's remote control needs it, and
JSON requests with numbers over it (the form that CDP and WebDriver BiDi share).
SPDX-License-Identifier: MIT"""
import base64
import json
import os
import queue
import socket
import struct
import threading
import urllib.parse


class WebSocket:
    def __init__(self, url, timeout=20, headers=""):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout)
        self.send_lock = threading.Lock()
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                             f"{headers}\r\n")
                            .encode())
        self.input = self.socket.makefile("rb")
        status = self.input.readline()
        while self.input.readline().strip():
            pass
        if b" 101 " not in status:
            raise ConnectionError(f"{url}: {status!r}")
        self.socket.settimeout(None)

    def send(self, text, opcode=1):
        data = text.encode()
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
        mask = os.urandom(4)
        stream = (mask * (size // 4 + 1))[:size]
        masked = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
        with self.send_lock:
            self.socket.sendall(head + mask + masked.to_bytes(size, "big"))

    def receive(self):
        """The next text; None at the end."""
        message = b""
        while True:
            head = self.input.read(2)
            if len(head) < 2:
                return None
            size = head[1] & 127
            if size == 126:
                size = struct.unpack("!H", self.input.read(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self.input.read(8))[0]
            data = self.input.read(size)
            opcode = head[0] & 15
            if opcode == 8 or len(data) < size:
                return None
            if opcode == 9:
                self.send(data.decode(errors="replace"), 10)
            elif opcode in (0, 1, 2):
                message += data
                if head[0] & 0x80:
                    return message.decode()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class RemoteError(Exception):
    """The browser refused a request, or does not answer."""


class Remote:
    """Requests from any thread; answers are matched by number."""

    def __init__(self, url):
        self.socket = WebSocket(url)
        self.lock = threading.Lock()
        self.next_id = 0
        self.waiting = {}
        self.events = []  # what the browser said unasked, the newest 1000
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            try:
                text = self.socket.receive()
            except (OSError, ValueError):
                text = None
            if text is None:
                break
            message = json.loads(text)
            answer = self.waiting.pop(message.get("id"), None)
            if answer:
                answer.put(message)
            else:
                self.events = self.events[-999:] + [message]
        for answer in list(self.waiting.values()):
            answer.put({"error": "the browser is gone"})

    def ask(self, method, params=None, seconds=30, **more):
        answer = queue.Queue()
        with self.lock:
            self.next_id += 1
            number = self.next_id
            self.waiting[number] = answer
        if not self.thread.is_alive():
            raise RemoteError(f"{method}: the browser is gone")
        try:
            self.socket.send(json.dumps({"id": number, "method": method, "params": params or {},
                                         **more}))
            message = answer.get(timeout=seconds)
        except (OSError, queue.Empty):
            self.waiting.pop(number, None)
            raise RemoteError(f"{method}: no answer within {seconds} s") from None
        if "error" in message and message["error"]:
            raise RemoteError(f"{method}: {message.get('message') or message['error']}")
        return message["result"]

    def close(self):
        self.socket.close()
        self.thread.join(2)
