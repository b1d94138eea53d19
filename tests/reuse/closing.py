"""HTTP/1.1 servers of Python's own that close each idle connection at a random moment between 0 and 50 ms.

    closing.py threads|asyncio PORT

They answer each request with its target, less the slash. `GET /twice`: the POSTs that came more than once, and how many came."""
import asyncio
import collections
import http.server
import random
import socketserver
import sys

SPAN = 0.05
heard = collections.Counter()


def answer(method, target):
    if target == "/twice":
        twice = [name for name, count in heard.items() if count > 1]
        return " ".join([str(len(heard)), *twice]).encode()
    if method == "POST":
        heard[target] += 1
    return target[1:].encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self):
        self.connection.settimeout(None)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = answer(self.command, self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.connection.settimeout(random.uniform(1e-6, SPAN))

    do_GET = do_POST = do

    def log_message(self, *_):
        pass


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_):
        pass


async def serve(reader, writer):
    wait = None
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), wait)
            lines = head.decode().split("\r\n")
            method, target, _ = lines[0].split(" ")
            for line in lines[1:]:
                if line.lower().startswith("content-length:"):
                    await reader.readexactly(int(line[15:]))
            body = answer(method, target)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
            wait = random.uniform(0, SPAN)
    except (asyncio.TimeoutError, asyncio.IncompleteReadError, OSError):
        writer.close()


async def main(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if sys.argv[1] == "threads":
    Threads(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
else:
    asyncio.run(main(int(sys.argv[2])))
