"""docs/performance.md, whole: nothing in it is written by hand."""

from .figures import ENOUGH, PAIRS
from .report import COLUMNS, number, of_few, table

HEAD = """# What it costs

Written by `{command}` on {date}; do not edit.

wayside beside other proxies, under the same loads on the same machine. Rows that wayside loses are here as well, and
goals that it misses.

| | |
|---|---|
| machine | {processor}, {processors} processors, {memory} GB |
| kernel | Linux {kernel} |
| versions | {versions} |
| not run | {missing} |
| runs | {rounds} of {seconds} s for each row, in turns; processor {first} for the proxy, {second} for load and server |

![chart]({chart})

## How it was measured

- **cost** is the processor time of the proxy itself, user and kernel, all of its threads, by the scheduler's account in
  nanoseconds; over the requests that were answered, or the gigabytes (10⁹ bytes) that passed. It does not depend on how quick
  the load is.
- **both** is the time that both processors were busy, with load, server and the kernel's own work: what a proxy leaves to
  others shows there.
- **rate** and the latencies (µs) are of the same runs. All proxies are driven as hard as they go, so rate and latency say how the
  two processors share the work. `direct` is the load without a proxy.
- **ratio** is the cost over that of the best peer of that load, the one with the least median. It is the median over rounds of the
  ratio within a round, because the host has slow and fast spells, and those of one round are close in time. Only rounds in which
  both were undisturbed count; where they are fewer than {pairs}, it is the ratio of the two medians. Goals are judged by the same.
- A figure is the median of the undisturbed runs, with the least and the most. `(n 2)`: of {rounds} undisturbed runs that were asked
  for it had only that many; a greeting that was waited for by a clock is measured once. A goal that rests on fewer than {enough} says
  so: `of 2 runs`.
- Each run has a network namespace of its own, reno, a fresh proxy and a fresh server. One thread each. Configurations are in
  `scripts/compare_lib/peers/`, their defaults but where a comment says why; `scripts/compare --check` proves what they do.
- wayside finds out protocols and counts requests in every row; the peers only where the row says so.
- A run in which others had more than {foreign:.0%} of a processor, or the host took {stolen:.0%}, is done again, up to twice as many runs. `~`: no run was undisturbed.
- Memory of idle connections is by how much the resident memory (`VmRSS`) of all of a proxy's processes grows while {connections:,}
  connections are opened, for each of them. What grows once, as tables do, is part of it; what it had before is not.

## Figures

"""


def one_line(text):
    return " ".join(text.split()).replace("|", "\\|")


def cells(row):
    return "| " + " | ".join(map(one_line, row)) + " |"


def figures(results):
    rows = [cells(COLUMNS), cells(["---"] * len(COLUMNS))]
    for row in table(results):
        rows.append(cells([f"**{cell}**" if at == 1 and cell.startswith("wayside") else cell for at, cell in enumerate(row)]))
    return "\n".join(rows)


def goals(results):
    rows = [cells(["load", "figure", "goal", "against", "result", ""]), cells(["---"] * 6)]
    for result in results:
        for goal in result["goals"]:
            verdict = {True: "met", False: "**missed**", None: "not measured"}[goal["met"]]
            verdict += of_few(goal) if goal["result"] is not None else ""
            against = goal["rival"] or goal["against"]
            rows.append(cells([goal["load"], goal["figure"], f"≤ {number(goal['limit'])}", "" if against == "nothing" else against,
                               number(goal["result"]), verdict]))
    return "\n".join(rows)


def page(everything, chart, foreign, stolen):
    machine, (first, second) = everything["machine"], everything["processors used"]
    versions = ", ".join(f"{name} {version}" for name, version in everything["versions"].items() if version)
    missing = "; ".join(f"{name}: {one_line(why)}" for name, why in everything["not run"].items())
    head = HEAD.format(command=everything["command"], date=everything["date"], processor=machine["processor"],
                       processors=machine["processors"], memory=machine["memory GB"], kernel=machine["kernel"],
                       versions=versions, missing=missing or "-", rounds=everything["rounds"],
                       seconds=everything["seconds"], first=first, second=second, chart=chart, foreign=foreign, stolen=stolen,
                       pairs=PAIRS, enough=ENOUGH,
                       connections=everything["idle connections"])
    results = everything["loads"]
    return f"{head}{figures(results)}\n\n## Goals\n\n{goals(results)}\n"
