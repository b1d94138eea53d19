"""sslh, of Debian: a protocol multiplexer. It looks at the first bytes, and copies the rest."""

from .base import NO_TUNNELS, Peer, Way, said, version_in
from ..loads import PROXY

NO_HTTP = "it copies bytes behind the first ones: no requests, no reuse"
FEW = "it uses select(), so has 500 connections at most: too few to see what one takes"
# It would write a line for each connection; nobody else does.
HEAD = """foreground: true; numeric: true; on-timeout: "anyprot";
listen: ( {{ host: "127.0.0.1"; port: "{listen}"; }} );
protocols: ( {protocols} );
"""
PROTOCOL = '{{ name: "{name}"; host: "127.0.0.1"; port: "{target}"; log_level: 0; }}'


class Sslh(Peer):
    """Its single-process form; the other one forks for each connection."""

    name = "sslh"
    package = "sslh"

    def __init__(self):
        anything, detect = Way("anyprot", self.config("anyprot")), Way("detect", self.config("http", "anyprot"))
        self.ways = {"tcp": [anything], "bulk": [anything], "idle": FEW, "http": NO_HTTP, "reuse": NO_HTTP, "http2": NO_HTTP,
                     "detect": [detect], "detect-reuse": NO_HTTP, "detect-http2": "it knows no HTTP/2 without TLS",
                     "connect": NO_TUNNELS,
                     "any": [anything]}

    def config(self, *names):
        def configure(place):
            protocols = ", ".join(PROTOCOL.format(name=name, target=place.target) for name in names)
            config = place.write("sslh.cfg", HEAD.format(listen=PROXY, protocols=protocols))
            # No space behind -F.
            return [self.program, f"-F{config}"]
        return configure

    def find(self):
        self.program = self.in_path("sslh-select")
        return version_in(said(self.program, "-V"))
