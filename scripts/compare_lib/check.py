"""--check: does each configuration do what it claims? Asked of the proxy, of the server behind it, and of the kernel."""

import os
import random
import re
import shutil
import signal
import socket
import sys
import threading
import time

from . import loads, space
from .cell import In
from .children import Failed
from .drivers import h2load
from .talk import connect as open_tunnel
from .talk import http, http2, receive
from .witness import Witness

BYTES = 4 << 20
REQUESTS = 20
# Less than a window of HTTP/2.
BODY = 60000
# It writes down each request, and sends bodies back.
NGHTTPD = "-v", "--echo-upload"
DATA_CALLS = {"read", "write", "readv", "writev", "recvfrom", "sendto", "recvmsg", "sendmsg", "splice", "sendfile"}


def by_name(name):
    return next(load for load in loads.LOADS if load.name == name)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 10)


def echoed(stream):
    """Random bytes, sent back by the server."""
    sent = os.urandom(BYTES)
    sender = threading.Thread(target=stream.sendall, args=(sent,))
    sender.start()
    came = receive(stream, BYTES)
    sender.join()
    if came != sent:
        raise Failed("other bytes came back")
    return f"{BYTES >> 20} MiB there and back, unchanged"


def unchanged(cell, peer, way):
    with connect(cell.port) as stream:
        return echoed(stream)


def tunnel(cell, peer, way):
    with connect(cell.port) as stream:
        open_tunnel(stream, cell.target)
        return f"a tunnel: {echoed(stream)}"


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


def asked_of_server(had, count):
    """Who answers itself has asked less."""
    if had != count:
        raise Failed(f"{count} requests, of which the server has had {had}")


def answers(cell, peer, way):
    """GETs of one page, each time another one that anybody may keep; and a body there and back."""
    body = random.randbytes(BODY)
    with Witness(cell.target) as witness, connect(cell.port) as stream:
        for nth in range(1, REQUESTS):
            if http(stream, "page") != Witness.page(nth):
                raise Failed("another body came than the server has sent")
        if http(stream, "echo", body) != body:
            raise Failed("another body came back")
        asked_of_server(witness.asked, REQUESTS)
    return f"{REQUESTS} answers of the server, bodies unchanged, {eventually_counted(cell, peer, way, REQUESTS)}"


def connections(cell, peer, way):
    """How many the server has had for one client connection each."""
    with Witness(cell.target) as witness:
        for _ in range(REQUESTS):
            with connect(cell.port) as stream:
                http(stream, "page")
        asked_of_server(witness.asked, REQUESTS)
        had = witness.connections
    if (had < REQUESTS // 2) != way.reuses:
        raise Failed(f"{REQUESTS} client connections had {had} to the server")
    return f"{REQUESTS} client connections had {had} to the server"


def http2_both(cell, peer, way):
    """The client and the server speak nothing else."""
    with connect(cell.target) as stream:
        stream.sendall(b"GET /small HTTP/1.1\r\nHost: bench.example\r\n\r\n")
        if stream.recv(12).startswith(b"HTTP/1"):
            raise Failed("the server speaks HTTP/1 too")
    sent, body = random.randbytes(BODY), random.randbytes(BODY)
    (cell.folder / "page.html").write_bytes(sent)
    for path, asked_with, expected in ("page.html", None, sent), ("echo", body, body):
        with connect(cell.port) as stream:
            if http2(stream, path, asked_with) != expected:
                raise Failed(f"another body of /{path} came than the server has sent")
    asked = h2load(cell, "-n256")[0] + 2
    said = cell.children.log(cell.server)
    asked_of_server(len(re.findall(r"recv \(stream_id=\d+[^)]*\) (?:\x1b\[[0-9;]*m)?:method", said)), asked)
    return f"HTTP/2 on both sides, bodies unchanged, {eventually_counted(cell, peer, way, asked)}"


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
    ("tcp", "tcp-kept", [unchanged]), ("bulk", "bulk-1-down", [unchanged, carried]), ("connect", "idle-connect", [tunnel]),
    ("http", "http-64k", [answers]),
    ("reuse", "http-new-reuse", [answers, connections]), ("http2", "http2-small", [http2_both]),
    ("detect", "detect-http-64", [answers]), ("detect", "greeting", [unchanged]),
    ("detect-reuse", "detect-http-new", [answers, connections]), ("detect-http2", "detect-http2-small", [http2_both]),
]


# Servers that a claim brings along, in place of the load's.
SERVERS = {unchanged: "echo", answers: "witness", connections: "witness"}


def one_worker(cell, peer):
    """One thread does the work. Others may be there that carry nothing."""
    workers = [thread for thread, title in space.threads(cell.pids) if not peer.is_helper(thread, title)]
    if len(workers) != 1:
        raise Failed(f"{len(workers)} threads at work: {', '.join(workers)}")


def one(bench, load, peer, way, claim):
    load = load._replace(server=SERVERS.get(claim, load.server))
    try:
        with In(bench, load, way) as cell:
            found = claim(cell, peer, way)
            one_worker(cell, peer)
            return True, f"one thread, {found}"
    except (Failed, OSError) as problem:
        return False, str(problem)


def run(bench, peers, http2):
    """Checks all of them; what was found, in order."""
    results = []
    bench = bench._replace(nghttpd=NGHTTPD)
    for peer in peers:
        for need, name, claims in CLAIMS:
            load = by_name(name)
            ways = peer.ways_for(need)
            if isinstance(ways, str) or (load.driver == "http2" and not http2):
                continue
            for way in ways:
                for claim in claims:
                    is_good, what = one(bench, load, peer, way, claim)
                    title = " ".join(filter(None, (peer.name, way.name)))
                    results.append({"way": title, "need": need, "good": is_good, "what": what})
                    print(f"{'ok' if is_good else 'WRONG':<6} {title:<30} {need:<13} {what}", flush=True)
    if not results:
        print("nothing was checked", file=sys.stderr)
    return results
