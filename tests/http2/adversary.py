"""`adversary.py CASE`: prints a port and listens there, reads the address to connect to, and plays the case.

Each case is checked to have passed unchanged; what wayside counted of it is the caller's to check."""

import socket
import sys

import h2.events
from ends import Pair
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings
from hpack import Encoder
from hyperframe.frame import (ContinuationFrame, DataFrame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame,
                              SettingsFrame, WindowUpdateFrame)

MANY = 100_000


def padding(p):
    p.begin()
    for length in (0, 1, 100, 255):
        stream = p.ask(end=False)
        # The engine pads no HEADERS, so its frame is written anew.
        block = p.c.h2.data_to_send()[9:]
        p.c.frame(HeadersFrame(stream, block, pad_length=length, flags=["PADDED", "END_HEADERS"]))
        p.c.h2.send_data(stream, b"d" * 1000, end_stream=True, pad_length=length)
        p.settle()
        p.answer(stream, b"a" * 1000, pad_length=length)
        p.settle()
    assert len(p.c.of(h2.events.StreamEnded)) == len(p.s.of(h2.events.StreamEnded)) == 4


def priority(p):
    p.begin()
    p.c.h2.prioritize(101, weight=7, depends_on=0, exclusive=True)
    first = p.exchange(priority_weight=200, priority_depends_on=101, priority_exclusive=False)
    p.c.h2.prioritize(first + 2, weight=256, depends_on=first)
    p.exchange()
    p.c.h2.prioritize(first)
    p.exchange()
    assert len(p.s.of(h2.events.PriorityUpdated)) == 4


def split(block, size, stream, end):
    """A header block in frames of `size` bytes."""
    parts = [block[at:at + size] for at in range(0, len(block), size)]
    frames = [HeadersFrame(stream, parts[0], flags=["END_STREAM"] if end else [])]
    frames += [ContinuationFrame(stream, part) for part in parts[1:]]
    frames[-1].flags.add("END_HEADERS")
    return frames


def continuation(p):
    p.begin()
    # As the library splits them.
    p.exchange(extra=[(b"x-large", bytes(range(33, 127)) * 400)])
    # A byte a frame, each frame in its own segment; the far side's table must stay in step, so ours is not used.
    stream = p.ask(end=True)
    p.settle()
    p.answer(stream)
    p.settle()
    p.raw()
    encoder = Encoder()
    encoder.header_table_size = 0
    for stream in range(stream + 2, stream + 8, 2):
        for frame in split(encoder.encode(p.REQUEST), 1, stream, True):
            p.c.frame(frame)
            p.settle()
        for frame in split(b"\x88" + encoder.encode([(b"x-word", b"w")]), 1, stream, True):
            p.s.frame(frame)
            p.settle()


def table_sizes(p):
    p.begin()
    for round, size in enumerate((4096, 0, 65536, 1, 100, 16384, 0, 4096)):
        word = [(b"x-%d" % round, b"v" * 300), (b"x-always", b"w" * 60)]
        for end in (p.s, p.c):
            end.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: size})
            # With an acknowledgement on its way, and after it.
            stream = p.ask(extra=word)
            p.settle()
            p.answer(stream, extra=word)
            p.settle()
            p.exchange(extra=word)
    p.c.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: 0})
    p.c.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: 8192})
    p.settle()
    p.exchange(extra=[(b"x-word", b"w")])


def informational(p):
    p.begin()
    stream = p.ask(extra=[(b"expect", b"100-continue")], end=False)
    p.settle()
    for status in (b"100", b"102", b"103", b"103"):
        p.s.h2.send_headers(stream, [(b":status", status), (b"link", b"</style.css>")])
        p.settle()
    p.c.h2.send_data(stream, b"body", end_stream=True)
    p.settle()
    p.answer(stream)
    p.settle()
    assert len(p.c.of(h2.events.InformationalResponseReceived)) == 4


def trailers(p):
    p.begin()
    stream = p.ask(end=False)
    p.c.h2.send_data(stream, b"body")
    p.c.h2.send_headers(stream, [(b"x-sum", b"1")], end_stream=True)
    p.settle()
    p.s.h2.send_headers(stream, p.ANSWER)
    p.s.h2.send_data(stream, b"body")
    p.s.h2.send_headers(stream, [(b"x-sum", b"2")], end_stream=True)
    p.settle()
    assert p.c.of(h2.events.TrailersReceived) and p.s.of(h2.events.TrailersReceived)


