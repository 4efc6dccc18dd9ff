"""web_proxy.py - stands between a browser and xcalld: frames of the WebSocket can be looked at, altered or
dropped (somebody in the middle), connections cut.
SPDX-License-Identifier: MIT"""
import json
import os
import socket
import struct
import threading

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8"}


def frame_of(data, opcode, masked):
    """A frame, unfragmented; a mask of zeros where one must be."""
    size, bit = len(data), 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, bit | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, bit | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + data


def read_frame(stream):
    """(opcode, data, final), None at the end."""
    head = stream.read(2)
    if len(head) < 2:
        return None
    size = head[1] & 127
    if size > 125:
        size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
    mask = stream.read(4) if head[1] & 0x80 else None
    data = stream.read(size)
    if len(data) < size:
        return None
    if mask:
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
    return head[0] & 15, data, bool(head[0] & 0x80)


class Proxy:
    """change(frame, to_server) -> the frame (a dict) to pass on, or None. files: a folder whose files are
    served instead of the server's own."""

    def __init__(self, port, change=None, files=None, listen=0):
        self.port_behind, self.change, self.files = port, change, files
        self.server = socket.create_server(("127.0.0.1", listen), reuse_port=False)
        self.port = self.server.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self.server.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            self._pass(client)
        except (OSError, ValueError):
            pass
        finally:
            client.close()

    def _pass(self, client):
        stream = client.makefile("rb")
        lines = []
        while True:
            line = stream.readline()
            if not line:
                return
            lines.append(line)
            if line == b"\r\n":
                break
        upgrade = any(line.lower().startswith(b"upgrade:") for line in lines)
        path = lines[0].split()[1].decode()
        if self.files and not upgrade and self._file(client, path):
            return
        behind = socket.create_connection(("127.0.0.1", self.port_behind))
        self.sockets += [client, behind]
        kept = [line for line in lines if upgrade or not line.lower().startswith(b"connection:")]
        if not upgrade:
            kept.insert(1, b"Connection: close\r\n")
        behind.sendall(b"".join(kept))
        if not upgrade:
            self._copy(behind, client)
            return
        answers = behind.makefile("rb")
        while True:
            line = answers.readline()
            client.sendall(line)
            if line in (b"\r\n", b""):
                break
        threading.Thread(target=self._frames, args=(answers, client, False), daemon=True).start()
        self._frames(stream, behind, True)

    def _file(self, client, path):
        name = os.path.basename(path.split("?")[0]) or "index.html"
        full = os.path.join(self.files, name)
        if not os.path.isfile(full):
            return False
        with open(full, "rb") as file:
            data = file.read()
        client.sendall((f"HTTP/1.1 200 OK\r\nContent-Type: {TYPES[os.path.splitext(name)[1]]}\r\n"
                        f"Content-Length: {len(data)}\r\nCache-Control: no-store\r\n"
                        "Content-Security-Policy: default-src 'none'; script-src 'self'; "
                        "style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: "
                        "mediastream:; connect-src 'self'\r\n"
                        "Connection: close\r\n\r\n").encode() + data)
        return True

    @staticmethod
    def _copy(source, to):
        while True:
            data = source.recv(65536)
            if not data:
                return
            to.sendall(data)

    def _frames(self, stream, to, to_server):
        text = b""
        try:
            while True:
                got = read_frame(stream)
                if got is None:
                    break
                opcode, data, final = got
                if opcode in (0, 1):
                    text += data
                    if not final:
                        continue
                    data, text, opcode = self._changed(text, to_server), b"", 1
                    if data is None:
                        continue
                to.sendall(frame_of(data, opcode, to_server))
        except (OSError, ValueError):
            pass
        for end in (to,):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _changed(self, data, to_server):
        if not self.change:
            return data
        frame = self.change(json.loads(data), to_server)
        return None if frame is None else json.dumps(frame).encode()

    def cut(self):
        """Every connection, without a word."""
        for used in self.sockets:
            try:
                used.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets = []

    def close(self):
        self.server.close()
        self.cut()
