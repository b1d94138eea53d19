"""Idle connections."""

import socket
import unittest

from support import named
from compare_lib import children, figures, talk
from compare_lib.peers import PEERS, Wayside


class Idle(unittest.TestCase):
    """Idle connections: which there are, and what they say before."""

    def test_each_kind_has_a_goal_and_a_row_of_everybody(self):
        goals = {goal["load"]: goal["limit"] for goal in figures.GOALS if goal["against"] == "nothing"}
        for name in "idle-unused", "idle-tcp", "idle-http", "idle-http2", "idle-connect":
            self.assertEqual(goals[name], 400)
            self.assertIsInstance(Wayside().ways_for(named(name).need), list)
            for peer in PEERS.values():
                self.assertTrue(peer.ways_for(named(name).need))
        self.assertEqual(PEERS["haproxy"].ways_for("idle-http2"), PEERS["haproxy"].ways["http2"])
        self.assertIsInstance(PEERS["haproxy"].ways_for("idle-connect"), str)

    def test_http2_ends_with_its_answer(self):
        near, far = socket.socketpair()
        with near, far:
            far.settimeout(5)
            far.sendall(talk.frame(talk.SETTINGS, 0, 0) + talk.frame(talk.HEADERS, talk.END_HEADERS, 1, b"\x88")
                        + talk.frame(talk.DATA, talk.PADDED, 1, b"\x02ab\0\0") + talk.frame(talk.DATA, talk.END_STREAM, 1, b"c"))
            self.assertEqual(talk.http2(near, "small"), b"abc")
            came = far.recv(4096)
            self.assertTrue(came.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
            # It has taken the settings.
            self.assertTrue(came.endswith(talk.frame(talk.SETTINGS, talk.ACK, 0)))
            far.sendall(talk.frame(talk.GOAWAY, 0, 0, bytes(8)))
            self.assertRaises(children.Failed, talk.http2, near, "small")

    def test_another_answer_is_none(self):
        for answer in b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" \
                b"Content-Length: 1\r\n\r\nx":
            near, far = socket.socketpair()
            with near, far:
                far.sendall(answer)
                self.assertRaises(children.Failed, talk.http, near, "small")
