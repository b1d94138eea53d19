"""What was measured, as text: one table for the terminal and for Markdown."""

from .figures import ENOUGH

# Characters of a problem that a table has.
LONGEST_PROBLEM = 120
COLUMNS = ["load", "proxy", "cost: median (min to max)", "both", "rate", "p50", "p99", "p99.9", "ratio", "goal"]


def number(value):
    """Three digits that count."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.3 or value == 0 else f"{value:.3f}"


def rate(result, figures):
    if "rate" not in figures:
        return "-"
    per_second = figures["rate"]["median"]
    return f"{per_second / 1e9:.2f} GB/s" if result["unit"] == "s/GB" else f"{per_second / 1000:.1f} k/s"


def median(figures, name):
    return number(figures[name]["median"]) if name in figures else "-"


def goal(each):
    """A goal and whether it is met, in few words."""
    what = {"cost": ""}.get(each["figure"], f"{each['figure']} ")
    whom = "" if each["against"] in ("best", "nothing") else f" of {each['against']}"
    limit = f"{what}≤ {number(each['limit'])}{whom}"
    if each["result"] is None:
        return f"{limit}: not measured"
    return f"{limit}: {number(each['result'])} {'met' if each['met'] else 'MISSED'}{of_few(each)}"


def of_few(each):
    """On how many runs a goal rests, where those are few."""
    runs = each["runs"]
    if runs == 0:
        return ", of disturbed runs"
    return f", of {runs} run{'' if runs == 1 else 's'}" if runs < ENOUGH else ""


def short(problem):
    """A problem in a table; the JSON has all of it."""
    words = " ".join(problem.split())
    return words if len(words) <= LONGEST_PROBLEM else words[:LONGEST_PROBLEM - 1] + "…"


def line(result, row):
    figures = row["figures"]
    if row["problem"]:
        return [row["title"], f"- ({short(row['problem'])})"] + [""] * 6
    if row["peer"] == "direct" and result["unit"] != "ms":
        cost = "-"
    elif "cost" in figures:
        cost = "{} ({} to {})".format(*(number(figures["cost"][key]) for key in ("median", "min", "max")))
    else:
        cost = "-"
    mark = f" (n {row['undisturbed']})" if 0 < row["undisturbed"] < row["rounds"] else " ~" if row["filled"] else ""
    return [row["title"], cost + mark, median(figures, "both"), rate(result, figures),
            *(median(figures, name) for name in ("p50", "p99", "p99.9")), number(row["ratio"])]


def table(results):
    """Rows of cells; a load and its unit stand in the first row of each, a goal beside wayside and below."""
    found = []
    for result in results:
        first = f"{result['name']}, {result['unit']}"
        for row in result["rows"]:
            goals = list(map(goal, result["goals"])) if row["peer"] == "wayside" else []
            found.append([first, *line(result, row), goals[0] if goals else ""])
            found += [[""] * (len(COLUMNS) - 1) + [more] for more in goals[1:]]
            first = ""
    return found


def plain(results):
    """For a terminal. What is too long for its column goes on into the next ones."""
    rows = [COLUMNS, *table(results)]
    widths = [max(len(row[at]) for row in rows if not row[2].startswith("- (") or at < 2) for at in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def missed(results):
    return [each for result in results for each in result["goals"] if each["met"] is False]
