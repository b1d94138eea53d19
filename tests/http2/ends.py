"""Both ends of one HTTP/2 connection, in lockstep, with every byte kept."""

import select
import socket
import time

import h2.config
import h2.connection
import h2.events
import h2.settings

LIMIT = 20


class End:
    """One end. `h2` is its engine; without one, what comes is only kept."""

    def __init__(self, name, sock, is_client):
        self.name = name
        self.sock = sock
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = h2.config.H2Configuration(
            client_side=is_client, header_encoding=None, validate_inbound_headers=False,
            validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.out = bytearray()
        self.sent = bytearray()
        self.received = bytearray()
        self.events = []
        self.is_paused = False
        self.is_ended = False

    def raw(self, data):
        """Bytes that the engine knows nothing of."""
        self.flush()
        self.out += data

    def frame(self, *frames):
        self.raw(b"".join(frame.serialize() for frame in frames))

    def flush(self):
        if self.h2 is not None:
            self.out += self.h2.data_to_send()

    def write(self):
        count = self.sock.send(self.out[:1 << 20])
        self.sent += self.out[:count]
        del self.out[:count]

    def read(self):
        data = self.sock.recv(1 << 20)
        self.is_ended |= not data
        self.received += data
        if self.h2 is not None and data:
            self.events += self.h2.receive_data(data)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class Pair:
    """The client `c` and the server `s`, connected through whatever listens at the address."""

    def __init__(self, listener, address):
        self.c = End("client", socket.create_connection(address, LIMIT), True)
        listener.settimeout(LIMIT)
        self.s = End("server", listener.accept()[0], False)
        self.ends = (self.c, self.s)

    def is_quiet(self):
        """All that was sent has come, and nobody has more to say."""
        for end, other in (self.ends, self.ends[::-1]):
            end.flush()
            if end.out or (not other.is_paused and len(other.received) != len(end.sent)):
                return False
        return True

    def settle(self, until=None):
        """Carries bytes until it is quiet, or until a condition holds."""
        deadline = time.monotonic() + LIMIT
        while not (until() if until else self.is_quiet()):
            if time.monotonic() > deadline:
                raise TimeoutError([(end.name, len(end.out), len(end.sent), len(end.received)) for end in self.ends])
            for end in self.ends:
                end.flush()
            readers = {end.sock: end for end in self.ends if not end.is_paused and not end.is_ended}
            writers = {end.sock: end for end in self.ends if end.out}
            can_read, can_write, _ = select.select(list(readers), list(writers), [], 0.2)
            for sock in can_write:
                writers[sock].write()
            for sock in can_read:
                readers[sock].read()

    def begin(self, *, client=None, server=None):
        """The prefaces, with these settings beside the defaults."""
        for end, more in ((self.c, client), (self.s, server)):
            values = {**end.h2.local_settings, **(more or {})}
            end.h2.local_settings = h2.settings.Settings(client=end is self.c, initial_values=values)
            end.h2.initiate_connection()
        self.settle()

    def check(self):
        """What came is what was sent, byte for byte."""
        for end, other in (self.ends, self.ends[::-1]):
            if end.sent != other.received:
                raise AssertionError(f"{other.name} received other bytes than the {end.name} sent")

    def raw(self):
        """From here on nobody looks at what comes."""
        self.settle()
        self.c.h2 = self.s.h2 = None

    # What most cases need.

    REQUEST = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"example.com"), (b":path", b"/")]
    ANSWER = [(b":status", b"200"), (b"server", b"test")]

    def ask(self, stream=None, extra=(), end=True, **more):
        stream = stream or self.c.h2.get_next_available_stream_id()
        self.c.h2.send_headers(stream, self.REQUEST + list(extra), end_stream=end, **more)
        return stream

    def answer(self, stream, body=b"hello", extra=(), **more):
        self.s.h2.send_headers(stream, self.ANSWER + list(extra))
        self.s.h2.send_data(stream, body, end_stream=True, **more)

    def exchange(self, **more):
        stream = self.ask(**more)
        self.settle()
        self.answer(stream)
        self.settle()
        ended = [event.stream_id for event in self.c.of(h2.events.StreamEnded)]
        assert stream in ended, "no answer came"
        return stream
