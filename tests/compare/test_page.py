"""The page, and who is on it."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import support  # noqa: F401
from compare_lib import main, markdown
from compare_lib.peers import PEERS, envoy


class Peers(unittest.TestCase):
    """Which are run, and what is said of the others."""

    def test_nothing_is_installed_where_that_is_not_wanted(self):
        with tempfile.TemporaryDirectory() as empty, mock.patch.object(envoy, "FOLDER", Path(empty)), \
                mock.patch.object(envoy.subprocess, "run") as pip, contextlib.redirect_stderr(io.StringIO()):
            pip.return_value = mock.Mock(returncode=0, stdout="", stderr="")
            here, _, missing = main.found([PEERS["envoy"]], False)
            self.assertEqual((here, list(missing), pip.call_count), ([], ["envoy"], 0))
            main.found([PEERS["envoy"]], True)
            self.assertEqual(pip.call_count, 1)

    def test_the_page_says_who_was_not_run_and_how_it_was_measured(self):
        everything = {"command": "c", "date": "d", "machine": {"processor": "p", "processors": 2, "memory GB": 1, "kernel": "k"},
                      "versions": {"wayside": "1"}, "not run": main.not_run(["haproxy", "envoy"], {"envoy": "no |\npip"}),
                      "rounds": 5, "seconds": 2, "processors used": (0, 1), "idle connections": 1234, "loads": []}
        page = markdown.page(everything, "chart.svg", 0.06, 0.02)
        row, = [line for line in page.splitlines() if line.startswith("| not run |")]
        for part in "envoy: no \\| pip", "sozu: it builds for long: `--peers sozu`", "linkerd: ", "nginx: it was left out":
            self.assertIn(part, row)
        self.assertNotIn("haproxy", row)
        self.assertIn("1,234", page)
        self.assertIn("median over rounds of the\n  ratio within a round", page)
