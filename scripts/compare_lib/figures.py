"""From samples to figures: medians, what is added to direct, ratios, and the goals."""

import json
import statistics
from pathlib import Path

GOALS = json.loads((Path(__file__).parent / "goals.json").read_text())
FIGURES = "cost", "both", "rate", "p50", "p99", "p99.9"
# What it is called, less that of no proxy.
ADDED = {"p50": "p50 added", "p99": "p99 added", "p99.9": "p99.9 added", "cost": "added"}
# With fewer rounds in which both were undisturbed, a ratio is that of their medians.
PAIRS = 3
# A goal that rests on fewer runs says on how many.
ENOUGH = 5


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def row(load, entry, rounds):
    """An entry as a table and the JSON have it. `rounds` is how many undisturbed runs it was to have."""
    found = {"peer": entry.peer.name, "way": entry.way.name if entry.way else "", "title": entry.title,
             "splices": bool(entry.way and entry.way.splices), "counts requests": bool(entry.way and entry.way.counts_http),
             "undisturbed": len(entry.samples), "disturbed": len(entry.disturbed), "rounds": rounds, "filled": False,
             "figures": {}, "samples": entry.samples, "disturbed samples": entry.disturbed, "problem": None}
    if entry.problems:
        found["problem"] = entry.problems[0]
        return found
    # Rather disturbed ones, marked, than none.
    samples = entry.samples or entry.disturbed
    found["filled"] = not entry.samples and bool(entry.disturbed)
    for figure in FIGURES:
        values = [sample[figure] for sample in samples if figure in sample]
        if values:
            found["figures"][figure] = spread(values)
    return found


def add_what_is_added(rows):
    """Latencies, less those of no proxy. Each run against the median of those without."""
    direct = next((row["figures"] for row in rows if row["peer"] == "direct"), {})
    for each in rows:
        for figure, name in ADDED.items():
            is_time = name != "added" or each["figures"].get("p50") is None
            if figure in each["figures"] and figure in direct and is_time:
                base = direct[figure]["median"]
                each["figures"][name] = {key: value - base for key, value in each["figures"][figure].items()}


def by_round(row, figure):
    """The figure of each undisturbed run, by its round."""
    return {sample["round"]: sample[figure] for sample in row["samples"] if figure in sample}


def added_by_round(rows, row, figure):
    """The same; what is added to no proxy is so within a round, too."""
    whole = next((whole for whole, name in ADDED.items() if name == figure), None)
    if whole is None:
        return by_round(row, figure)
    direct = next((by_round(other, whole) for other in rows if other["peer"] == "direct"), {})
    return {nth: value - direct[nth] for nth, value in by_round(row, whole).items() if nth in direct}


def ratio(rows, ours, theirs, figure):
    """How much of theirs ours is, and on how many undisturbed runs that rests: the median over rounds of the ratio
    within a round, because slow spells of the machine hit both. None where theirs is nothing."""
    one, other = added_by_round(rows, ours, figure), added_by_round(rows, theirs, figure)
    pairs = [one[nth] / other[nth] for nth in one.keys() & other.keys() if other[nth] > 0]
    if len(pairs) >= PAIRS:
        return statistics.median(pairs), len(pairs)
    base = theirs["figures"][figure]["median"]
    runs = min(ours["undisturbed"], theirs["undisturbed"])
    return (ours["figures"][figure]["median"] / base if base > 0 else None), runs


def peers_of(rows):
    return [row for row in rows if row["peer"] not in ("direct", "wayside") and "cost" in row["figures"]]


def best(rows, figure):
    """The peer with the least of it."""
    having = [row for row in rows if figure in row["figures"]]
    return min(having, key=lambda row: row["figures"][figure]["median"], default=None)


def rival(rows, against, figure):
    """Whom a goal is against."""
    peers = peers_of(rows)
    if against == "best":
        return best(peers, figure)
    if against == "best that copies":
        return best([row for row in peers if not row["splices"]], figure)
    if against == "best that counts requests":
        return best([row for row in peers if row["counts requests"]], figure)
    return best([row for row in peers if row["title"] == against], figure)


def goals(load, rows):
    """What was to be reached, and what was: of each row of wayside."""
    found = []
    for goal in GOALS:
        if goal["load"] != load.name:
            continue
        ours = best([row for row in rows if row["peer"] == "wayside"], goal["figure"])
        # `result` is None where either was not run; `runs` is how many undisturbed ones it rests on.
        reached = {**goal, "of": ours["title"] if ours else None, "rival": None, "result": None, "runs": 0, "met": None}
        found.append(reached)
        if ours is None:
            continue
        if goal["against"] == "nothing":
            reached["result"], reached["runs"] = ours["figures"][goal["figure"]]["median"], ours["undisturbed"]
        else:
            other = rival(rows, goal["against"], goal["figure"])
            if other is None:
                continue
            reached["rival"] = other["title"]
            reached["result"], reached["runs"] = ratio(rows, ours, other, goal["figure"])
        if reached["result"] is not None:
            reached["met"] = reached["result"] <= goal["limit"]
    return found


def result(load, entries, rounds):
    """All that is known of a load."""
    rows = [row(load, entry, rounds) for entry in entries]
    add_what_is_added(rows)
    first = best(peers_of(rows), "cost")
    for each in rows:
        is_measured = first and "cost" in each["figures"] and each["peer"] != "direct"
        each["ratio"], _ = ratio(rows, each, first, "cost") if is_measured else (None, 0)
    return {"name": load.name, "title": load.title, "unit": load.unit, "rows": rows, "goals": goals(load, rows)}
