"""sslh, of Debian: a protocol multiplexer. It looks at the first bytes, and copies the rest."""

from .base import LISTEN, Peer, Way, said, version_in

NO_HTTP = "it copies bytes behind the first ones: no requests, no reuse"
# It uses select(): 1,024 descriptors, two for each connection.
MOST = 400


class Sslh(Peer):
    """Its single-process form; the other one forks for each connection."""

    name = "sslh"
    package = "sslh"

    def __init__(self):
        anything = Way("anyprot", self.command(), most=MOST)
        detect = Way("detect", self.command("--http"), most=MOST)
        self.ways = {"tcp": [anything], "bulk": [anything], "http": NO_HTTP, "reuse": NO_HTTP, "http2": NO_HTTP,
                     "detect": [detect], "detect-reuse": NO_HTTP, "detect-http2": "it knows no HTTP/2 without TLS",
                     "any": [anything]}

    def command(self, *protocols):
        def configure(place):
            target = f"127.0.0.1:{place.target}"
            more = [word for protocol in (*protocols, "--anyprot", "--on-timeout") for word in (protocol, target)]
            # Numeric: no name is looked up for a connection.
            return [self.program, "-f", "-n", "-p", LISTEN, *more]
        return configure

    def find(self):
        self.program = self.in_path("sslh-select")
        return version_in(said(self.program, "-V"))
