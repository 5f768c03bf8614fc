"""Hot reload in a loop under load, and a long soak: no call fails and memory stays where it is."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Running, Servartuka, Setup
from benchmark.sipp import Address, Uac, Uas

from .calls import LOOPBACK, PROXY_PORT, RECEIVE_TIMEOUT_MILLISECONDS, UAC_PORT, UAS_PORT, Outcome

RELOAD_INTERVAL_SECONDS = 0.05
# Completed transactions live for 64 × T1 = 32 s: memory is compared only after that.
SETTLE_SECONDS = 40
# Script generations live as long as the transactions that began with them, so at 20 reloads a second some 640 Lua
# machines are alive at a time. The allocator needs a few of their lifetimes until its free lists fit: measured,
# memory rises to 170 MB in 90 s and then stays (+0.6 MB in the 120 s after the first 120).
RELOAD_SETTLE_SECONDS = 120
# A loop that manages fewer than this share of its reloads has not tested what it says.
RELOADS_SHARE_MIN = 0.5
GROWTH_BYTES_MAX = 2 * 1024 * 1024
GROWTH_SHARE_MAX = 0.01
SAMPLE_SECONDS = 0.5
BROKEN_SCRIPT = """-- line 1
function on_request(req)
    return req:relay {
end
"""
BROKEN_AT = "routing.lua:4"


@dataclass(frozen=True)
class ReloadCase:
    """Calls at `rate` for settle + measured seconds, a reload every 50 ms all the while."""

    settle_seconds: int = RELOAD_SETTLE_SECONDS
    measured_seconds: int = 60
    rate: int = 1000
    judge_memory: bool = True
    name: str = "reload every 50 ms, Lua routing"


@dataclass(frozen=True)
class SoakCase:
    """Many calls in one go; memory must be flat once transactions have begun to expire."""

    mode: str = "stateful"
    calls: int = 1_000_000
    rate: int = 3000

    @property
    def name(self) -> str:
        return f"soak, {self.calls} calls, {self.mode}"


class MemoryWatch:
    """Samples of resident memory, and the growth between the first and the last fifth of them."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._samples: list[int] = []
        self._next = 0.0

    def sample(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SAMPLE_SECONDS
            self._samples.append(self._running.meter.memory_bytes())

    def growth(self) -> tuple[int, int]:
        """Median of the last fifth minus that of the first, and the latter; both in bytes."""
        if len(self._samples) < 5:
            return 0, 0
        fifth = len(self._samples) // 5
        first = int(statistics.median(self._samples[:fifth]))
        return int(statistics.median(self._samples[-fifth:])) - first, first

    def verdict(self) -> tuple[bool, str]:
        growth, first = self.growth()
        allowed = max(GROWTH_BYTES_MAX, int(first * GROWTH_SHARE_MAX))
        return growth <= allowed, f"memory {first / 1e6:.1f} MB {growth / 1e6:+.2f} MB"


class Reloader:
    """Rewrites the routing script and has the proxy reload it, remembering what went wrong."""

    def __init__(self, proxy: Servartuka, setup: Setup) -> None:
        self._proxy, self._setup = proxy, setup
        self._script = setup.folder / "routing.lua"
        self._good = proxy.script(setup)
        self.reloads = 0
        self.problems: list[str] = []

    def good(self) -> None:
        """One reload of a script that differs from the last by a comment; it must succeed."""
        self.reloads += 1
        self._replace(f"{self._good}-- generation {self.reloads}\n")
        result = self._proxy.control(self._setup, "reload")
        if result.returncode != 0:
            self._problem(f"reload {self.reloads} refused: {(result.stdout + result.stderr).strip()}")

    def broken(self) -> None:
        """One reload of a script that does not compile; it must be refused with file and line."""
        self._replace(BROKEN_SCRIPT)
        result = self._proxy.control(self._setup, "reload")
        said = result.stdout + result.stderr
        if result.returncode == 0:
            self._problem("a script that does not compile was accepted")
        elif BROKEN_AT not in said:
            self._problem(f"the refusal does not name {BROKEN_AT}: {said.strip()}")

    def _replace(self, text: str) -> None:
        """Atomically, as a careful operator would: a reload never sees half a file."""
        fresh = self._script.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, self._script)

    def _problem(self, text: str) -> None:
        if len(self.problems) < 5:
            self.problems.append(text)


def run_reload(supervisor: Supervisor, proxy: Servartuka, case: ReloadCase, progress: Progress) -> Outcome:
    seconds = case.settle_seconds + case.measured_seconds
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        setup = _setup(folder, "lua")
        with Uas(supervisor, folder, setup.next_hop), proxy.running(supervisor, setup) as running:
            reloader, watch = Reloader(proxy, setup), MemoryWatch(running)
            uac = _caller(supervisor, folder, setup, case.rate, case.rate * seconds)
            began = time.monotonic()
            # The loop ends before the calls do, so that every reload happens under load.
            while (elapsed := time.monotonic() - began) < seconds - 1 and running.alive() and uac.child.poll() is None:
                reloader.good()
                if elapsed >= case.settle_seconds:
                    watch.sample()
                progress.show(f"{case.name}: {reloader.reloads} reloads", elapsed / seconds)
                time.sleep(max(0.0, began + reloader.reloads * RELOAD_INTERVAL_SECONDS - time.monotonic()))
            reloader.broken()
            time.sleep(0.2)  # calls go through the old script meanwhile
            reloader.good()
            result = uac.wait(progress=lambda share: progress.show(case.name, share))
            flat, memory = watch.verdict()
            alive = running.alive()
    intended = int((seconds - 1) / RELOAD_INTERVAL_SECONDS)
    details = [f"{reloader.reloads} of {intended} reloads", memory, *reloader.problems]
    if not alive:
        details.append("the proxy died")
    passed = (
        alive and not reloader.problems and not result.aborted and result.failed == 0
        and reloader.reloads >= RELOADS_SHARE_MIN * intended
        and result.successful == case.rate * seconds and (flat or not case.judge_memory)
    )
    return Outcome(case.name, passed, result.successful, result.failed, result.retransmissions, "; ".join(details))


def run_soak(supervisor: Supervisor, proxy: Servartuka, case: SoakCase, progress: Progress) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        setup = _setup(folder, case.mode)
        with Uas(supervisor, folder, setup.next_hop), proxy.running(supervisor, setup) as running:
            watch = MemoryWatch(running)
            uac = _caller(supervisor, folder, setup, case.rate, case.calls)
            began = time.monotonic()
            while uac.child.poll() is None and running.alive():
                elapsed = time.monotonic() - began
                # Until the calls stop: what drains afterwards would hide growth.
                if SETTLE_SECONDS <= elapsed <= case.calls / case.rate:
                    watch.sample()
                progress.show(case.name, elapsed * case.rate / case.calls)
                if elapsed > 2 * case.calls / case.rate + 60:
                    break
                time.sleep(SAMPLE_SECONDS)
            result = uac.wait()
            flat, memory = watch.verdict()
            alive = running.alive()
    passed = alive and flat and result.failed == 0 and result.successful == case.calls
    detail = memory if alive else "the proxy died"
    return Outcome(case.name, passed, result.successful, result.failed, result.retransmissions, detail)


def _setup(folder: Path, mode: str) -> Setup:
    return Setup(mode, Address(LOOPBACK[4], PROXY_PORT), Address(LOOPBACK[4], UAS_PORT), folder)


def _caller(supervisor: Supervisor, folder: Path, setup: Setup, rate: int, calls: int) -> Uac:
    return Uac(
        supervisor, folder, local=Address(setup.listen.host, UAC_PORT), proxy=setup.listen, rate=rate, calls=calls,
        receive_timeout_milliseconds=RECEIVE_TIMEOUT_MILLISECONDS,
    )
