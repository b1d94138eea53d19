"""sozu, from crates.io: only where it is asked for, because it builds for long."""

import subprocess
import sys

from .base import CACHE, LISTEN, NO_TUNNELS, NotHere, Peer, Way, said, version_in

FOLDER = CACHE / "sozu"
NO_DETECTION = "a listener is HTTP or TCP by its configuration"
# One worker; the rest as it comes.
HEAD = """command_socket = "{folder}/sozu.sock"
saved_state = "{folder}/state.json"
log_level = "error"
log_target = "stdout"
worker_count = 1
worker_automatic_restart = false
activate_listeners = true
max_connections = 18000
[[listeners]]
protocol = "{protocol}"
address = "{listen}"
[clusters.server]
protocol = "{protocol}"
"""
HTTP = HEAD + """frontends = [{{ address = "{listen}", hostname = "bench.example" }}]
backends = [{{ address = "127.0.0.1:{target}" }}]
"""
TCP = HEAD + """frontends = [{{ address = "{listen}" }}]
backends = [{{ address = "127.0.0.1:{target}" }}]
"""


class Sozu(Peer):
    """Its frontends are by host name."""

    name = "sozu"
    left_out = "it builds for long: `--peers sozu`"
    program = FOLDER / "bin/sozu"

    def __init__(self):
        tcp, http = Way("tcp", self.config(TCP, protocol="tcp")), Way("http", self.config(HTTP, protocol="http"))
        self.ways = {"tcp": [tcp], "bulk": [tcp], "http": [http], "reuse": "it shares no connection to a server",
                     "http2": "no HTTP/2 without TLS", "detect": NO_DETECTION, "detect-reuse": NO_DETECTION,
                     "detect-http2": NO_DETECTION, "connect": NO_TUNNELS,
                     "any": [http]}

    def config(self, text, **values):
        def configure(place):
            full = text.format(folder=place.folder, listen=LISTEN, target=place.target, **values)
            return [self.program, "start", "--config", place.write("sozu.toml", full)]
        return configure

    def is_helper(self, thread, title):
        # The one that was started; its worker is `sozu worker`.
        return " start " in title

    def install(self):
        if self.program.exists():
            return
        print("sozu: cargo install, which takes minutes", file=sys.stderr, flush=True)
        done = subprocess.run(["cargo", "install", "--quiet", "--locked", "--root", FOLDER, "sozu"])
        if done.returncode != 0:
            raise NotHere("cargo cannot install sozu")

    def find(self):
        if not self.program.exists():
            raise NotHere(f"no {self.program}, where cargo puts it without --no-install")
        return version_in(said(self.program, "--version"))
