"""wayside, of this tree or another program."""

import os
import subprocess
from pathlib import Path

from .base import LISTEN, Peer, Way, page, said, version_in
from ..loads import STATS

ROOT = Path(__file__).resolve().parents[3]


def build(*what):
    """The folder of the release build."""
    subprocess.run(["cargo", "build", "--release", "--quiet", *what], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def build_static():
    """The program as it is packaged; the ordinary release build where it cannot be made."""
    made = subprocess.run(["scripts/build-static"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return made.stdout.strip() if made.returncode == 0 else build() / "wayside"


class Wayside(Peer):
    """As it comes: detection, metrics and HTTP observed on every port. One worker is its default."""

    name = "wayside"

    def __init__(self):
        plain = Way("", self.command(), counts_http=True, splices=True)
        # Requests are steered to connections that are kept, as the peers do it.
        reuse = Way("--http-reuse", self.command("--http-reuse"), counts_http=True, reuses=True)
        tunnels = Way("as an HTTP proxy", self.command(forwards=False), counts_http=True, splices=True)
        self.ways = {
            "tcp": [plain], "bulk": [plain], "http": [plain], "reuse": [reuse], "http2": [plain],
            "detect": [plain], "detect-reuse": [reuse], "detect-http2": [plain], "connect": [tunnels],
            "any": [plain],
        }

    def command(self, *options, forwards=True):
        def configure(place):
            listens = ["--outbound-listen=off", f"--forward={LISTEN}=127.0.0.1:{place.target}"] if forwards else [
                f"--outbound-listen={LISTEN}"]
            return [self.program, "run", "--inbound-listen=off", f"--admin-listen=127.0.0.1:{STATS}", *listens, *options]
        return configure

    def find(self):
        self.program = os.environ.get("WAYSIDE") or build_static()
        return version_in(said(self.program, "--version"))

    def counted(self, place):
        lines = page("/metrics").splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("request_total{"))
