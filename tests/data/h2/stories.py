#!/usr/bin/env python3
"""Writes the HPACK stories beside this file: header lists of our own making, encoded by two independent encoders.

    pip install hpack==4.2.0            # and libnghttp2.so.14, which curl brings
    python3 tests/data/h2/stories.py

A story is one encoder's life. `limit N`: the decoder's side sets SETTINGS_HEADER_TABLE_SIZE, and that is acknowledged.
`block HEX` is a header block; the lines behind it, `name TAB value` with bytes above ASCII and controls as in Python's
unicode_escape, are what it says.
"""
import ctypes
import pathlib
import random

import hpack

HERE = pathlib.Path(__file__).parent
WORDS = "accept cache-control x-request-id cookie grpc-timeout te traceparent x-b3-traceid set-cookie via date server".split()


class Nghttp2:
    """libnghttp2's deflater."""

    class Field(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_char_p), ("name_len", ctypes.c_size_t),
                    ("value_len", ctypes.c_size_t), ("flags", ctypes.c_uint8)]

    def __init__(self):
        self.lib = ctypes.CDLL("libnghttp2.so.14")
        self.lib.nghttp2_hd_deflate_hd.restype = ctypes.c_ssize_t
        self.lib.nghttp2_hd_deflate_hd.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
        self.lib.nghttp2_hd_deflate_new.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.lib.nghttp2_hd_deflate_change_table_size.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.deflater = ctypes.c_void_p()
        assert self.lib.nghttp2_hd_deflate_new(ctypes.byref(self.deflater), 65536) == 0

    def limit(self, size):
        assert self.lib.nghttp2_hd_deflate_change_table_size(self.deflater, size) == 0

    def encode(self, fields):
        array = (self.Field * len(fields))(*[self.Field(n, v, len(n), len(v), 0) for n, v in fields])
        out = ctypes.create_string_buffer(1 << 18)
        length = self.lib.nghttp2_hd_deflate_hd(self.deflater, out, len(out), array, len(fields))
        assert length >= 0
        return out.raw[:length]


class Hpack:
    """Python's hpack."""

    def __init__(self, huffman):
        self.encoder = hpack.Encoder()
        self.huffman = huffman

    def limit(self, size):
        self.encoder.header_table_size = size

    def encode(self, fields):
        return self.encoder.encode(fields, huffman=self.huffman)


def text(rng, alphabet, most):
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(most))).encode()


def grpc(rng):
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/pkg.Svc/" + rng.choice([b"Get", b"List", b"Put"])),
              (b":authority", b"svc-%d.ns.svc.cluster.local:50051" % rng.randrange(3)), (b"te", b"trailers"),
              (b"content-type", b"application/grpc"), (b"user-agent", b"grpc-python/1.85.1 grpc-c/53.0.0 (linux; chttp2)"),
              (b"grpc-accept-encoding", b"identity, deflate, gzip"), (b"grpc-timeout", b"%dm" % rng.randrange(9999))]
    return fields


def answer(rng):
    return [(b":status", rng.choice([b"200", b"204", b"302", b"404", b"418", b"500"])), (b"content-type", b"text/html"),
            (b"date", b"Sun, 22 Nov 2026 14:%02d:00 GMT" % rng.randrange(60)), (b"content-length", b"%d" % rng.randrange(10**6)),
            (b"set-cookie", b"id=" + text(rng, "0123456789abcdef", 60))]


def odd(rng):
    alphabet = [chr(i) for i in range(32, 256)] if rng.random() < 0.3 else "abcdefghijklmnopqrstuvwxyz0123456789/=;, %"
    fields = []
    for _ in range(rng.randrange(12)):
        name = rng.choice(WORDS).encode() if rng.random() < 0.7 else b"x-" + text(rng, "abcdefghij-", 20)
        value = "".join(rng.choice(alphabet) for _ in range(rng.choice([0, 1, 5, 30, 200]))).encode("latin-1")
        fields.append((name, value))
    return fields


def write(name, make, seed):
    rng = random.Random(seed)
    lines = []
    for number in range(6):
        lines.append(f"story {name} {number}")
        encoder, current = make(), 4096
        if name == "nghttp2":
            # It begins with its own idea of the table's size, said in the first block.
            encoder.limit(4096)
        for _ in range(25):
            if number >= 3 and rng.random() < 0.2:
                sizes = [rng.choice([0, 64, 200, 1000, 4096, 16384, 65536]) for _ in range(rng.choice([1, 1, 2]))]
                for size in dict.fromkeys(sizes):
                    # hpack forgets a change that is set twice; its own decoder fails on that.
                    if size == current:
                        continue
                    current = size
                    encoder.limit(size)
                    lines.append(f"limit {size}")
            fields = [grpc, answer, odd][number % 3](rng)
            lines.append(f"block {encoder.encode(fields).hex()}")
            lines += ["\t".join(part.decode("latin-1").encode("unicode_escape").decode() for part in field) for field in fields]
    (HERE / f"story-{name}.txt").write_text("\n".join(lines) + "\n")


write("nghttp2", Nghttp2, 1)
write("hpack-huffman", lambda: Hpack(True), 2)
write("hpack-plain", lambda: Hpack(False), 3)
