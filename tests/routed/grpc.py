"""`grpc.py serve NAME` prints its port and answers each call with NAME, until its stdin ends.
`grpc.py ask ADDRESS PATH [KEY=VALUE]...` prints the answer to one call with this metadata, or the status it ends with."""

import concurrent.futures
import sys

import grpc


class Anything(grpc.GenericRpcHandler):
    def __init__(self, name):
        self.name = name.encode()

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self.name + b" " + request)


def serve(name):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Anything(name)])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()


def ask(address, path, *fields):
    with grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)]) as channel:
        metadata = [tuple(field.split("=", 1)) for field in fields]
        try:
            print(channel.unary_unary(path)(b"hello", timeout=20, metadata=metadata).decode())
        except grpc.RpcError as error:
            print(error.code().name, error.details())


{"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
