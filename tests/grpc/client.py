"""A gRPC client: `client.py MODE ADDRESS`. Prints `result NAME WHAT` lines, then what it counted:
`count STATUS N` for calls that the server ended, `cut N` for those that this side gave up."""

import collections
import hashlib
import queue
import sys
import threading

import grpc

LIMIT = 30
BIG = bytes(range(256)) * (4 << 12)  # 4 MiB


class Client:
    def __init__(self, address, *options):
        self.channel = grpc.insecure_channel(address, options=[
            ("grpc.max_receive_message_length", 16 << 20),
            ("grpc.max_send_message_length", 16 << 20),
            # Else two channels would share a connection.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            *options,
        ])

    def method(self, kind, name):
        return getattr(self.channel, kind)(f"/test.Bytes/{name}")


counts = collections.Counter()
cut = 0


def short(message):
    return message.decode("latin1") if len(message) < 40 else hashlib.sha256(message).hexdigest()[:16]


def say(name, *what):
    print("result", name, *what, flush=True)


def ended(name, call, messages):
    """Notes how the server has ended a call."""
    counts[call.code().value[0]] += 1
    trailing = sorted((item.key, item.value) for item in call.trailing_metadata() if item.key.startswith("tx-"))
    say(name, call.code().name, repr(call.details()), len(messages), *map(short, messages[-2:]), trailing)


def unary(client, name, method, request, metadata=()):
    try:
        message, call = client.method("unary_unary", method).with_call(request, timeout=LIMIT, metadata=metadata)
        first = sorted((item.key, item.value) for item in call.initial_metadata() if item.key.startswith("x-"))
        ended(name, call, [message])
        say(name, first)
    except grpc.RpcError as error:
        ended(name, error, [])


def stream(name, call):
    messages = []
    try:
        messages.extend(iter(call))
    except grpc.RpcError:
        # Some of it may have come.
        pass
    ended(name, call, messages)


def client_stream(client, name, method, requests):
    try:
        message, call = client.method("stream_unary", method).with_call(requests, timeout=LIMIT)
        ended(name, call, [message])
    except grpc.RpcError as error:
        ended(name, error, [])


def give_up(name, client, **how):
    """A call that this side ends: by its deadline, or in words."""
    global cut
    call = client.method("unary_stream", "Hang")(b"", **how)
    say(name, short(next(call)))
    if not how:
        call.cancel()
    try:
        next(call)
    except (grpc.RpcError, StopIteration):
        pass
    cut += 1
    say(name, call.code().name)


def chat(client, name, rounds, size):
    """Each message is sent when the one before has come back."""
    words = queue.Queue()
    call = client.method("stream_stream", "Chat")(iter(words.get, None), timeout=LIMIT)
    messages = []
    for number in range(rounds):
        words.put(b"%d" % number + b"." * size)
        messages.append(next(call))
    words.put(None)
    messages.extend(call)
    ended(name, call, messages)


def meet(clients, name, number):
    """`number` calls at once, over these connections."""
    request = b"%s %d" % (name.encode(), number)
    calls = [clients[place % len(clients)].method("unary_unary", "Meet").future(request, timeout=LIMIT)
             for place in range(number)]
    answers = collections.Counter()
    for call in calls:
        answers[short(call.result())] += 1
        counts[call.code().value[0]] += 1
    say(name, dict(answers))


def kinds(client):
    metadata = (("x-word", "a b,c"), ("x-word", "twice"), ("x-some-bin", bytes(range(256))), ("x-long", "l" * 6000))
    unary(client, "metadata", "Echo", b"hello", metadata)
    unary(client, "empty", "Echo", b"")
    unary(client, "big", "Echo", BIG)
    for code in range(1, 17):
        unary(client, f"status-{code}", "Fail", b"%d why: \xc3\xa9\n100%%" % code)
    unary(client, "no-such-method", "Nothing", b"")
    stream("server-stream", client.method("unary_stream", "Count")(b"1000 100 0", timeout=LIMIT))
    stream("empty-stream", client.method("unary_stream", "Count")(b"0 0 0", timeout=LIMIT))
    stream("late-error", client.method("unary_stream", "Count")(b"3 10 15", timeout=LIMIT))
    stream("error-at-once", client.method("unary_stream", "Count")(b"0 0 9", timeout=LIMIT))
    stream("big-stream", client.method("unary_stream", "Count")(b"8 4000000 0", timeout=LIMIT))
    client_stream(client, "client-stream", "Total", iter([b"x" * 1000] * 1000))
    client_stream(client, "no-message", "Total", iter([]))
    client_stream(client, "big-client-stream", "Total", iter([BIG] * 8))
    client_stream(client, "unread", "Refuse", iter([BIG] * 8))
    chat(client, "chat", 200, 100)
    chat(client, "big-chat", 8, len(BIG))
    give_up("deadline", client, timeout=0.3)
    give_up("cancel", client)


def hold(address, *options):
    """A stream on which nothing is said for a while."""
    client = Client(address, ("grpc.http2.bdp_probe", 0), *options)
    words = queue.Queue()
    call = client.method("stream_stream", "Chat")(iter(words.get, None), timeout=LIMIT)
    words.put(b"one")
    messages = [next(call)]
    threading.Event().wait(2)
    words.put(b"two")
    words.put(None)
    messages.extend(call)
    ended("hold", call, messages)


def long(address):
    """A stream that its owner ends by a line on stdin."""
    client = Client(address)
    words = queue.Queue()
    call = client.method("stream_stream", "Chat")(iter(words.get, None), timeout=LIMIT)
    for line in sys.stdin.buffer:
        words.put(line.strip())
        print("heard", short(next(call)), flush=True)
    words.put(None)
    stream("long", call)


def refused(address):
    """There is no server."""
    client = Client(address)
    unary(client, "unary", "Echo", b"x")
    stream("server-stream", client.method("unary_stream", "Count")(b"1 1 0", timeout=LIMIT))
    client_stream(client, "client-stream", "Total", iter([b"x" * 1000] * 100))
    try:
        client.method("unary_unary", "Echo")(b"x", timeout=LIMIT)
    except grpc.RpcError as error:
        say("trailing", [item.value for item in error.trailing_metadata() if item.key == "wayside-error"])


def main(mode, address):
    if mode == "kinds":
        kinds(Client(address))
    elif mode == "many":
        meet([Client(address)], "one-connection", 1000)
        meet([Client(address) for _ in range(3)], "three-connections", 1000)
    elif mode == "plain":
        hold(address)
    elif mode == "pings":
        hold(address, ("grpc.keepalive_time_ms", 50), ("grpc.keepalive_timeout_ms", 5000),
             ("grpc.http2.max_pings_without_data", 0), ("grpc.keepalive_permit_without_calls", 1))
    elif mode == "long":
        long(address)
    elif mode == "refused":
        refused(address)
    for code, number in sorted(counts.items()):
        print("count", code, number)
    print("cut", cut)


main(*sys.argv[1:])
