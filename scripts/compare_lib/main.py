"""The command line of scripts/compare."""

import argparse
import json
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from . import chart, check, figures, loads, markdown, report, rounds, space
from .cell import Bench
from .machine import describe, install
from .peers import DEFAULT, PEERS, Direct, NotHere, Wayside
from .peers.wayside import build

ROOT = Path(__file__).resolve().parents[2]
NOT_HERE = 77
# Seconds that --quick has for all loads: a load that is past its share is run once.
QUICK = 230
HELP = """\
What a request costs through wayside and through other proxies: the processor time of the proxy alone, which does not
depend on how fast the load is. One process with one thread of each, alone on one processor; load and server on
another; each run in a network namespace of its own; the proxies in turns.

As root on Debian it installs the peers that are missing. Prints a table; writes compare.json, compare.md and
compare.svg. A run during which others used the processors is done again.

  scripts/compare --quick              under five minutes, with the peers that are Debian's
  scripts/compare --loads http,tcp-new --peers haproxy,nginx
  scripts/compare --check              does each configuration do what it claims?

environment:
  WAYSIDE           the program; else the static release build is made here
  LINKERD2_PROXY    the path of a linkerd2-proxy, for --peers linkerd
exit codes: 0 measured (goals missed or not), 1 something failed, 2 wrong usage, 77 this machine cannot do it
"""


def names(text):
    return [name for name in text.split(",") if name]


def processors(text):
    first, second = map(int, text.split(","))
    if first == second or not {first, second} <= os.sched_getaffinity(0):
        raise ValueError
    return first, second


def positive(number):
    """A reader of such numbers."""
    def read(text):
        try:
            value = number(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text} is no {'whole ' if number is int else ''}number above 0")
        return value
    return read


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def default_rounds(is_quick):
    return 2 if is_quick else 5


def default_seconds(is_quick):
    return 0.4 if is_quick else 2


def default_processors():
    return tuple(sorted(os.sched_getaffinity(0))[:2])


