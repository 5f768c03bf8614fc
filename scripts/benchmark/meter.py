"""What a proxy costs: CPU time to the nanosecond, its split, and resident memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .processes import group_members

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class CpuTime:
    """CPU consumed so far by all threads of a set of processes."""

    total_nanoseconds: int
    user_ticks: int
    system_ticks: int

    def __sub__(self, earlier: "CpuTime") -> "CpuTime":
        return CpuTime(
            self.total_nanoseconds - earlier.total_nanoseconds,
            self.user_ticks - earlier.user_ticks,
            self.system_ticks - earlier.system_ticks,
        )

    @property
    def seconds(self) -> float:
        return self.total_nanoseconds / 1e9

    @property
    def user_share(self) -> float:
        """Share of user mode, from the kernel's tick accounting; good to a few per cent over seconds."""
        ticks = self.user_ticks + self.system_ticks
        return self.user_ticks / ticks if ticks else 0.0


class Meter:
    """Reads CPU and memory of one proxy: the processes of the group led by `leader`."""

    def __init__(self, leader: int) -> None:
        self._processes = group_members(leader)

    def cpu(self) -> CpuTime:
        total = user = system = 0
        for process in self._processes:
            # schedstat: nanoseconds on CPU, nanoseconds waiting, timeslices. Python integers do not
            # overflow; some awks do on sums of these.
            try:
                for task in os.listdir(f"/proc/{process}/task"):
                    folder = Path(f"/proc/{process}/task/{task}")
                    total += int((folder / "schedstat").read_text().split()[0])
                    text = (folder / "stat").read_text()
                    fields = text[text.rindex(")") + 2 :].split()
                    user += int(fields[11])
                    system += int(fields[12])
            except FileNotFoundError:
                continue
        return CpuTime(total, user, system)

    def memory_bytes(self) -> int:
        """Resident memory, pages shared between the proxy's processes counted once (sum of Pss)."""
        total = 0
        for process in self._processes:
            try:
                text = Path(f"/proc/{process}/smaps_rollup").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for line in text.splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total


def process_cpu_seconds(process: int) -> float:
    """User plus system time of one process, for watching the load generators."""
    text = Path(f"/proc/{process}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def machine_busy_seconds() -> float:
    """CPU time spent by everything on this machine, stolen time included; for noticing disturbances."""
    user, nice, system, _idle, _wait, interrupts, soft, steal, *_ = (
        int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + interrupts + soft + steal) / _TICKS_PER_SECOND
