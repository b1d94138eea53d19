"""What each proxy says of itself."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Callable, NamedTuple

from ..loads import PROXY, STATS

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayside-compare"


class NotHere(Exception):
    """A proxy cannot be had, and why."""


class Place(NamedTuple):
    """Where a proxy is to run: its folder, and the port of the server behind it."""

    folder: Path
    target: int

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path


class Way(NamedTuple):
    """One configuration of a proxy. `configure` takes a Place and gives the command."""

    name: str
    configure: Callable
    # Of its configuration, for --check: passes bytes unseen, or counts requests.
    counts_http: bool = False
    splices: bool = False
    reuses: bool = False


class Peer:
    """A proxy. `ways` is keyed by what a load needs; a text in place of ways says why it cannot."""

    name = ""
    package = None
    # Why it has no row where it was not asked for.
    left_out = "it was left out by --peers"
    ways = {}

    def install(self):
        """Gets it where no package of Debian has it."""

    def find(self):
        """Makes it ready to be started, and says its version. Changes nothing on the machine."""
        raise NotImplementedError

    def ways_for(self, need):
        """A list of Way, or a text."""
        # Idle connections are held in the ways that carry them.
        other = {"idle": "tcp", "idle-http": "http", "idle-http2": "http2", "idle-connect": "connect"}.get(need)
        return self.ways.get(need) or self.ways.get(other, "it has no such mode")

    def is_helper(self, thread, title):
        """Whether a thread of it carries nothing, by its name and the title of its process."""
        return False

    def counted(self, place):
        """The HTTP requests that it has counted."""
        raise NotImplementedError

    def in_path(self, program):
        found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
        if not found:
            raise NotHere(f"there is no {program}; as root: apt-get install {self.package}")
        return found


def said(*command):
    """What a program prints about itself."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def version_in(text):
    found = re.search(r"\d+\.\d+(\.\d+)?(-[\w+~.-]+)?", text)
    return found.group() if found else "of unknown version"


def page(path, port=STATS):
    # No proxy of the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def as_yaml(tree):
    """JSON is YAML."""
    return json.dumps(tree, indent=1)


NO_TUNNELS = "it opens no tunnels by CONNECT"
LISTEN = f"127.0.0.1:{PROXY}"