def extended_connect(p):
    p.begin(server={SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    stream = p.c.h2.get_next_available_stream_id()
    p.c.h2.send_headers(stream, [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *p.REQUEST[1:]])
    p.settle()
    p.s.h2.send_headers(stream, [(b":status", b"200")])
    for number in range(100):
        p.c.h2.send_data(stream, b"there %d" % number)
        p.s.h2.send_data(stream, b"back %d" % number)
        p.settle()
    # Another request beside the tunnel.
    p.exchange()
    p.c.h2.end_stream(stream)
    p.settle()
    p.s.h2.end_stream(stream)
    p.settle()


def resets(p):
    p.begin()
    # In the middle of either message, before an answer, and after it.
    for by, code in ((p.c, ErrorCodes.CANCEL), (p.s, ErrorCodes.INTERNAL_ERROR)):
        stream = p.ask(end=False)
        p.settle()
        by.h2.reset_stream(stream, code)
        p.settle()
        stream = p.ask()
        p.settle()
        p.s.h2.send_headers(stream, p.ANSWER)
        p.s.h2.send_data(stream, b"half")
        p.settle()
        by.h2.reset_stream(stream, code)
        p.settle()
    stream = p.ask()
    p.settle()
    p.s.h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
    p.settle()
    # Enough of the request: no error.
    stream = p.ask(end=False)
    p.settle()
    p.answer(stream)
    p.settle()
    p.s.h2.reset_stream(stream, ErrorCodes.NO_ERROR)
    p.settle()
    p.exchange()


def goaway(p):
    p.begin()
    streams = [p.ask() for _ in range(5)]
    p.settle()
    # This engine sends nothing after its GOAWAY; so it is written by hand.
    p.s.frame(GoAwayFrame(0, last_stream_id=streams[2], error_code=ErrorCodes.ENHANCE_YOUR_CALM))
    p.c.h2 = None
    p.settle()
    for stream in streams[:3]:
        p.answer(stream)
    p.settle()


def server_first(p):
    p.s.h2.initiate_connection()
    # Ours would acknowledge before its preface.
    engine, p.c.h2 = p.c.h2, None
    p.settle()
    p.c.h2 = engine
    p.c.h2.initiate_connection()
    p.c.events += p.c.h2.receive_data(bytes(p.c.received))
    p.settle()
    for _ in range(3):
        p.exchange()


def one_stream_stalls(p):
    """The client gives no window for one stream while others go on."""
    p.begin(client={SettingCodes.INITIAL_WINDOW_SIZE: 1000})
    p.c.h2.increment_flow_control_window(1 << 20)
    stalled = p.ask()
    p.settle()
    p.s.h2.send_headers(stalled, p.ANSWER)
    p.s.h2.send_data(stalled, b"s" * 1000)
    for _ in range(50):
        p.exchange()
    p.c.h2.increment_flow_control_window(100, stalled)
    p.settle()
    p.s.h2.send_data(stalled, b"t" * 100, end_stream=True)
    p.settle()
    assert len(p.c.of(h2.events.StreamEnded)) == 51


def reader_stalls(p):
    """The client reads nothing at all for a while."""
    p.begin()
    p.c.h2.increment_flow_control_window(1 << 30)
    streams = [p.ask() for _ in range(64)]
    p.settle()
    for stream in streams:
        p.c.h2.increment_flow_control_window(1 << 20, stream)
    p.settle()
    p.c.is_paused = True
    for stream in streams:
        p.s.h2.send_headers(stream, p.ANSWER)
        for _ in range(32):
            p.s.h2.send_data(stream, b"x" * 16384)
        p.s.h2.end_stream(stream)
    p.s.flush()
    before = len(p.s.out)
    p.settle(lambda: len(p.s.out) < before / 2 or len(p.s.sent) > 1 << 20)
    for _ in range(8):
        p.c.h2.ping(b"12345678")
    p.c.is_paused = False
    p.settle()
    assert len(p.c.of(h2.events.StreamEnded)) == 64


def flood(p, frame):
    """Both ends send a frame again and again."""
    p.begin()
    p.exchange()
    stream = p.ask(end=False)
    p.settle()
    p.raw()
    p.s.frame(HeadersFrame(stream, b"\x88", flags=["END_HEADERS"]))
    p.settle()
    for end in p.ends:
        end.raw(frame(stream).serialize() * MANY)
    p.settle()
    p.s.frame(DataFrame(stream, b"", flags=["END_STREAM"]))
    p.settle()


def ping_flood(p):
    flood(p, lambda _: PingFrame(0, b"12345678"))


def settings_flood(p):
    flood(p, lambda _: SettingsFrame(0, {SettingCodes.MAX_CONCURRENT_STREAMS: 7}))


def window_flood(p):
    flood(p, lambda stream: WindowUpdateFrame(stream, 1))


def empty_data_flood(p):
    flood(p, lambda stream: DataFrame(stream, b""))


def table_size_flood(p):
    flood(p, lambda _: SettingsFrame(0, {SettingCodes.HEADER_TABLE_SIZE: 100}))


def unknown_frames(p):
    p.begin()
    p.exchange()
    p.raw()
    for kind in range(10, 256):
        for end in p.ends:
            end.raw(bytes([0, 0, 5, kind, 255, 0, 0, 0, kind & 1]) + b"bytes")
    p.settle()


def rapid_reset(p):
    p.begin()
    p.raw()
    encoder = Encoder()
    for stream in range(1, 2 * MANY, 2):
        block = encoder.encode(p.REQUEST)
        p.c.out += HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]).serialize()
        p.c.out += RstStreamFrame(stream, ErrorCodes.CANCEL).serialize()
    p.settle()