def writable(folder):
    """The folder, made where it is not there. OSError: nothing can be written there."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return folder.resolve()


def look_ahead(parser, options):
    """What would else fail after minutes."""
    out = options.out or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "compare"
    try:
        options.out = writable(out)
    except OSError as error:
        parser.error(f"--out {out}: {error.strerror}")
    for name in "WAYSIDE", "WAYSIDE_LOAD":
        program = os.environ.get(name)
        if program and not shutil.which(program):
            parser.error(f"{name}={program}: there is no such program")


def arguments():
    parser = Parser(prog="scripts/compare", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.4 s, with haproxy, nginx and sslh")
    parser.add_argument("--check", action="store_true", help="prove what each configuration does, and measure nothing")
    parser.add_argument("--no-install", action="store_true", help="use the peers that are here")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md and .svg as well")
    parser.add_argument("--peers", type=names, help=f"of {', '.join(PEERS)}; default {','.join(DEFAULT)}")
    parser.add_argument("--loads", type=names, help="by their names, or how those begin; default all")
    parser.add_argument("--rounds", type=positive(int), help="undisturbed runs of each; default 5")
    parser.add_argument("--seconds", type=positive(float), help="of a run; default 2")
    parser.add_argument("--processors", type=processors, metavar="A,B",
                        help="the proxy's, and that of load and server; default the first two")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the files go; default target/compare")
    options = parser.parse_args()
    options.rounds = options.rounds or default_rounds(options.quick)
    options.seconds = options.seconds or default_seconds(options.quick)
    options.peers = options.peers or ([name for name in DEFAULT if name != "envoy"] if options.quick else DEFAULT)
    unknown = set(options.peers) - set(PEERS)
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    try:
        options.loads = loads.chosen(options.loads)
    except ValueError as why:
        parser.error(str(why))
    options.processors = options.processors or default_processors()
    look_ahead(parser, options)
    return options


def give_up(why):
    print(f"skipped: scripts/compare: {why}", file=sys.stderr)
    sys.exit(NOT_HERE)


def found(peers, may_install):
    """Those that are here, with their versions; and why each of the others is not, which is told as well."""
    here, versions, missing = [], {}, {}
    for peer in peers:
        try:
            if may_install:
                peer.install()
            versions[peer.name] = peer.find()
        except NotHere as why:
            print(f"skipped: {peer.name}: {why}", file=sys.stderr)
            missing[peer.name] = str(why)
            continue
        here.append(peer)
    return here, versions, missing


def not_run(asked_for, missing):
    """Why peers have no row."""
    others = {name: peer.left_out for name, peer in PEERS.items() if name not in asked_for}
    return {**missing, **others}


def measure(options, bench, peers, versions):
    """Runs all loads, and writes what came of them after each: a run that is stopped has its part."""
    everything = {**describe(options), "versions": versions, "not run": options.not_run, "idle connections": bench.connections,
                  "command": asked(options), "loads": []}
    results = everything["loads"]
    begun = time.monotonic()
    for nth, load in enumerate(options.loads, 1):
        print(f"{load.name}: {load.title}", file=sys.stderr, flush=True)
        until = begun + QUICK * nth / len(options.loads) if options.quick else math.inf
        results.append(figures.result(load, rounds.run(bench, load, peers, options.rounds, until), options.rounds))
        write(options.out / "compare", everything)
    if options.docs:
        write(ROOT / "docs/performance", everything)
        (ROOT / "docs/performance.json").unlink()
    print(report.plain(results))
    for each in report.missed(results):
        print(f"missed: {each['load']}: {report.goal(each)}")
    print(f"written: {options.out}/compare.json, .md and .svg", file=sys.stderr)
    # A peer that fails is a row that says so.
    ours = [row for result in results for row in result["rows"] if row["peer"] in ("wayside", "direct")]
    return 1 if any(row["problem"] for row in ours) else 0


def asked(options):
    """The command again, but for where its files went."""
    words = ["scripts/compare"] + [word for word, given in (("--quick", options.quick), ("--docs", options.docs)) if given]
    if len(options.loads) < len(loads.LOADS):
        words.append("--loads " + ",".join(load.name for load in options.loads))
    words.append("--peers " + ",".join(options.peers))
    if options.rounds != default_rounds(options.quick):
        words.append(f"--rounds {options.rounds}")
    if options.seconds != default_seconds(options.quick):
        words.append(f"--seconds {options.seconds:g}")
    if options.processors != default_processors():
        words.append("--processors {},{}".format(*options.processors))
    return " ".join(words)


def write(base, everything):
    """Beside each other: all samples, the page, its chart."""
    picture = base.with_suffix(".svg")
    base.with_suffix(".json").write_text(json.dumps(everything, indent=1) + "\n")
    base.with_suffix(".md").write_text(markdown.page(everything, picture.name, rounds.FOREIGN, rounds.STOLEN))
    picture.write_text(chart.svg(everything))


def stop(number, _):
    """Ends all that runs. A second signal would interrupt that."""
    for each in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    options = arguments()
    for each in signal.SIGTERM, signal.SIGHUP:
        # nohup has us go on.
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, stop)
    if len(os.sched_getaffinity(0)) < 2:
        give_up("one processor only")
    if not options.no_install:
        install(options.peers)
    asked_for = [Direct(), Wayside(), *(PEERS[name] for name in options.peers)]
    peers, versions, missing = found(asked_for, not options.no_install)
    options.not_run = not_run(options.peers, missing)
    helper = os.environ.get("WAYSIDE_LOAD") or build("--example", "load") / "examples/load"
    has_http2 = bool(shutil.which("h2load") and shutil.which("nghttpd"))
    if not has_http2:
        print("skipped: HTTP/2: there is no h2load or nghttpd; as root: apt-get install nghttp2", file=sys.stderr)
        options.loads = [load for load in options.loads if load.driver != "http2"]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        space.become_root_of_our_own()
        space.enter_new_network()
    except OSError as error:
        give_up(f"no network namespace: {error}")
    # A proxy has two descriptors for each, and needs some more.
    most_idle = min(4000 if options.quick else 8000, most // 2 - 500)
    bench = Bench(Path(helper).resolve(), options.processors, options.seconds, most_idle)
    try:
        if options.check:
            results = check.run(bench, peers[1:], has_http2)
            (options.out / "check.json").write_text(json.dumps(results, indent=1) + "\n")
            return 0 if all(result["good"] for result in results) else 1
        return measure(options, bench, peers, versions)
    except KeyboardInterrupt:
        return 130
