"""Child processes that never outlive the harness.

Every child runs in its own session, so one killpg reaches what it forked; it also asks the kernel for a
signal should the harness itself be killed. `Supervisor.stop_all` runs on every exit path (atexit, SIGTERM,
SIGINT, exceptions).
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_GRACE_SECONDS = 3.0
# Load generators and proxies alike get this niceness where permitted, so that background work on the
# machine disturbs every competitor less and equally.
MEASURED_NICENESS = -10

_libc = ctypes.CDLL(None, use_errno=True)


class Supervisor:
    """Starts children and stops every one of them at the end. One at a time on a machine: see _take_turn."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen] = []
        self._turn = _take_turn()
        atexit.register(self.stop_all)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _exit_on_signal)

    def start(
        self,
        command: list[str],
        *,
        log: Path,
        cwd: Path | None = None,
        cgroup=None,
        environment: dict[str, str] | None = None,
        niceness: int = MEASURED_NICENESS,
    ) -> subprocess.Popen:
        """Starts `command` with its output appended to `log`, inside `cgroup` (a CpuCap) when given."""

        def in_child() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            try:
                os.setpriority(os.PRIO_PROCESS, 0, niceness)
            except OSError:
                pass  # not permitted: everyone runs at the same niceness anyway
            if cgroup is not None:
                cgroup.enter()

        with open(log, "ab") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=in_child,
            )
        self._children.append(child)
        return child

    def stop(self, child: subprocess.Popen) -> None:
        """Terminates the child's whole process group: politely first, then for certain."""
        _signal_group(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE_SECONDS
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()
        if child in self._children:
            self._children.remove(child)

    def stop_all(self) -> None:
        for child in list(reversed(self._children)):
            self.stop(child)


def _take_turn() -> socket.socket:
    """Waits until no other harness runs: they would share ports and spoil each other's figures.

    The turn is an abstract socket name, which the kernel gives back however its owner ends.
    """
    turn = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    told = False
    while True:
        try:
            turn.bind("\0servartuka-harness")
            return turn
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        if not told:
            print("another benchmark or end-to-end run is going on: waiting for its end", file=sys.stderr)
            told = True
        time.sleep(1)


def group_members(leader: int) -> list[int]:
    """The process ids in the process group of `leader`: a multi-process proxy with all its children."""
    members = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue  # ended meanwhile
        # The command name may contain spaces and parentheses: fields count from the last ')'.
        fields = text[text.rindex(")") + 2 :].split()
        if int(fields[2]) == leader:
            members.append(int(entry))
    return sorted(members)


def _signal_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        pass


def _exit_on_signal(number: int, _frame) -> None:
    sys.exit(128 + number)
