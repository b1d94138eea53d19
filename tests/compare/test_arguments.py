"""The command line."""

import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from support import PROCESSORS, ROOT
from compare_lib import main

SCRIPT = ROOT / "scripts/compare"


def complaint(*words, **environment):
    """The exit code and what is said of a command that must not begin."""
    with tempfile.TemporaryDirectory() as folder:
        # Whatever would be built or installed is not to be found.
        clean = {"PATH": folder, "HOME": folder, "CARGO_TARGET_DIR": folder, **environment}
        done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, env=clean, timeout=20)
    return done.returncode, done.stderr


class Arguments(unittest.TestCase):
    """The command line."""

    def test_what_is_wrong_is_said_in_one_line(self):
        cases = [(["--rounds", "-1"], "--rounds"), (["--rounds", "0"], "--rounds"), (["--seconds", "-1"], "--seconds"),
                 (["--seconds", "0"], "--seconds"), (["--seconds", "nan"], "--seconds"), (["--seconds", "x"], "--seconds"),
                 (["--out", "/proc/nope"], "--out /proc/nope"), (["--peers", "nobody"], "nobody")]
        for words, part in cases:
            code, said = complaint(*words)
            self.assertEqual((code, said.count("\n")), (2, 1), said)
            self.assertIn(part, said)

    def test_a_program_that_is_not_there_is_missed_before_anything_is_built(self):
        for name in "WAYSIDE", "WAYSIDE_LOAD":
            code, said = complaint(**{name: "/nope"})
            self.assertEqual((code, said.count("\n")), (2, 1), said)
            self.assertIn(f"{name}=/nope", said)

    def asked(self, *words):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(sys, "argv", ["compare", "--out", folder, *words]), \
                mock.patch.object(main, "default_processors", lambda: tuple(PROCESSORS)), mock.patch.dict(os.environ):
            os.environ.pop("WAYSIDE", None)
            return main.asked(main.arguments())

    def test_the_command_is_printed_as_it_was_given(self):
        self.assertEqual(self.asked("--peers", "nginx"), "scripts/compare --peers nginx")
        self.assertEqual(self.asked("--peers", "nginx", "--rounds", "5", "--seconds", "2"), "scripts/compare --peers nginx")
        self.assertEqual(self.asked("--peers", "nginx", "--rounds", "7", "--seconds", "0.6"),
                         "scripts/compare --peers nginx --rounds 7 --seconds 0.6")
        self.assertEqual(self.asked("--quick", "--peers", "nginx", "--rounds", "5"),
                         "scripts/compare --quick --peers nginx --rounds 5")

    @unittest.skipIf(PROCESSORS[0] == PROCESSORS[1], "one processor")
    def test_so_are_its_processors(self):
        last = f"{PROCESSORS[1]},{PROCESSORS[0]}"
        self.assertEqual(self.asked("--peers", "nginx", "--processors", last),
                         f"scripts/compare --peers nginx --processors {last}")
