"""How each kind of load is run, and what is measured of it."""

import json
import os
import re
import socket
import statistics
import time

from . import space
from .cell import ANSWER
from .children import Failed
from .talk import TALKS

WARM = 0.25  # Seconds, or that share of a run if it is less.
GREETINGS = 50


def percentile(ordered, share):
    return ordered[round((len(ordered) - 1) * share)] if ordered else 0.0


def costs(spent, amount, scale):
    """What the figures have in common: the cost of a unit, to the proxy and in all."""
    return {"cost": spent["proxy"] / amount * scale, "both": spent["both"] / amount * scale,
            "foreign": spent["foreign"], "stolen": spent["stolen"]}


def latencies(done):
    return {name: done[name] for name in ("p50", "p99", "p99.9")}


def helped(cell, *arguments):
    """Runs a load of the helper: what it says, and what was spent."""
    seconds = cell.bench.seconds
    load = cell.helper(*arguments, min(WARM, seconds / 2), seconds)
    cell.line(load)
    before = cell.mark(load.pid)
    load.stdin.write("go\n")
    load.stdin.flush()
    done = json.loads(cell.line(load))
    after = cell.mark(load.pid)
    return done, cell.between(before, after)


def requests(cell):
    *what, connections, how = cell.load.arguments
    done, spent = helped(cell, "requests", *what, f"127.0.0.1:{cell.port}", connections, how)
    if done["errors"] or not done["requests"]:
        raise Failed(f"{done['errors']} of {done['requests'] + done['errors']} requests failed: {done['problem']}")
    return {**costs(spent, done["requests"], 1e6), "rate": done["requests"] / done["seconds"], **latencies(done),
            "requests": done["requests"]}


def bulk(cell):
    way, streams = cell.load.arguments
    done, spent = helped(cell, "bulk", way, f"127.0.0.1:{cell.port}", streams)
    if not done["bytes"]:
        raise Failed("no byte passed")
    return {**costs(spent, done["bytes"], 1e9), "rate": done["bytes"] / done["seconds"], "bytes": done["bytes"]}


def h2load(cell, *arguments):
    """Runs h2load to its end: what it printed, and its processor time."""
    path, connections, streams = cell.load.arguments
    process = cell.start("h2load", "h2load", f"-c{connections}", f"-m{streams}", *arguments,
                         f"http://127.0.0.1:{cell.port}/{path}", stdout=-1, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    if process.returncode != 0 or not found:
        raise Failed(f"h2load: {text[-500:]}{cell.children.said(process)}")
    done, succeeded, *_ = map(int, found.groups())
    if not succeeded or done != succeeded:
        raise Failed(f"h2load: {found.group()}")
    return succeeded, usage.ru_utime + usage.ru_stime


def log_latencies(text):
    """Of h2load's log: start, status, time in microseconds. A time of 0 is that of a request that the end has cut off."""
    took = sorted(filter(None, (int(line.split()[2]) for line in text.splitlines())))
    return {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99), "p99.9": percentile(took, 0.999)}


def http2(cell):
    path, connections, streams = cell.load.arguments
    h2load(cell, f"-n{connections * streams * 4}")
    log = cell.folder / "latencies"
    before = cell.mark()
    count, ended = h2load(cell, f"-D{round(cell.bench.seconds * 1000)}ms", f"--log-file={log}")
    after = cell.mark(ended=ended)
    spent = cell.between(before, after)
    return {**costs(spent, count, 1e6), "rate": count / spent["wall"], **log_latencies(log.read_text()), "requests": count}


def idle(cell):
    talk = TALKS[cell.load.arguments[0]]
    count = cell.bench.connections
    held = []
    try:
        # Code and tables that the first connections need are not counted to the others.
        for _ in range(16):
            with socket.create_connection(("127.0.0.1", cell.port), 20) as stream:
                talk(stream, cell.target)
        settle(cell)
        before = space.resident(cell.pids)
        for _ in range(count):
            held.append(socket.create_connection(("127.0.0.1", cell.port), 20))
            talk(held[-1], cell.target)
        settle(cell)
        grown = space.resident(cell.pids) - before
    finally:
        for stream in held:
            stream.close()
    return {"cost": grown / count, "connections": count, "foreign": 0.0, "stolen": 0.0}


def settle(cell):
    """Waits until the proxy does nothing more of its own."""
    quiet = 0
    for _ in range(200):
        before = space.processor_time(cell.pids)
        time.sleep(0.02)
        quiet = quiet + 1 if space.processor_time(cell.pids) - before < 0.0005 else 0
        if quiet == 10:
            return


def start(cell):
    settle(cell)
    return {"cost": space.resident(cell.pids) / 1e6, "foreign": 0.0, "stolen": 0.0}


def greeting(cell):
    took = []
    for _ in range(GREETINGS):
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", cell.port), ANSWER) as stream:
            if not stream.recv(100).startswith(b"220 "):
                raise Failed("no greeting")
        took.append((time.monotonic() - begun) * 1000)
        if took[-1] > 1000:
            break
    return {"cost": statistics.median(took), "foreign": 0.0, "stolen": 0.0}


DRIVERS = {"requests": requests, "bulk": bulk, "http2": http2, "idle": idle, "start": start, "greeting": greeting}
