"""A network namespace for each run, and what the kernel counts of processors and processes."""

import ctypes
import fcntl
import os
import socket
import struct
import time
from pathlib import Path
from typing import NamedTuple

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
CPUCLOCK_SCHED = 2
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
SYSCTL = Path("/proc/sys/net/ipv4")
LIBC = ctypes.CDLL(None, use_errno=True)
TICK = 1 / os.sysconf("SC_CLK_TCK")


def unshare(flags):
    if LIBC.unshare(flags) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"unshare: {os.strerror(error)}")


def become_root_of_our_own():
    """Without root: a user namespace in which we may make network namespaces."""
    user, group = os.getuid(), os.getgid()
    if user == 0:
        return
    unshare(CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def enter_new_network():
    """From here on we, and all that we start, are alone with a loopback. The last one goes with its last process."""
    unshare(CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
    # BBR would pace what goes through the loopback.
    (SYSCTL / "tcp_congestion_control").write_text("reno")
    # A new connection each leaves its port in TIME-WAIT.
    (SYSCTL / "ip_local_port_range").write_text("10000 65535")
    # All connections of a load begin at once.
    Path("/proc/sys/net/core/somaxconn").write_text("4096")


def listening():
    """Ports that something listens on, in this network; IPv4."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A"}


def end_with_parent():
    """In a child: whatever ends us ends it."""
    LIBC.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def told(path):
    """What a file below /proc says: nothing where its process or thread has just ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def family(pid):
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        for child in told(task / "children").split():
            found += family(int(child))
    return found


def threads(pids):
    """The name of each thread of these, and the title of its process."""
    found = []
    for pid in pids:
        title = told(Path(f"/proc/{pid}/cmdline")).replace("\0", " ")
        found += [(told(task / "comm").strip(), title) for task in Path(f"/proc/{pid}/task").glob("*")]
    return found


def is_alive(pid):
    """Whether it still runs: one that has ended may be there until its parent asks."""
    state = told(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return bool(state) and state[0] not in "ZX"


def processor_time(pids):
    """Seconds that these have run, in user mode and in the kernel, all threads: also those that have ended."""
    nanoseconds = 0
    for pid in pids:
        try:
            # The clock of a process, as clock_getcpuclockid(3) gives it: the scheduler's account.
            nanoseconds += time.clock_gettime_ns(~pid << 3 | CPUCLOCK_SCHED)
        except OSError:
            # It has ended.
            pass
    return nanoseconds / 1e9


def resident(pids):
    """Bytes of resident memory."""
    fields = [told(Path(f"/proc/{pid}/statm")).split() for pid in pids]
    return sum(int(field[1]) for field in fields if field) * os.sysconf("SC_PAGE_SIZE")


def softirq_threads(processors):
    """The kernel's threads that do a processor's network work where no process does: pids."""
    wanted = {f"ksoftirqd/{processor}" for processor in processors}
    found = []
    for entry in Path("/proc").glob("[0-9]*/comm"):
        try:
            if entry.read_text().strip() in wanted:
                found.append(int(entry.parent.name))
        except OSError:
            pass
    return found


class Busy(NamedTuple):
    """What processors have done since the machine started, in seconds."""

    busy: float
    stolen: float


def processors_busy(processors):
    wanted = {f"cpu{processor}" for processor in processors}
    busy = stolen = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in wanted:
            user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
            busy += user + nice + system + irq + softirq
            stolen += steal
    return Busy(busy * TICK, stolen * TICK)
