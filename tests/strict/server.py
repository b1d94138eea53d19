"""An HTTP/1.1 server of Python's own, which writes the target of each request to a file.

As Python's SimpleHTTPRequestHandler it does not look for the body of a request that most often has none."""
import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        with open(sys.argv[2], "a", encoding="latin-1") as log:
            log.write(self.path + "\n")
        if self.command in ("POST", "PUT"):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("X-Target", self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_HEAD = do_PUT = do_TRACE = answer

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
