"""One run: a server, a proxy before it, a load, in a network of their own."""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from . import loads, space
from .children import Children, Failed
from .peers.base import Place

ANSWER = 30  # Seconds beyond its time that a load may take.


class Bench(NamedTuple):
    """What all runs share."""

    helper: Path
    # The proxy's processor, and the one of load and server.
    processors: tuple
    seconds: float
    connections: int  # Of the loads of memory.
    nghttpd: tuple = ()  # More options of it.


class Mark(NamedTuple):
    """The state of all counters at one time."""

    at: float
    proxy: float
    ours: float
    both: space.Busy


class Cell:
    """A run under way. `proxy` is None where the load asks the server itself."""

    def __init__(self, bench, load, children, folder):
        self.bench, self.load, self.children, self.folder = bench, load, children, folder
        self.proxy, self.seen, self.softirq = None, set(), space.softirq_threads(bench.processors)
        self.target = {"nghttpd": loads.NGHTTPD, "witness": loads.WITNESS, **loads.SERVERS}[load.server]
        self.place = Place(folder, self.target)
        self.port = self.target

    def serve(self):
        """Starts the server, on the load's processor."""
        if self.load.server == "nghttpd":
            (self.folder / "small").write_bytes(b"x" * 100)
            (self.folder / "64k").write_bytes(b"x" * 65536)
            # 256 streams may be under way: by its 100, a proxy with one connection would have to refuse some.
            self.server = self.start("nghttpd", "nghttpd", "--no-tls", "-m256", *self.bench.nghttpd, "-a", "127.0.0.1",
                                     "-d", self.folder, self.target)
            self.children.wait_for(self.server, self.target)
            return
        ports = [f"{kind}={port}" for kind, port in loads.SERVERS.items()]
        self.server = self.helper("serve", *ports)
        self.line(self.server)

    def start(self, name, *command, **options):
        return self.children.start(name, self.bench.processors[1], *command, **options)

    def helper(self, *arguments):
        return self.start(arguments[0], self.bench.helper, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True)

    def line(self, process):
        """The next line that a helper says."""
        line = process.stdout.readline()
        if not line:
            raise Failed(f"{process.label}: {self.children.said(process)}")
        return line

    def relay(self, way):
        """Starts the proxy, alone on its processor."""
        self.proxy = self.children.start("proxy", self.bench.processors[0], *way.configure(self.place))
        self.children.wait_for(self.proxy, loads.PROXY)
        self.port = loads.PROXY

    @property
    def pids(self):
        """Of the proxy. Some start their workers after they listen."""
        found = space.family(self.proxy.pid) if self.proxy else []
        self.seen.update(found)
        return found

    def must_live(self, problem=""):
        """Fails where a process of the proxy has ended, of those that were ever seen. `problem` is what came of it."""
        ended = sum(not space.is_alive(pid) for pid in {*self.seen, *self.pids})
        if ended:
            words = f"{ended} of the proxy's processes ended under the load", problem, self.children.said(self.proxy)
            raise Failed(": ".join(filter(None, words)))

    def mark(self, *pids, ended=0.0):
        """All counters now. `pids` are the load's, `ended` the time of those that are gone."""
        ours = space.processor_time([self.server.pid, *pids, *self.softirq]) + ended
        return Mark(time.monotonic(), space.processor_time(self.pids), ours,
                    space.processors_busy(self.bench.processors))

    def between(self, before, after):
        """What a load has cost: seconds of processors, and what others took of them."""
        wall = after.at - before.at
        proxy = after.proxy - before.proxy
        both = after.both.busy - before.both.busy
        return {"wall": wall, "proxy": proxy, "both": both,
                # Ticks are counted coarsely: a little below 0 is nothing.
                "foreign": max(0.0, both - proxy - (after.ours - before.ours)) / wall,
                "stolen": (after.both.stolen - before.both.stolen) / wall}


class In:
    """`with In(bench, load, way) as cell`: all is started at its begin, and gone at its end."""

    def __init__(self, bench, load, way):
        self.bench, self.load, self.way = bench, load, way

    def __enter__(self):
        space.enter_new_network()
        os.sched_setaffinity(0, {self.bench.processors[1]})
        self.folder = tempfile.TemporaryDirectory(prefix="wayside-compare-")
        # Some give up root.
        os.chmod(self.folder.name, 0o755)
        self.children = Children(Path(self.folder.name))
        cell = Cell(self.bench, self.load, self.children, Path(self.folder.name))
        try:
            cell.serve()
            if self.way.configure:
                cell.relay(self.way)
        except BaseException:
            self.__exit__()
            raise
        return cell

    def __exit__(self, *_):
        self.children.__exit__()
        self.folder.cleanup()
