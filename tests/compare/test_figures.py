"""From samples to figures, and what is said of them."""

import unittest

from support import Fake, named
from compare_lib import figures, markdown, report, rounds
from compare_lib.peers.base import Way


def entry(name, costs, way="", disturbed=(), **more):
    """`costs`: of a round each, None where it was disturbed."""
    samples = [{"round": nth, "cost": cost, **{key: values[nth] for key, values in more.items()}}
               for nth, cost in enumerate(costs) if cost is not None]
    return rounds.Entry(Fake(name), Way(way, lambda place: []), samples, list(disturbed), [])


def judged(load, *entries):
    found = figures.result(named(load), entries, 5)
    return found, {row["title"]: row for row in found["rows"]}


class Figures(unittest.TestCase):
    """Ratios, goals, and what is said of them."""

    def test_a_ratio_is_that_within_a_round(self):
        # The host is twice as slow in some rounds; of each, other ones are disturbed.
        ours = entry("wayside", [8, None, 8, 16, 16, 16])
        theirs = entry("haproxy", [10, 10, 10, 20, None, 20], "tcp")
        found, rows = judged("tcp-kept", ours, theirs)
        self.assertEqual(rows["wayside"]["ratio"], 0.8)
        self.assertEqual(rows["haproxy tcp"]["ratio"], 1)
        goal, = found["goals"]
        self.assertEqual((goal["result"], goal["runs"], goal["met"]), (0.8, 4, True))
        self.assertTrue(report.goal(goal).endswith("0.80 met, of 4 runs"), report.goal(goal))

    def test_few_pairs_leave_the_medians(self):
        ours, theirs = entry("wayside", [8, 9, 10, None, None]), entry("haproxy", [None, 5, 10, 15, 10], "tcp")
        found, rows = judged("tcp-kept", ours, theirs)
        self.assertEqual((rows["wayside"]["ratio"], found["goals"][0]["runs"]), (0.9, 3))

    def test_the_rival_has_the_least_median(self):
        ours = entry("wayside", [9] * 5)
        found, rows = judged("tcp-kept", ours, entry("haproxy", [12] * 5, "tcp"), entry("nginx", [10] * 5, "stream"))
        goal, = found["goals"]
        self.assertEqual((goal["rival"], goal["result"], goal["runs"]), ("nginx stream", 0.9, 5))
        self.assertNotIn("runs", report.goal(goal))

    def test_what_is_added_is_so_within_a_round(self):
        def pinged(name, p50, way=""):
            return entry(name, [1] * 3, way, p50=p50, **{"p99.9": p50})
        found, _ = judged("ping", pinged("direct", [10, 20, 30]), pinged("wayside", [20, 40, 60]),
                          pinged("haproxy", [50, 60, 150], "tcp"))
        goal = next(goal for goal in found["goals"] if goal["figure"] == "p50 added")
        self.assertEqual((goal["result"], goal["runs"]), (0.25, 3))

    def test_rows_say_on_how_few_runs_they_rest(self):
        disturbed = [{"round": 0, "cost": 7.0}]
        found, rows = judged("tcp-kept", entry("wayside", [8, 8, 8]), entry("haproxy", [10] * 5, "tcp"),
                             entry("nginx", [], "stream", disturbed))
        costs = {name: report.line(found, row)[1] for name, row in rows.items()}
        self.assertEqual(costs, {"wayside": "8.00 (8.00 to 8.00) (n 3)", "haproxy tcp": "10.0 (10.0 to 10.0)",
                                 "nginx stream": "7.00 (7.00 to 7.00) ~"})
        # The disturbed one is the least.
        self.assertTrue(report.goal(found["goals"][0]).endswith(", of disturbed runs"))
        self.assertIn("**missed**, of disturbed runs", markdown.goals([found]))

    def test_a_problem_is_short_in_a_table(self):
        long = entry("haproxy", [], "tcp")
        long.problems.append("h2load:\n" + "x" * 1000)
        found, rows = judged("tcp-kept", long)
        cell = report.line(found, rows["haproxy tcp"])[1]
        self.assertTrue(cell.startswith("- (h2load: xxx") and len(cell) < 130 and "\n" not in cell, cell)
