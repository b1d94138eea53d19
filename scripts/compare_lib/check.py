"""--check: does each configuration do what it claims? Asked of the proxy, of the server behind it, and of the kernel."""

import os
import re
import shutil
import signal
import socket
import sys
import threading
import time

from . import loads
from .cell import In
from .children import Failed
from .drivers import h2load

BYTES = 4 << 20
REQUESTS = 20
DATA_CALLS = {"read", "write", "readv", "writev", "recvfrom", "sendto", "recvmsg", "sendmsg", "splice", "sendfile"}
GET = "GET /{} HTTP/1.1\r\nHost: bench.example\r\n\r\n"


def by_name(name):
    return next(load for load in loads.LOADS if load.name == name)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 10)


def receive(stream, size):
    found = bytearray()
    while len(found) < size:
        part = stream.recv(1 << 16)
        if not part:
            raise Failed(f"it ended after {len(found)} bytes of {size}")
        found += part
    return bytes(found)


def unchanged(cell, peer, way):
    """Random bytes, sent back by the server."""
    sent = os.urandom(BYTES)
    with connect(cell.port) as stream:
        sender = threading.Thread(target=stream.sendall, args=(sent,))
        sender.start()
        came = receive(stream, BYTES)
        sender.join()
    if came != sent:
        raise Failed("other bytes came back")
    return f"{BYTES >> 20} MiB there and back, unchanged"


def get(stream, path):
    """The body of an answer."""
    stream.sendall(GET.format(path).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        part = stream.recv(1 << 16)
        if not part:
            raise Failed(f"it ended in a head: {head[:80]}")
        head += part
    head, _, body = head.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    if not head.startswith(b"HTTP/1.1 200") or not length:
        raise Failed(f"an answer of {head[:80]}")
    return body + receive(stream, int(length.group(1)) - len(body))


def eventually_counted(cell, peer, way, count):
    """Whether the proxy's own counter says so."""
    if not way.counts_http:
        return "carried as bytes"
    for _ in range(100):
        counted = peer.counted(cell.place)
        if counted >= count:
            break
        time.sleep(0.02)
    if counted != count:
        raise Failed(f"{count} requests, of which it has counted {counted:.0f}")
    return f"all {count} counted by it"


def answers(cell, peer, way):
    with connect(cell.port) as stream:
        for _ in range(REQUESTS):
            if get(stream, "64k") != b"x" * 65536:
                raise Failed("another body")
    return f"{REQUESTS} answers of 64 KiB unchanged, {eventually_counted(cell, peer, way, REQUESTS)}"


def connections(cell, peer, way):
    """How many the server has had for one client connection each."""
    with connect(cell.target) as own:
        before = int(get(own, "accepted"))
        for _ in range(REQUESTS):
            with connect(cell.port) as stream:
                get(stream, "small")
        had = int(get(own, "accepted")) - before
    if (had < REQUESTS // 2) != way.reuses:
        raise Failed(f"{REQUESTS} client connections had {had} to the server")
    return f"{REQUESTS} client connections had {had} to the server"


def http2_both(cell, peer, way):
    """The client and the server speak nothing else."""
    with connect(cell.target) as stream:
        stream.sendall(GET.format("small").encode())
        if stream.recv(12).startswith(b"HTTP/1"):
            raise Failed("the server speaks HTTP/1 too")
    asked, _ = h2load(cell, "-n256")
    return f"HTTP/2 on both sides, {eventually_counted(cell, peer, way, asked)}"


def carried(cell, peer, way):
    """The system calls that carry bulk, by strace."""
    if not shutil.which("strace"):
        raise Failed("there is no strace")
    calls = cell.folder / "calls"
    load = cell.helper("bulk", "down", f"127.0.0.1:{cell.port}", 1, 0.3, 1.0)
    cell.line(load)
    strace = cell.start("strace", "strace", "-f", "-c", "-o", calls, *(f"-p{pid}" for pid in cell.pids))
    while strace.poll() is None and cell.children.said(strace).count("attached") < len(cell.pids):
        time.sleep(0.01)
    load.stdin.write("go\n")
    load.stdin.flush()
    cell.line(load)
    strace.send_signal(signal.SIGINT)
    strace.wait(10)
    rows = [line.split() for line in calls.read_text().splitlines()]
    found = {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[-1] in DATA_CALLS and row[3].isdigit()}
    if not found:
        raise Failed(f"strace saw no calls: {cell.children.said(strace)}")
    by_splice = found.get("splice", 0) > sum(found.values()) / 2
    if by_splice != way.splices:
        raise Failed(f"it {'splices' if by_splice else 'copies'}: {found}")
    return "bulk by " + ", ".join(f"{name} {count:,}" for name, count in sorted(found.items(), key=lambda one: -one[1]))


# What a peer claims that can do this, and by which load it is set up.
CLAIMS = [
    ("tcp", "tcp-kept", [unchanged]), ("bulk", "bulk-1-down", [carried]), ("http", "http-64k", [answers]),
    ("reuse", "http-new-reuse", [answers, connections]), ("http2", "http2-small", [http2_both]),
    ("detect", "detect-http-64", [answers]), ("detect", "greeting", [unchanged]),
    ("detect-reuse", "detect-http-new", [answers, connections]), ("detect-http2", "detect-http2-small", [http2_both]),
]


def one(bench, load, peer, way, claim):
    try:
        with In(bench, load, way) as cell:
            return True, claim(cell, peer, way)
    except (Failed, OSError) as problem:
        return False, str(problem)


def run(bench, peers, http2):
    """Checks all of them; what was found, in order."""
    results = []
    for peer in peers:
        for need, name, claims in CLAIMS:
            load = by_name(name)
            ways = peer.ways_for(need)
            if isinstance(ways, str) or (load.driver == "http2" and not http2):
                continue
            for way in ways:
                for claim in claims:
                    # The same configuration before a server that sends back.
                    asked = load._replace(server="echo") if claim is unchanged else load
                    is_good, what = one(bench, asked, peer, way, claim)
                    title = " ".join(filter(None, (peer.name, way.name)))
                    results.append({"way": title, "need": need, "good": is_good, "what": what})
                    print(f"{'ok' if is_good else 'WRONG':<6} {title:<30} {need:<13} {what}", flush=True)
    if not results:
        print("nothing was checked", file=sys.stderr)
    return results
