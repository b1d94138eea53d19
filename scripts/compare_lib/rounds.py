"""All runs of a load: peers in turns, so that a slow spell of the machine hits each."""

import sys
import time
from typing import NamedTuple

from .cell import In
from .children import Failed
from .drivers import DRIVERS

# A run is disturbed where others had more than this share of a processor, or the host withheld it.
FOREIGN, STOLEN = 0.06, 0.02
# A greeting that takes this long, in ms, was waited for by a clock: once is enough.
WAITED = 1000


class Entry(NamedTuple):
    """One row: a peer in one of its ways; `problem` in place of samples says why there are none."""

    peer: object
    way: object
    samples: list
    disturbed: list
    problems: list

    @property
    def title(self):
        return " ".join(filter(None, (self.peer.name, self.way.name if self.way else "")))


def entries(load, peers):
    found = []
    for peer in peers:
        ways = peer.ways_for(load.need)
        if peer.name == "direct" and load.driver in ("idle", "start"):
            continue
        if isinstance(ways, str):
            found.append(Entry(peer, None, [], [], [ways]))
        else:
            found += [Entry(peer, way, [], [], []) for way in ways]
    return found


def driven(load, way, cell):
    """The figures of one run. A proxy that did not live through it, or that took no time, has none."""
    # Its processes are noted: some drivers look at none.
    cell.must_live()
    try:
        figures = DRIVERS[load.driver](cell)
    except (Failed, OSError) as problem:
        # That it is gone says more than what broke with it.
        cell.must_live(str(problem))
        raise
    cell.must_live()
    if way.configure and figures["cost"] <= 0:
        raise Failed(f"a cost of {figures['cost']:.3g}: that is no measurement")
    return figures


def measure(bench, load, entry, nth):
    """One run of one of them, in this round; kept as a sample, or as a disturbed one."""
    try:
        with In(bench, load, entry.way) as cell:
            figures = {"round": nth, **driven(load, entry.way, cell)}
    except (Failed, OSError) as problem:
        entry.problems.append(str(problem))
        print(f"\n{load.name}: {entry.title}: {problem}", file=sys.stderr)
        return
    is_disturbed = figures["foreign"] > FOREIGN or figures["stolen"] > STOLEN
    (entry.disturbed if is_disturbed else entry.samples).append(figures)


def needs_more(load, entry, rounds, is_late):
    if entry.way is None or entry.problems:
        return False
    if load.driver == "greeting" and any(sample["cost"] > WAITED for sample in entry.samples + entry.disturbed):
        return False
    done = len(entry.samples) + len(entry.disturbed)
    return len(entry.samples) < rounds and done < (1 if is_late else rounds * 2)


def run(bench, load, peers, rounds, until):
    """The entries of a load, each with `rounds` samples where that many were undisturbed in twice as many runs.

    From `until` on, a monotonic time, nothing is run a second time."""
    rows = entries(load, peers)
    for nth in range(rounds * 2):
        wanted = [entry for entry in rows if needs_more(load, entry, rounds, time.monotonic() > until)]
        # Each begins in turn.
        for entry in wanted[nth % max(1, len(wanted)):] + wanted[:nth % max(1, len(wanted))]:
            measure(bench, load, entry, nth)
    return rows
