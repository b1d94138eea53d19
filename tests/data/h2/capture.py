#!/usr/bin/env python3
"""Writes the captures beside this file: real conversations, as a relay between the two sees them.

    pip install grpcio==1.85.1          # and nghttpd, nghttpx, nghttp, h2load, curl
    python3 tests/data/h2/capture.py [NAME ...]

A capture is a row of records: `C` (client's bytes) or `S` (server's), the length as four bytes, big endian, the bytes.
"""
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class Relay:
    """Carries one connection, and writes down what passes."""

    def __init__(self, target):
        self.target, self.records, self.lock, self.threads = target, [], threading.Lock(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        client, _ = self.listener.accept()
        self.listener.close()
        server = socket.create_connection(("127.0.0.1", self.target))
        for mark, source, sink in (b"C", client, server), (b"S", server, client):
            thread = threading.Thread(target=self.carry, args=(mark, source, sink), daemon=True)
            self.threads.append(thread)
            thread.start()

    def carry(self, mark, source, sink):
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            if not data:
                try:
                    sink.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                return
            with self.lock:
                self.records.append(mark + struct.pack(">I", len(data)) + data)
                sink.sendall(data)

    def write(self, name):
        for thread in self.threads:
            thread.join(2)
        (HERE / f"{name}.capture").write_bytes(b"".join(self.records))
        print(name, sum(map(len, self.records)), "bytes")


def wait(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit("no server")


def with_nghttpd(name, command, *options, is_upgraded=False):
    with tempfile.TemporaryDirectory() as folder:
        for file, size in ("index.html", 600), ("big", 40000), ("empty", 0):
            (pathlib.Path(folder) / file).write_bytes(b"x" * size)
        port = free_port()
        server = subprocess.Popen(["nghttpd", "--no-tls", "-d", folder, *options, str(port)])
        try:
            wait(port)
            if is_upgraded:
                # nghttpd itself does not upgrade.
                front = free_port()
                proxy = subprocess.Popen(["nghttpx", f"-f127.0.0.1,{front};no-tls", f"-b127.0.0.1,{port};;proto=h2", "--errorlog-file=/dev/null"])
                wait(front)
            relay = Relay(front if is_upgraded else port)
            subprocess.run([part.replace("PORT", str(relay.port)).replace("BODY", f"{folder}/index.html") for part in command], stdout=subprocess.DEVNULL)
            relay.write(name)
        finally:
            server.kill()
            if is_upgraded:
                proxy.kill()


def with_grpc(name):
    from concurrent import futures

    import grpc

    def unary(request, context):
        if request == b"no":
            context.abort(grpc.StatusCode.NOT_FOUND, "not here")
        return request * 2

    def stream(request, context):
        yield from (bytes([n]) for n in range(5))

    def slow(request, context):
        for n in range(100):
            yield b"x"
            time.sleep(0.1)

    def upload(requests, context):
        return b"%d" % sum(map(len, requests))

    same = {"request_deserializer": bytes, "response_serializer": bytes}
    handlers = {"Unary": grpc.unary_unary_rpc_method_handler(unary, **same),
                "Stream": grpc.unary_stream_rpc_method_handler(stream, **same),
                "Slow": grpc.unary_stream_rpc_method_handler(slow, **same),
                "Upload": grpc.stream_unary_rpc_method_handler(upload, **same)}
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("pkg.Svc", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    relay = Relay(port)
    with grpc.insecure_channel(f"127.0.0.1:{relay.port}") as channel:
        for _ in range(3):
            assert channel.unary_unary("/pkg.Svc/Unary")(b"hello") == b"hellohello"
        for method, message in ("Unary", b"no"), ("Nowhere", b""):
            try:
                channel.unary_unary(f"/pkg.Svc/{method}")(message)
            except grpc.RpcError as error:
                print(error.code())
        assert len(list(channel.unary_stream("/pkg.Svc/Stream")(b""))) == 5
        assert channel.stream_unary("/pkg.Svc/Upload")(iter([b"a" * 100] * 20)) == b"2000"
        call = channel.unary_stream("/pkg.Svc/Slow")(b"")
        next(call)
        call.cancel()
        try:
            list(channel.unary_stream("/pkg.Svc/Slow")(b"", timeout=0.3))
        except grpc.RpcError as error:
            print(error.code())
        time.sleep(0.2)
    server.stop(0)
    relay.write(name)


URL = "http://127.0.0.1:PORT"
CAPTURES = {
    "curl": lambda n: with_nghttpd(n, ["curl", "-s", "--http2-prior-knowledge", f"{URL}/big"]),
    "upgrade": lambda n: with_nghttpd(n, ["nghttp", "-n", "-u", f"{URL}/index.html", f"{URL}/gone", f"{URL}/empty"], is_upgraded=True),
    "nghttp": lambda n: with_nghttpd(n, ["nghttp", "-n", "-p1", "--trailer", "x-sum: 1", "--continuation", "-d", "BODY",
                                         f"{URL}/index.html", f"{URL}/empty"], "--trailer", "grpc-status: 3"),
    "nghttp-push": lambda n: with_nghttpd(n, ["nghttp", "-n", "--header-table-size=100", "--header-table-size=8192", f"{URL}/index.html", f"{URL}/big"],
                                          "--push=/index.html=/big,/empty", "--padding=100"),
    "h2load": lambda n: with_nghttpd(n, ["h2load", "-n60", "-m8", "--header-table-size=0", f"{URL}/index.html"], "--header-table-size=256"),
    "grpc": with_grpc,
}

for wanted in sys.argv[1:] or CAPTURES:
    CAPTURES[wanted](wanted)
