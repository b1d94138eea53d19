"""What the kernel says of processes, and their end."""

import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import support  # noqa: F401
from compare_lib import children, space
from compare_lib.peers import PEERS


def burn(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def gone():
    """The pid of a process that was."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


class Processes(unittest.TestCase):
    """Those that end while they are looked at."""

    def test_a_process_that_has_ended_costs_nothing_more(self):
        pid = gone()
        self.assertEqual(space.family(pid), [pid])
        self.assertEqual(space.processor_time([pid]), 0)
        self.assertEqual(space.resident([pid]), 0)
        self.assertFalse(space.is_alive(pid))

    def test_one_that_was_not_waited_for_is_not_alive(self):
        process = subprocess.Popen(["true"])
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertFalse(space.is_alive(process.pid))
        process.wait()
        self.assertTrue(space.is_alive(os.getpid()))

    def test_threads_come_and_go_beside_the_count(self):
        is_over = threading.Event()

        def churn():
            while not is_over.is_set():
                short = threading.Thread(target=int)
                short.start()
                short.join()

        churning = [threading.Thread(target=churn) for _ in range(2)]
        for thread in churning:
            thread.start()
        try:
            for _ in range(300):
                space.family(os.getpid())
                self.assertGreater(space.processor_time([os.getpid()]), 0)
                self.assertGreater(space.resident([os.getpid()]), 0)
        finally:
            is_over.set()
            for thread in churning:
                thread.join()

    def test_the_time_of_a_thread_that_has_ended_stays(self):
        before = space.processor_time([os.getpid()])
        thread = threading.Thread(target=burn, args=(0.05,))
        thread.start()
        thread.join()
        self.assertGreater(space.processor_time([os.getpid()]) - before, 0.045)


    def test_what_a_process_leaves_behind_ends_with_it(self):
        with tempfile.TemporaryDirectory() as folder:
            ours = children.Children(Path(folder))
            processor = min(os.sched_getaffinity(0))
            process = ours.start("proxy", processor, "sh", "-c", "sleep 600 & echo $!; wait", stdout=subprocess.PIPE, text=True)
            orphan = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            self.assertTrue(space.is_alive(orphan))
            ours.__exit__()
        until = time.monotonic() + 5
        while space.is_alive(orphan) and time.monotonic() < until:
            time.sleep(0.01)
        self.assertFalse(space.is_alive(orphan))

    def test_threads_have_their_names(self):
        own, title = space.threads([os.getpid()])[0]
        self.assertTrue(own and "python" in title, (own, title))
        nginx, them = PEERS["nginx"], [("nginx", "nginx: master process /usr/sbin/nginx "), ("nginx", "nginx: worker process")]
        self.assertEqual([nginx.is_helper(*each) for each in them], [True, False])
        self.assertEqual([PEERS["envoy"].is_helper(each, "") for each in ("envoy", "wrk:worker_0")], [True, False])
        self.assertFalse(PEERS["haproxy"].is_helper("haproxy", "haproxy -db"))
