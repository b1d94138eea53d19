"""What the tests of scripts/compare share."""

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from compare_lib import cell, loads  # noqa: E402
from compare_lib.peers.base import Peer, Way  # noqa: E402

PROCESSORS = (sorted(os.sched_getaffinity(0)) * 2)[:2]
BENCH = cell.Bench(Path("load"), tuple(PROCESSORS), 1, 10)


def named(name):
    return next(load for load in loads.LOADS if load.name == name)


class Fake(Peer):
    """One that is never started."""

    def __init__(self, name, ways=("",)):
        self.name = name
        self.ways = {"tcp": [Way(way, lambda place: []) for way in ways]}
