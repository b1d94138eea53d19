"""The server of --check: it counts what it is asked, and knows what it has sent."""

import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZE = 64 << 10


class Handler(BaseHTTPRequestHandler):
    """A connection of HTTP/1."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def answer(self, body):
        self.send_response(200)
        # What a proxy likes to compress, and may keep.
        for name, value in ("Content-Type", "text/html"), ("Cache-Control", "public, max-age=3600"), (
                "Content-Length", str(len(body))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def count(self):
        with self.server.lock:
            self.server.asked += 1
            return self.server.asked

    def do_GET(self):
        self.answer(Witness.page(self.count()))

    def do_POST(self):
        self.count()
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass


class Witness(ThreadingHTTPServer):
    """`with Witness(port) as witness`: it serves in threads of its own; `asked` and `connections` are its counts."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port):
        self.lock, self.asked, self.connections = threading.Lock(), 0, 0
        super().__init__(("127.0.0.1", port), Handler)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        # A proxy may reset what it needs no more.
        pass

    @staticmethod
    def page(nth):
        """The body of the answer to this request, of 64 KiB: no two are alike."""
        return random.Random(nth).randbytes(SIZE)
