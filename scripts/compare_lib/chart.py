"""The chart: what each load costs through each proxy, as SVG."""

from html import escape

from .report import number

WIDTH, LEFT, BAR, ROW, LONGEST = 960, 240, 13, 18, 500
# Ratios to the best peer; what is more is cut off, with an arrow.
MOST = 4.0
COLOURS = {"wayside": "#1f6feb", "haproxy": "#8c959f", "nginx": "#57ab5a", "sslh": "#b083f0", "envoy": "#e5a05a",
           "sozu": "#d4a72c", "linkerd": "#39c5cf"}


def text(x, y, words, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}"{more}>{escape(words)}</text>'


def x_of(ratio):
    return LEFT + min(ratio, MOST) / MOST * LONGEST


def bar(row, base, y):
    """One proxy: its median, and a line from its least to its most."""
    cost = row["figures"]["cost"]
    ratios = {name: max(0.0, value / base) for name, value in cost.items()}
    end, middle = x_of(ratios["median"]), y + BAR / 2
    label = number(cost["median"]) + ("" if row["ratio"] is None else f"   ×{number(row['ratio'])}")
    if ratios["median"] > MOST:
        label = "→ " + label
    weight = ' font-weight="bold"' if row["peer"] == "wayside" else ""
    right = max(end, x_of(ratios["max"])) + 6
    return [
        text(LEFT - 8, y + BAR - 2, row["title"], f' text-anchor="end"{weight}'),
        f'<rect x="{LEFT}" y="{y:.0f}" width="{end - LEFT:.1f}" height="{BAR}" fill="{COLOURS[row["peer"]]}"/>',
        f'<line x1="{x_of(ratios["min"]):.1f}" x2="{x_of(ratios["max"]):.1f}" y1="{middle}" y2="{middle}" stroke="#24292f"/>',
        text(right, y + BAR - 2, label, weight),
    ]


def load(result, y):
    """A load, and the height that it takes."""
    rows = [row for row in result["rows"] if "cost" in row["figures"] and row["peer"] != "direct"]
    if not rows:
        return [], 0
    peers = [row["figures"]["cost"]["median"] for row in rows if row["peer"] != "wayside"]
    base = min([cost for cost in peers if cost > 0] or [max(row["figures"]["cost"]["median"] for row in rows) or 1])
    parts = [text(12, y + 13, f"{result['title']}, {result['unit']}", ' font-weight="bold"')]
    for at, row in enumerate(rows):
        parts += bar(row, base, y + 20 + at * ROW)
    one, bottom = x_of(1), y + 20 + len(rows) * ROW - 3
    parts.append(f'<line x1="{one}" x2="{one}" y1="{y + 18}" y2="{bottom}" stroke="#cf222e" stroke-dasharray="3 3"/>')
    return parts, 20 + len(rows) * ROW + 12


def svg(everything):
    """All loads, one under the other. The best peer of each is the dashed line."""
    machine = everything["machine"]
    parts = [
        text(12, 22, "What it costs: less is better", ' font-size="16" font-weight="bold"'),
        text(12, 40, f"{machine['processor']}, Linux {machine['kernel']}, {everything['date']}. "
                     "Dashed: the best peer; ×: ratio to it, within a round. Line: least to most."),
    ]
    y = 56
    for result in everything["loads"]:
        more, height = load(result, y)
        parts += more
        y += height
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
            'font-family="sans-serif" font-size="12" fill="#24292f">\n'
            f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n")
