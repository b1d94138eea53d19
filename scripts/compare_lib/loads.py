"""The loads: what is asked of a proxy, how often, and by how many connections."""

from typing import NamedTuple

# Ports in the namespace of a run.
PROXY, STATS = 8000, 8001
SERVERS = {"echo": 9001, "source": 9002, "sink": 9003, "http": 9004, "greeting": 9005}
NGHTTPD = 9006
# Of --check: one that counts.
WITNESS = 9007


class Load(NamedTuple):
    """One load. `need` is what a proxy must be able to, as peers name it."""

    name: str
    title: str
    need: str
    driver: str
    server: str
    unit: str = "us/request"
    arguments: tuple = ()


def requests(kind, connections, how):
    return (*kind.split(), connections, how)


LOADS = [
    Load("tcp-kept", "TCP: request and response of 100 bytes, 64 connections kept", "tcp", "requests", "echo",
         arguments=requests("tcp", 64, "kept")),
    Load("tcp-new", "TCP: a new connection for each request of 100 bytes, 64 at once", "tcp", "requests", "echo",
         arguments=requests("tcp", 64, "fresh")),
    Load("bulk-1-down", "TCP: one stream from the server", "bulk", "bulk", "source", "s/GB", ("down", 1)),
    Load("bulk-1-up", "TCP: one stream to the server", "bulk", "bulk", "sink", "s/GB", ("up", 1)),
    Load("bulk-8-down", "TCP: 8 streams from the server", "bulk", "bulk", "source", "s/GB", ("down", 8)),
    Load("bulk-8-up", "TCP: 8 streams to the server", "bulk", "bulk", "sink", "s/GB", ("up", 8)),
    Load("http-64", "HTTP/1: GET of 100 bytes, 64 connections kept", "http", "requests", "http",
         arguments=requests("http /small", 64, "kept")),
    Load("http-512", "HTTP/1: GET of 100 bytes, 512 connections kept", "http", "requests", "http",
         arguments=requests("http /small", 512, "kept")),
    Load("http-new", "HTTP/1: a new connection for each GET, and one to the server for each", "tcp", "requests", "http",
         arguments=requests("http /small", 64, "fresh")),
    Load("http-new-reuse", "HTTP/1: a new connection for each GET, those to the server used again", "reuse", "requests",
         "http", arguments=requests("http /small", 64, "fresh")),
    Load("http-64k", "HTTP/1: GET of 64 KiB, 64 connections kept", "http", "requests", "http",
         arguments=requests("http /64k", 64, "kept")),
    Load("http2-small", "HTTP/2: GET of 100 bytes, 8 connections of 32 streams", "http2", "http2", "nghttpd",
         arguments=("small", 8, 32)),
    Load("http2-64k", "HTTP/2: GET of 64 KiB, 8 connections of 32 streams", "http2", "http2", "nghttpd",
         arguments=("64k", 8, 32)),
    Load("detect-http-64", "HTTP/1 on a port with detection: GET of 100 bytes, 64 connections kept", "detect", "requests",
         "http", arguments=requests("http /small", 64, "kept")),
    Load("detect-http-new", "HTTP/1 on a port with detection: a new connection for each GET, those to the server used again",
         "detect-reuse", "requests", "http", arguments=requests("http /small", 64, "fresh")),
    Load("detect-http2-small", "HTTP/2 on a port with detection: GET of 100 bytes, 8 connections of 32 streams",
         "detect-http2", "http2", "nghttpd", arguments=("small", 8, 32)),
    Load("detect-http2-64k", "HTTP/2 on a port with detection: GET of 64 KiB, 8 connections of 32 streams",
         "detect-http2", "http2", "nghttpd", arguments=("64k", 8, 32)),
    Load("idle-unused", "Memory of a connection that has said nothing yet", "idle", "idle", "echo", "B/connection",
         ("nothing",)),
    Load("idle-tcp", "Memory of an idle connection, after 100 bytes each way", "idle", "idle", "echo", "B/connection",
         ("tcp",)),
    Load("idle-http", "Memory of an idle HTTP/1 connection, after a request", "idle-http", "idle", "http", "B/connection",
         ("http",)),
    Load("idle-http2", "Memory of an idle HTTP/2 connection, after a request", "idle-http2", "idle", "nghttpd", "B/connection",
         ("http2",)),
    Load("idle-connect", "Memory of an idle CONNECT tunnel, after 100 bytes each way", "idle-connect", "idle", "echo",
         "B/connection", ("connect",)),
    Load("start", "Resident memory at start", "any", "start", "echo", "MB"),
    Load("ping", "Ping-pong of 100 bytes: one connection", "tcp", "requests", "echo",
         arguments=requests("tcp", 1, "kept")),
    Load("greeting", "A server that speaks first, on a port with detection: until its greeting is here", "detect",
         "greeting", "greeting", "ms"),
]


def chosen(names):
    """Those of these names; a name that none has is the beginning of some."""
    if not names:
        return LOADS
    wanted = set()
    for name in names:
        meant = {load.name for load in LOADS if load.name == name} or {
            load.name for load in LOADS if load.name.startswith(name)}
        if not meant:
            raise ValueError(f"{name}: no load is called so; there are {', '.join(load.name for load in LOADS)}")
        wanted |= meant
    return [load for load in LOADS if load.name in wanted]