def hpack_bomb(p):
    """A field of 4,000 bytes, named 16,000 times in a block of 16,000 bytes, again and again."""
    p.begin()
    p.exchange()
    p.raw()
    encoder = Encoder()
    block = encoder.encode([*p.REQUEST, (b"b", b"\xff" * 3900)])
    p.c.frame(HeadersFrame(3, block[:16384], flags=["END_HEADERS", "END_STREAM"]))
    for stream in range(5, 405, 2):
        p.c.frame(HeadersFrame(stream, encoder.encode(p.REQUEST) + b"\xbe" * 16000, flags=["END_HEADERS", "END_STREAM"]))
    p.settle()


def empty_continuations(p):
    p.begin()
    p.exchange()
    p.raw()
    p.c.frame(HeadersFrame(3, b"", flags=["END_STREAM"]))
    p.c.raw(ContinuationFrame(3, b"").serialize() * MANY)
    encoder = Encoder()
    encoder.header_table_size = 0
    p.c.frame(ContinuationFrame(3, encoder.encode(p.REQUEST), flags=["END_HEADERS"]))
    p.settle()
    p.s.frame(HeadersFrame(3, b"\x88", flags=["END_HEADERS", "END_STREAM"]))
    p.settle()


def continuation_flood(p):
    p.begin()
    p.exchange()
    p.raw()
    p.c.frame(HeadersFrame(3, Encoder().encode(p.REQUEST), flags=["END_STREAM"]))
    field = b"\x00\x01x\x7f\x00" + b"y" * 127
    p.c.raw(ContinuationFrame(3, field * 120).serialize() * 1000)
    p.settle()


def not_http2(p):
    """Bytes that are no frame."""
    p.begin()
    p.exchange()
    p.ask()
    p.raw()
    for end in p.ends:
        end.raw(bytes([0, 0, 5, 4, 0, 0, 0, 0, 0]) + bytes(range(256)) * 1000)
    p.settle()


def upgrade(p):
    """HTTP/1.1 with `Upgrade: h2c`; the client's settings come in a header."""
    values = {**p.c.h2.local_settings, SettingCodes.HEADER_TABLE_SIZE: 16384}
    p.c.h2.local_settings = Settings(client=True, initial_values=values)
    p.c.h2.decoder.max_allowed_table_size = 16384
    settings = p.c.h2.initiate_upgrade_connection()
    preface = p.c.h2.data_to_send()
    request = b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade, HTTP2-Settings\r\n" \
              b"Upgrade: h2c\r\nHTTP2-Settings: %s\r\n\r\n" % settings
    engines, p.c.h2, p.s.h2 = (p.c.h2, p.s.h2), None, None
    p.c.raw(request)
    p.settle()
    p.c.h2, p.s.h2 = engines
    p.s.h2.initiate_upgrade_connection(settings)
    p.s.out += b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    # The settings hold at once.
    p.answer(1, extra=[(b"x-%d" % number, b"v" * 200) for number in range(30)])
    p.s.flush()
    p.c.h2 = None
    p.settle()
    p.c.h2 = engines[0]
    p.c.raw(preface)
    head = p.c.received.index(b"\r\n\r\n") + 4
    p.c.events += p.c.h2.receive_data(bytes(p.c.received[head:]))
    p.settle()
    for _ in range(3):
        p.exchange(extra=[(b"x-word", b"w" * 100)])


def main(case):
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    host, port = sys.stdin.readline().strip().rsplit(":", 1)
    pair = Pair(listener, (host, int(port)))
    globals()[case](pair)
    pair.settle()
    pair.check()
    print("same", len(pair.c.sent), len(pair.s.sent), flush=True)
    # Until the caller has looked.
    sys.stdin.read()


main(sys.argv[1])
