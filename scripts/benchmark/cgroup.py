"""Capping a proxy's CPU, so that the proxy and not the load generator is the bottleneck."""

from __future__ import annotations

import os
import time
from pathlib import Path

PERIOD_MICROSECONDS = 10_000
V1_MOUNT = Path("/sys/fs/cgroup/cpu")
V2_MOUNT = Path("/sys/fs/cgroup")


class CapUnavailable(Exception):
    """The cgroup cpu controller cannot be used here; the message says what to do."""


class CpuCap:
    """A cgroup that allows `cores` of CPU per period; works with the v1 and the v2 cpu controller."""

    def __init__(self, cores: float, name: str = "servartuka-bench") -> None:
        self._folder, self._version = _create(f"{name}-{os.getpid()}")
        try:
            self.set(cores)
        except OSError as error:
            self.remove()
            raise CapUnavailable(f"cannot set the CPU quota in {self._folder}: {error}") from error

    def set(self, cores: float) -> None:
        """Changes the quota, also under running members."""
        self.cores = cores
        quota = int(round(cores * PERIOD_MICROSECONDS))
        if self._version == 1:
            (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
            (self._folder / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (self._folder / "cpu.max").write_text(f"{quota} {PERIOD_MICROSECONDS}")

    def enter(self) -> None:
        """Moves the calling process into the group; children forked later follow."""
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def throttled_seconds(self) -> float:
        """Total time that members were held back by the quota, as the kernel counts it."""
        for line in (self._folder / "cpu.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == "throttled_time":
                return int(value) / 1e9
            if key == "throttled_usec":
                return int(value) / 1e6
        return 0.0

    def remove(self) -> None:
        """Removes the group; its members must have been stopped. Retries while the kernel reaps them."""
        for _ in range(100):
            try:
                self._folder.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.02)


def _create(name: str) -> tuple[Path, int]:
    if (V1_MOUNT / "cpu.shares").exists():
        parent, version = V1_MOUNT, 1
    elif (V2_MOUNT / "cgroup.controllers").exists():
        parent, version = V2_MOUNT, 2
        if "cpu" not in (parent / "cgroup.controllers").read_text().split():
            raise CapUnavailable("the cgroup v2 hierarchy here has no cpu controller; run on a host that has one")
        try:
            (parent / "cgroup.subtree_control").write_text("+cpu")
        except OSError as error:
            raise CapUnavailable(f"cannot enable the cpu controller: {error}; run as root") from error
    else:
        raise CapUnavailable(f"no cgroup cpu controller under {V2_MOUNT}; use --cap none")
    folder = parent / name
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise CapUnavailable(f"cannot create {folder}: {error}; run as root or use --cap none") from error
    return folder, version
