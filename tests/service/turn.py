"""turn.py - so much of a TURN client (RFC 8656, long-term credentials) as asks a relay for what it should refuse.
SPDX-License-Identifier: MIT"""
import hashlib
import hmac
import os
import socket
import struct
import zlib

COOKIE = 0x2112A442
ALLOCATE, REFRESH, PERMISSION, CHANNEL = 3, 4, 8, 9
USERNAME, INTEGRITY, ERROR, LIFETIME, XOR_PEER, REALM, NONCE, XOR_RELAYED, TRANSPORT, CHANNEL_NUMBER = (
    0x0006, 0x0008, 0x0009, 0x000D, 0x0012, 0x0014, 0x0015, 0x0016, 0x0019, 0x000C)


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xor_address(address, port, transaction):
    mask = struct.pack(">I", COOKIE) + transaction
    raw = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    return struct.pack(">BBH", 0, 2 if len(raw) == 16 else 1, port ^ (COOKIE >> 16)) + bytes(
        one ^ other for one, other in zip(raw, mask))


class Turn:
    """One five-tuple. Each request answers 0 or the error's number."""

    def __init__(self, address, username, credential, made=None):
        self.socket = made or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(2)
        self.address, self.username, self.credential = address, username, credential
        self.realm = self.nonce = b""
        self.found = {}

    def once(self, method, attributes):
        transaction = os.urandom(12)
        body = b"".join(attribute(kind, value(transaction) if callable(value) else value)
                        for kind, value in attributes)
        if self.nonce:
            body += (attribute(USERNAME, self.username.encode()) + attribute(REALM, self.realm) +
                     attribute(NONCE, self.nonce))
            key = hashlib.md5(b":".join([self.username.encode(), self.realm,
                                         self.credential.encode()])).digest()
            head = struct.pack(">HHI", method, len(body) + 24, COOKIE) + transaction
            body += attribute(INTEGRITY, hmac.new(key, head + body, hashlib.sha1).digest())
        packet = struct.pack(">HHI", method, len(body) + 8, COOKIE) + transaction + body
        packet += attribute(0x8028, struct.pack(">I", zlib.crc32(packet) ^ 0x5354554E))
        for _ in range(3):
            self.socket.sendto(packet, self.address)
            try:
                while True:
                    answer = self.socket.recv(1500)
                    if answer[8:20] == transaction:
                        return self.take(answer)
            except socket.timeout:
                continue
        return -1

    def take(self, answer):
        self.found, at = {}, 20
        while at + 4 <= len(answer):
            kind, size = struct.unpack_from(">HH", answer, at)
            self.found[kind] = answer[at + 4:at + 4 + size]
            at += 4 + size + (-size % 4)
        if struct.unpack_from(">H", answer)[0] & 0x0110 != 0x0110:  # no error response
            return 0
        return self.found[ERROR][2] * 100 + self.found[ERROR][3]

    def ask(self, method, *attributes):
        code = self.once(method, attributes)
        for _ in range(2):
            if code not in (401, 438) or NONCE not in self.found:
                break
            if code == 401 and self.nonce:
                break
            self.realm, self.nonce = self.found.get(REALM, self.realm), self.found[NONCE]
            code = self.once(method, attributes)
        return code

    def allocate(self, protocol=17):
        return self.ask(ALLOCATE, (TRANSPORT, bytes([protocol, 0, 0, 0])))

    def permit(self, address):
        return self.ask(PERMISSION, (XOR_PEER, lambda transaction: xor_address(address, 9, transaction)))

    def bind(self, address, port):
        return self.ask(CHANNEL, (CHANNEL_NUMBER, b"\x40\x00\0\0"),
                        (XOR_PEER, lambda transaction: xor_address(address, port, transaction)))

    def release(self):
        return self.ask(REFRESH, (LIFETIME, bytes(4)))

    def close(self):
        self.socket.close()
