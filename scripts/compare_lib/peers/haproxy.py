"""HAProxy, of Debian."""

import socket

from .base import LISTEN, NO_TUNNELS, Peer, Way, said, version_in

# Time limits have no default, and it warns without. One thread: that is what is compared.
HEAD = """global
  nbthread 1
  stats socket {folder}/stats
defaults
  timeout connect 5s
  timeout client 10m
  timeout server 10m
"""
PLAIN = """listen bench
  mode {mode}
  bind {listen}{protocol}
  server s 127.0.0.1:{target}{protocol}
"""
# As its manual has it for several protocols on one port: wait for content, at most as long as wayside does.
DETECT = """frontend bench
  mode tcp
  bind {listen}
  tcp-request inspect-delay 10s
  acl preface req.payload(0,14) -m str "PRI * HTTP/2.0"
  tcp-request content switch-mode http proto h2 if preface
  tcp-request content switch-mode http if HTTP
  use_backend h2 if {{ req.ver 2.0 }}
  use_backend h1 if HTTP
  default_backend other
backend h2
  mode http
  server s 127.0.0.1:{target} proto h2
backend h1
  mode http
{reuse}  server s 127.0.0.1:{target}
backend other
  mode tcp
  server s 127.0.0.1:{target}
"""
# Its default, `safe`, uses no connection again for the first request of a client.
REUSE = "  http-reuse always\n"


class Haproxy(Peer):
    """2.6 and later."""

    name = "haproxy"
    package = "haproxy"

    def __init__(self):
        tcp = Way("tcp", self.plain("tcp"))
        # Forced: `splice-auto` would choose itself.
        splice = Way("tcp, splice", self.plain("tcp", "  option splice-request\n  option splice-response\n"), splices=True)
        http = Way("http", self.plain("http"), counts_http=True)
        reuse = Way("http, reuse always", self.plain("http", REUSE), counts_http=True, reuses=True)
        http2 = Way("http/2", self.plain("http", protocol=" proto h2"), counts_http=True)
        detect = Way("detect", self.config(DETECT, reuse=""), counts_http=True)
        detect_reuse = Way("detect, reuse always", self.config(DETECT, reuse=REUSE), counts_http=True, reuses=True)
        self.ways = {
            "tcp": [tcp], "bulk": [tcp, splice], "http": [http], "reuse": [reuse], "http2": [http2], "detect": [detect],
            "detect-reuse": [detect_reuse], "detect-http2": [detect], "connect": NO_TUNNELS,
            "any": [http],
        }

    def plain(self, mode, more="", protocol=""):
        return self.config(PLAIN + more, mode=mode, protocol=protocol)

    def config(self, text, **values):
        def configure(place):
            full = (HEAD + text).format(folder=place.folder, listen=LISTEN, target=place.target, **values)
            return [self.program, "-db", "-f", place.write("haproxy.cfg", full)]
        return configure

    def find(self):
        self.program = self.in_path("haproxy")
        return version_in(said(self.program, "-v"))

    def counted(self, place):
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(str(place.folder / "stats"))
            stats.sendall(b"show stat\n")
            text = stats.makefile().read()
        names, *rows = [line.split(",") for line in text.lstrip("# ").splitlines() if line]
        rows = [dict(zip(names, row)) for row in rows]
        return sum(int(row["req_tot"] or 0) for row in rows if row["svname"] == "FRONTEND")
