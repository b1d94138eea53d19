"""From samples to figures: medians, what is added to direct, ratios, and the goals."""

import json
import statistics
from pathlib import Path

GOALS = json.loads((Path(__file__).parent / "goals.json").read_text())
FIGURES = "cost", "both", "rate", "p50", "p99", "p99.9"


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def row(load, entry):
    """An entry as a table and the JSON have it."""
    found = {"peer": entry.peer.name, "way": entry.way.name if entry.way else "", "title": entry.title,
             "splices": bool(entry.way and entry.way.splices), "counts requests": bool(entry.way and entry.way.counts_http),
             "disturbed": len(entry.disturbed), "filled": False,
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
        for figure, name in ("p50", "p50 added"), ("p99", "p99 added"), ("p99.9", "p99.9 added"), ("cost", "added"):
            is_time = name != "added" or each["figures"].get("p50") is None
            if figure in each["figures"] and figure in direct and is_time:
                base = direct[figure]["median"]
                each["figures"][name] = {key: value - base for key, value in each["figures"][figure].items()}


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
        # `result` is None where either was not run.
        reached = {**goal, "of": ours["title"] if ours else None, "rival": None, "result": None, "met": None}
        found.append(reached)
        if ours is None:
            continue
        value = ours["figures"][goal["figure"]]["median"]
        if goal["against"] == "nothing":
            reached["result"] = value
        else:
            other = rival(rows, goal["against"], goal["figure"])
            if other is None or other["figures"][goal["figure"]]["median"] <= 0:
                continue
            reached["rival"] = other["title"]
            reached["result"] = value / other["figures"][goal["figure"]]["median"]
        reached["met"] = reached["result"] <= goal["limit"]
    return found


def result(load, entries):
    """All that is known of a load."""
    rows = [row(load, entry) for entry in entries]
    add_what_is_added(rows)
    first = best(peers_of(rows), "cost")
    for each in rows:
        least = first["figures"]["cost"]["median"] if first else 0
        is_measured = "cost" in each["figures"] and each["peer"] != "direct"
        each["ratio"] = each["figures"]["cost"]["median"] / least if is_measured and least > 0 else None
    return {"name": load.name, "title": load.title, "unit": load.unit, "rows": rows, "goals": goals(load, rows)}
