"""What a load has measured."""

import unittest

import support  # noqa: F401
from compare_lib import drivers


class Loads(unittest.TestCase):
    """Their logs."""

    def test_requests_that_were_cut_off_have_no_latency(self):
        log = "".join(f"1\t200\t{took}\n" for took in [100] * 10 + [0] * 90)
        self.assertEqual(drivers.log_latencies(log)["p50"], 100)
