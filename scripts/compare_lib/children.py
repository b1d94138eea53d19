"""The processes that a run starts. All end with it, by their pid."""

import os
import signal
import subprocess
import time

from .space import end_with_parent, listening

START = 20  # Seconds that a proxy has to listen.


class Failed(Exception):
    """A run cannot go on, and why."""


class Children:
    """Ends what it has started, also at an exception: Ctrl-C is one."""

    def __init__(self, folder):
        self.folder, self.started = folder, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            end(process)

    def start(self, name, processor, *command, **options):
        """Pinned to a processor; what it says on stderr is in a file of its name."""
        def prepare():
            end_with_parent()
            os.sched_setaffinity(0, {processor})

        with open(self.folder / f"{name}.log", "ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **options}
            # A group of its own: Ctrl-C is for us, and we end it.
            process = subprocess.Popen([*map(str, command)], preexec_fn=prepare, start_new_session=True, **options)
        process.label = name
        self.started.append(process)
        return process

    def said(self, process):
        """The end of what a process has said on stderr."""
        return self.log(process)[-2000:].strip()

    def log(self, process):
        return (self.folder / f"{process.label}.log").read_text(errors="replace")

    def wait_for(self, process, port):
        """Until something listens there. It is not connected to: some count that, and one is confused by it."""
        until = time.monotonic() + START
        while time.monotonic() < until and process.poll() is None:
            if port in listening():
                return
            time.sleep(0.01)
        raise Failed(f"{process.label} does not listen on {port}: {self.said(process)}")


def end(process):
    """A process and its descendants; those that do not go are killed, also where it has ended before them."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            pass
    try:
        # Its group has all of them: nothing that is started here makes another one.
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
