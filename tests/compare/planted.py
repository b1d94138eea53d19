"""Whether `scripts/compare --check` sees configurations that do something else than they claim: planted ones."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from compare_lib import check, space  # noqa: E402
from compare_lib.cell import Bench  # noqa: E402
from compare_lib.peers import PEERS, NotHere  # noqa: E402

NOT_HERE = 77
ANSWER = "  http-request return status 200 content-type text/plain string none\n  server s"
ANSWER_SOME = ANSWER.replace("none", "none if { path /small }")
CACHE = "http {\n  proxy_cache_path {folder}/cache keys_zone=all:1m; proxy_cache all;"
# Peer, what it is to do, which of those ways; the claim that is untrue; what is written in place of what.
PLANTED = [
    ("haproxy", "tcp", 0, check.unchanged, "nbthread 1", "nbthread 2", "2 threads"),
    ("haproxy", "http2", 0, check.http2_both, "  server s", ANSWER, "another body"),
    ("haproxy", "http2", 0, check.http2_both, "  server s", ANSWER_SOME, "the server has had 2"),
    ("haproxy", "http", 0, check.answers, "  server s", ANSWER, "another body"),
    ("haproxy", "reuse", 0, check.connections, "http-reuse always", "http-reuse never", "had 20"),
    ("haproxy", "bulk", 1, check.carried, "option splice-re", "# ", "it copies"),
    ("nginx", "http", 0, check.answers, "worker_processes 1", "worker_processes 3", "3 threads"),
    ("nginx", "http", 0, check.answers, "http {", "http {\n  gzip on;", "an answer of"),
    ("nginx", "http", 0, check.answers, "http {", CACHE, "another body"),
]
if Path("/etc/mime.types").exists():
    # Without it nghttpd does not say what its page is, and nginx lets it be.
    PLANTED.append(("nginx", "http2", 0, check.http2_both, "http {", "http {\n  gzip on;", "another body"))
LOADS = {need: name for need, name, _ in check.CLAIMS}


def planted(way, old, new):
    """The way with another configuration."""
    def configure(place):
        command = way.configure(place)
        path, = place.folder.glob("*.c*f*")
        text = path.read_text()
        if old not in text:
            raise AssertionError(f"nothing to be replaced: {old}")
        path.write_text(text.replace(old, new.replace("{folder}", str(place.folder))))
        return command
    return way._replace(configure=configure)


def give_up(why):
    print(why, file=sys.stderr)
    sys.exit(NOT_HERE)


def main():
    processors = sorted(os.sched_getaffinity(0))[:2]
    if len(processors) < 2:
        give_up("one processor only")
    try:
        for name in "haproxy", "nginx":
            PEERS[name].find()
    except NotHere as why:
        give_up(str(why))
    for name in "strace", "h2load", "nghttpd":
        if not shutil.which(name):
            give_up(f"no {name}")
    try:
        space.become_root_of_our_own()
        space.enter_new_network()
    except OSError as error:
        give_up(f"no network namespace: {error}")
    bench = Bench(Path(os.environ["WAYSIDE_LOAD"]), tuple(processors), 0.1, 10, check.NGHTTPD)
    unseen = 0
    for name, need, nth, claim, old, new, said in PLANTED:
        peer = PEERS[name]
        way = peer.ways_for(need)[nth]
        load = check.by_name(LOADS[need])
        for each, is_wanted in (way, True), (planted(way, old, new), False):
            is_good, what = check.one(bench, load, peer, each, claim)
            is_seen = is_good == is_wanted and (is_good or said in what)
            unseen += not is_seen
            print(f"{'seen' if is_seen else 'UNSEEN':<6} {name} {way.name}: {old if is_wanted else new!r}: {what}", flush=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        sys.exit(main())
