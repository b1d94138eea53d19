"""Runs a program as a container runtime would, in the network namespace that it is started in.

container.py ROOT CGROUP UID CAPABILITY WORKDIR-LESS-ARGV...

ROOT becomes the root, read-only, with nothing mounted in it but the memory control group at /sys/fs/cgroup, where
there is a folder for it. UID is that of user and group. CAPABILITY is a number or "none": all others are taken away
for good. The environment is passed on. "-" for CGROUP: none.
"""
import ctypes
import os
import sys

CLONE_NEWNS = 0x20000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
libc = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def mount(source, target, flags):
    must(libc.mount(source.encode(), target.encode(), None, flags, None), f"mount {target}")


def bind_read_only(source, target):
    mount(source, target, MS_BIND)
    mount("none", target, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


root, cgroup, uid, capability, *argv = sys.argv[1:]
uid = int(uid)
if cgroup != "-":
    with open(f"{cgroup}/cgroup.procs", "w") as procs:
        procs.write(str(os.getpid()))
must(libc.unshare(CLONE_NEWNS), "unshare")
mount("none", "/", MS_REC | MS_PRIVATE)
place = f"{root}/sys/fs/cgroup"
if cgroup != "-" and os.path.isdir(place):
    is_v2 = os.path.exists(f"{cgroup}/memory.max")
    mount(root, root, MS_BIND)
    bind_read_only(cgroup, place if is_v2 else f"{place}/memory")
    mount("none", root, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
else:
    bind_read_only(root, root)
os.chdir(root)
os.chroot(".")
os.chdir("/")
for number in range(64):
    # Numbers that the kernel does not have are no error to us.
    if str(number) != capability:
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
os.execve(argv[0], argv, os.environ)
