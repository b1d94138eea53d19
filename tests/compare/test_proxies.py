"""Runs whose proxy is a fake."""

import contextlib
import io
import os
import signal
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from support import BENCH, PROCESSORS, Fake, named
from compare_lib import cell, children, drivers, rounds


class Proxies(unittest.TestCase):
    """What becomes of a run whose proxy dies."""

    def cell(self, command):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        ours = children.Children(Path(folder.name))
        self.addCleanup(ours.__exit__)
        made = cell.Cell(BENCH, named("tcp-kept"), ours, Path(folder.name))
        made.proxy = ours.start("proxy", PROCESSORS[0], "sh", "-c", command)
        return made

    def test_a_worker_that_dies_is_missed(self):
        made = self.cell("sleep 600 & sleep 600 & wait; wait; sleep 600")
        until = time.monotonic() + 5
        while len(made.pids) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        made.must_live()
        os.kill(made.pids[-1], signal.SIGKILL)
        until = time.monotonic() + 5
        while len(made.pids) > 2 and time.monotonic() < until:
            time.sleep(0.01)
        self.assertRaisesRegex(children.Failed, "1 of the proxy's processes ended", made.must_live)

    def test_a_proxy_that_dies_says_its_last_words(self):
        made = self.cell("echo out of luck >&2; exit 7")
        made.proxy.wait()
        self.assertRaisesRegex(children.Failed, "out of luck", made.must_live)

    def run_of(self, driver, must_live=lambda *_: None):
        """One entry after two rounds, with this in place of load and proxy."""
        inside = mock.MagicMock()
        inside.return_value.__enter__.return_value.must_live = must_live
        inside.return_value.__exit__.return_value = False
        with mock.patch.object(rounds, "In", inside), mock.patch.dict(drivers.DRIVERS, requests=driver), \
                contextlib.redirect_stderr(io.StringIO()):
            entry, = rounds.run(BENCH, named("tcp-kept"), [Fake("haproxy")], 2, float("inf"))
        return entry

    def test_samples_know_their_round(self):
        foreign = iter([0.0, 0.9, 0.0])
        entry = self.run_of(lambda _: {"cost": 1.0, "foreign": next(foreign), "stolen": 0.0})
        self.assertEqual([sample["round"] for sample in entry.samples], [0, 2])
        self.assertEqual([sample["round"] for sample in entry.disturbed], [1])

    def test_no_cost_is_a_problem(self):
        for cost in 0.0, -3.0:
            entry = self.run_of(lambda _: {"cost": cost, "foreign": 0.0, "stolen": 0.0})
            self.assertEqual((entry.samples, len(entry.problems)), ([], 1))

    def test_a_dead_proxy_is_a_problem_whatever_the_load_says(self):
        def driver(_):
            is_dead.append(1)
            return {"cost": 1.0, "foreign": 0.0, "stolen": 0.0}

        def broken(_):
            is_dead.append(1)
            raise ConnectionRefusedError("refused")

        def must_live(problem="all answered"):
            if is_dead:
                raise children.Failed(f"it is dead: {problem}")

        for each, said in (driver, "all answered"), (broken, "refused"):
            is_dead = []
            self.assertEqual(self.run_of(each, must_live).problems, [f"it is dead: {said}"])

    def test_a_connection_that_breaks_is_a_problem(self):
        def broken(_):
            raise ConnectionRefusedError("refused")
        self.assertEqual(self.run_of(broken).problems, ["refused"])
