"""A server for very many connections: sends back what comes, ends what ends, until its stdin closes.

Prints its port. It stands in a process of its own because each process may have only so many descriptors.
With the argument "sink" it reads and answers nothing.
"""
import resource
import select
import socket
import sys

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
echoes = sys.argv[1:] != ["sink"]
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
server.setblocking(False)
poll = select.epoll()
poll.register(server, select.EPOLLIN)
poll.register(0, select.EPOLLIN | select.EPOLLHUP)
peers = {}
print(server.getsockname()[1], flush=True)


def accept():
    for _ in range(256):
        try:
            peer, _ = server.accept()
        except BlockingIOError:
            return
        peer.setblocking(False)
        peers[peer.fileno()] = peer
        poll.register(peer, select.EPOLLIN)


def serve(fd):
    try:
        data = peers[fd].recv(65536)
        if data and echoes:
            peers[fd].sendall(data)
    except BlockingIOError:
        return
    except OSError:
        data = b""
    if not data:
        peers.pop(fd).close()


while True:
    for fd, _ in poll.poll():
        if fd == 0:
            sys.exit()
        elif fd == server.fileno():
            accept()
        else:
            serve(fd)
