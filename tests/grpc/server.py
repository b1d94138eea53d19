"""A gRPC server whose messages are raw bytes. Prints its port; ends with its stdin."""

import asyncio
import sys

import grpc

OPTIONS = [
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 16 << 20),
    # A client may send as many pings as it likes.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10),
]
CODES = {code.value[0]: code for code in grpc.StatusCode}


class Meeting:
    """Lets callers go when so many of them are there at once."""

    def __init__(self):
        self.waiting = {}

    async def join(self, request, context):
        name, count = request.split(b" ")
        event, arrived = self.waiting.setdefault(name, (asyncio.Event(), []))
        arrived.append(None)
        if len(arrived) == int(count):
            event.set()
        await event.wait()
        return b"%d" % len(arrived)


async def echo(request, context):
    wanted = [(key, value) for key, value in context.invocation_metadata() if key.startswith("x-")]
    await context.send_initial_metadata(wanted)
    context.set_trailing_metadata(tuple((f"t{key}", value) for key, value in wanted))
    return request


async def fail(request, context):
    code, _, details = request.partition(b" ")
    await context.abort(CODES[int(code)], details.decode())


async def count(request, context):
    number, size, code = (int(word) for word in request.split())
    for place in range(number):
        yield b"%d" % place + b"." * size
    if code:
        await context.abort(CODES[code], "after %d" % number)


async def total(requests, context):
    number = size = 0
    async for request in requests:
        number += 1
        size += len(request)
    return b"%d %d" % (number, size)


async def refuse(requests, context):
    """Answers before it has read."""
    await context.abort(grpc.StatusCode.PERMISSION_DENIED, "unread")


async def chat(requests, context):
    async for request in requests:
        yield request


async def hang(request, context):
    yield b"begun"
    await asyncio.Event().wait()


def handlers():
    return grpc.method_handlers_generic_handler("test.Bytes", {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Meet": grpc.unary_unary_rpc_method_handler(Meeting().join),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Hang": grpc.unary_stream_rpc_method_handler(hang),
        "Total": grpc.stream_unary_rpc_method_handler(total),
        "Refuse": grpc.stream_unary_rpc_method_handler(refuse),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    })


async def main():
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)


asyncio.run(main())
