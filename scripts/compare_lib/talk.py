"""What a client says on one connection, byte by byte: where a load generator would hide what came."""

import re

from .children import Failed

MESSAGE = b"\1" * 100
HOST = b"bench.example"
# Frames of HTTP/2, and their flags.
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM = ACK = 1
END_HEADERS, PADDED = 4, 8
LARGEST = 1 << 14


def receive(stream, size):
    found = bytearray()
    while len(found) < size:
        part = stream.recv(min(1 << 16, size - len(found)))
        if not part:
            raise Failed(f"it ended after {len(found)} bytes of {size}")
        found += part
    return bytes(found)


def head_of(stream):
    """A head of HTTP/1, and what has come behind it."""
    came = b""
    while b"\r\n\r\n" not in came:
        part = stream.recv(1 << 16)
        if not part:
            raise Failed(f"it ended in a head: {came[:80]}")
        came += part
    head, end, rest = came.partition(b"\r\n\r\n")
    return head + end, rest


def http(stream, path, body=None):
    """The body of an answer of HTTP/1. One that is compressed is another one."""
    head = f"{'GET' if body is None else 'POST'} /{path} HTTP/1.1\r\nHost: {HOST.decode()}\r\nAccept-Encoding: gzip\r\n"
    if body is not None:
        head += f"Content-Length: {len(body)}\r\n"
    stream.sendall(head.encode() + b"\r\n" + (body or b""))
    head, came = head_of(stream)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)\r", head)
    if not head.startswith(b"HTTP/1.1 200") or not length or b"content-encoding" in head.lower():
        raise Failed(f"an answer of {head[:200]}")
    return came + receive(stream, int(length.group(1)) - len(came))


def frame(kind, flags, number, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big") + payload


def literal(index, value):
    """A field with the name of the static table's `index`, below 15, that goes into no table."""
    return bytes((index, len(value))) + value


def asked(path, body):
    """A client's first bytes of HTTP/2: one request, on stream 1. A path has less than 127 bytes."""
    method = b"\x82" if body is None else b"\x83"
    # The last one is `accept-encoding: gzip, deflate`.
    fields = method + b"\x86" + literal(4, b"/" + path.encode()) + literal(1, HOST) + b"\x90"
    parts = [body[at:at + LARGEST] for at in range(0, len(body), LARGEST)] if body else []
    flags = [END_STREAM * (part is parts[-1]) for part in parts]
    return b"".join([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(SETTINGS, 0, 0),
                     frame(HEADERS, END_HEADERS | END_STREAM * (not parts), 1, fields),
                     *(frame(DATA, flag, 1, part) for flag, part in zip(flags, parts))])


def http2(stream, path, body=None):
    """The body of an answer of HTTP/2: of less than 64 KiB, as the one of the request, for that is what a window has."""
    stream.sendall(asked(path, body))
    came = b""
    while True:
        head = receive(stream, 9)
        kind, flags, number = head[3], head[4], int.from_bytes(head[5:], "big")
        payload = receive(stream, int.from_bytes(head[:3], "big"))
        if kind in (SETTINGS, PING) and not flags & ACK:
            stream.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        if kind in (RST_STREAM, GOAWAY):
            raise Failed(f"HTTP/2 ended by a frame of kind {kind}: {payload.hex()}")
        if kind == DATA:
            came += payload[1:len(payload) - payload[0]] if flags & PADDED else payload
        if number == 1 and kind in (DATA, HEADERS) and flags & END_STREAM:
            return came


def connect(stream, target):
    """Opens a tunnel."""
    stream.sendall(f"CONNECT 127.0.0.1:{target} HTTP/1.1\r\nHost: 127.0.0.1:{target}\r\n\r\n".encode())
    head, _ = head_of(stream)
    if not head.startswith(b"HTTP/1.1 200"):
        raise Failed(f"CONNECT is answered by {head[:80]}")


def message(stream):
    """To a server that sends back."""
    stream.sendall(MESSAGE)
    if receive(stream, len(MESSAGE)) != MESSAGE:
        raise Failed("other bytes came back")


def through_tunnel(stream, target):
    connect(stream, target)
    message(stream)


# What a connection has said before it is idle. Each takes the connection and the server's port.
TALKS = {
    "nothing": lambda stream, target: None,
    "tcp": lambda stream, target: message(stream),
    "http": lambda stream, target: http(stream, "small"),
    "http2": lambda stream, target: http2(stream, "small"),
    "connect": through_tunnel,
}
