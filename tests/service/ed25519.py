"""ed25519.py - a device's key and the signature over a body (docs/protocol.md, "Bodies and their signature"),
by OpenSSL's libcrypto through ctypes; the safety number in plain Python.
SPDX-License-Identifier: MIT"""
import base64
import ctypes
import ctypes.util
import hashlib
import re

NID = 1087  # EVP_PKEY_ED25519
crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
for name, arguments in (("EVP_PKEY_new_raw_private_key", (ctypes.c_int, ctypes.c_void_p,
                                                          ctypes.c_char_p, ctypes.c_size_t)),
                        ("EVP_PKEY_new_raw_public_key", (ctypes.c_int, ctypes.c_void_p,
                                                         ctypes.c_char_p, ctypes.c_size_t)),
                        ("EVP_MD_CTX_new", ())):
    getattr(crypto, name).restype = ctypes.c_void_p
    getattr(crypto, name).argtypes = arguments
for name, arguments in (
        ("EVP_PKEY_get_raw_public_key", (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)),
        ("EVP_DigestSignInit", (ctypes.c_void_p,) * 5),
        ("EVP_DigestSign", (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_char_p,
                            ctypes.c_size_t)),
        ("EVP_DigestVerifyInit", (ctypes.c_void_p,) * 5),
        ("EVP_DigestVerify", (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                              ctypes.c_size_t)),
        ("EVP_MD_CTX_free", (ctypes.c_void_p,)), ("EVP_PKEY_free", (ctypes.c_void_p,))):
    getattr(crypto, name).argtypes = arguments


class Key:
    """public: base64, as hello says it."""

    def __init__(self, seed):
        self.handle = crypto.EVP_PKEY_new_raw_private_key(NID, None, seed, 32)
        public, size = ctypes.create_string_buffer(32), ctypes.c_size_t(32)
        assert self.handle and crypto.EVP_PKEY_get_raw_public_key(self.handle, public,
                                                                  ctypes.byref(size)) == 1
        self.raw = public.raw
        self.public = base64.b64encode(self.raw).decode()

    def sign(self, data):
        context = crypto.EVP_MD_CTX_new()
        out, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
        good = crypto.EVP_DigestSignInit(context, None, None, None, self.handle) == 1 and \
            crypto.EVP_DigestSign(context, out, ctypes.byref(size), data, len(data)) == 1
        crypto.EVP_MD_CTX_free(context)
        assert good
        return base64.b64encode(out.raw).decode()


def verify(public, signature, data):
    handle = crypto.EVP_PKEY_new_raw_public_key(NID, None, base64.b64decode(public), 32)
    context = crypto.EVP_MD_CTX_new()
    raw = base64.b64decode(signature)
    good = crypto.EVP_DigestVerifyInit(context, None, None, None, handle) == 1 and \
        crypto.EVP_DigestVerify(context, raw, len(raw), data, len(data)) == 1
    crypto.EVP_MD_CTX_free(context)
    crypto.EVP_PKEY_free(handle)
    return good


def signed_text(call, kind, sender, to, sdp, seq=None):
    """What a body's signature is over."""
    prints = sorted({f"{name.lower()} {value.upper()}" for name, value in
                     re.findall(r"^a=fingerprint:(\S+) (\S+)", sdp, re.M)})
    ufrag, password = (re.search(rf"^a=ice-{name}:(\S+)", sdp, re.M).group(1)
                       for name in ("ufrag", "pwd"))
    return "".join(f"{line}\n" for line in ("xcall-1 body", call, kind, sender, to,
                                            ",".join(prints), ufrag, password,
                                            *([seq] if seq else []))).encode()


def body(key, call, kind, sender, to, sdp):
    return {"type": kind, "sdp": sdp, "key": key.public,
            "sig": key.sign(signed_text(call, kind, sender, to, sdp))}


def body_fits(made, call, sender, to):
    return verify(made["key"], made["sig"],
                  signed_text(call, made["type"], sender, to, made["sdp"], made.get("seq")))


def safety_number(*sides):
    """Of (public key in base64, name) twice."""
    blocks = []
    for public, name in sides:
        key = base64.b64decode(public)
        value = b"\0\0" + key + name.encode()
        for _ in range(5200):
            value = hashlib.sha512(value + key).digest()
        blocks.append("".join(f"{int.from_bytes(value[at:at + 5], 'big') % 100000:05}"
                              for at in range(0, 30, 5)))
    digits = "".join(sorted(blocks))
    return " ".join(digits[at:at + 5] for at in range(0, 60, 5))
