"""The sustained peak of a network: the highest rate at which at most one call in a thousand fails."""

from __future__ import annotations

import csv
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.measure import FAILED_SHARE_MAX, OFFERED_SHARE_MIN
from benchmark.meter import machine_busy_seconds
from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.search import search_peak
from benchmark.sipp import RECEIVE_TIMEOUT_MILLISECONDS

from .network import Network, Options
from .topology import Configuration, Topology

STEPS_MAX = 12
# Calls a second that every proxy manages, per core of its quota.
SAFE_RATE_PER_CORE = 4000


@dataclass(frozen=True)
class Plan:
    """Seconds of one step. What fails in `settle_seconds` is not held against a configuration: a policy that decides
    at run time has just met a new rate (and static ones get the same grace)."""

    warm_up_seconds: int = 6
    settle_seconds: int = 5
    judged_seconds: int = 10
    tolerance: float = 0.03


QUICK = Plan(warm_up_seconds=4, settle_seconds=4, judged_seconds=6, tolerance=0.06)


@dataclass
class Step:
    """One rate offered to one network."""

    topology: str
    configuration: str
    round: int
    purpose: str
    calls_per_second: int
    successful: int
    failed: int
    failed_settling: int
    retransmissions: int
    sustained: bool
    others_cores: float
    # By proxy: CPU a call that passes it, and the share of those calls whose transactions it held.
    microseconds_per_call: dict[str, float] = field(default_factory=dict)
    held_share: dict[str, float] = field(default_factory=dict)


@dataclass
class Peak:
    """What one configuration of a topology sustained in one round."""

    topology: str
    configuration: str
    round: int
    calls_per_second: float
    # At the highest sustained rate, by proxy.
    microseconds_per_call: dict[str, float]
    held_share: dict[str, float]


class Session:
    """One network, kept running between steps and started afresh after one that overloaded it."""

    def __init__(
        self, supervisor: Supervisor, binary: Path, topology: Topology, configuration: Configuration, options: Options,
        plan: Plan, progress: Progress, steps: list[Step], round_number: int,
    ) -> None:
        self._supervisor, self._binary = supervisor, binary
        self._topology, self._configuration, self._options = topology, configuration, options
        self._plan, self._progress, self._steps, self._round = plan, progress, steps, round_number
        self._network: Network | None = None
        self._scratch: tempfile.TemporaryDirectory | None = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def peak(self, guess: float) -> Peak:
        steps: list[Step] = []

        def sustains(rate: float) -> bool:
            steps.append(self.step(int(rate), "peak"))
            return steps[-1].sustained

        low = search_peak(
            sustains, guess, tolerance=self._plan.tolerance, steps_max=STEPS_MAX, growth=1.12, shrink=0.85)
        best = max(
            (step for step in steps if step.sustained), key=lambda step: step.calls_per_second, default=None)
        return Peak(
            self._topology.name, self._configuration.name, self._round, float(int(low)),
            best.microseconds_per_call if best else {}, best.held_share if best else {})

    def step(self, rate: int, purpose: str) -> Step:
        network = self._running()
        seconds = self._plan.settle_seconds + self._plan.judged_seconds
        label = f"round {self._round} {self._topology.name:15} {self._configuration.name:22} {rate:6} calls/s"
        began, busy = time.monotonic(), machine_busy_seconds()
        cpu_before, held_before = network.cpu_seconds(), _held(network)
        callers = network.call(rate, seconds)
        while callers.running() and time.monotonic() - began < seconds:
            time.sleep(0.2)
            self._progress.show(label, (time.monotonic() - began) / seconds)
        results = callers.wait(give_up_early=True)
        spent = {name: after - cpu_before[name] for name, after in network.cpu_seconds().items()}
        created = sum(result.created for result in results)
        successful = sum(result.successful for result in results)
        settling = sum(_failed_before(uac.statistics_file, self._settled_at) for uac in callers.uacs)
        failed = sum(result.failed for result in results)
        ours = sum(spent.values()) + sum(uac.cpu_seconds for uac in callers.uacs)
        others = max(0.0, machine_busy_seconds() - busy - ours) / (time.monotonic() - began)
        judged = rate * self._plan.judged_seconds
        sustained = (
            network.alive()
            and not any(result.aborted for result in results)
            and failed - settling <= FAILED_SHARE_MAX * judged
            and created >= OFFERED_SHARE_MIN * rate * seconds
            and max(result.elapsed_seconds for result in results) <= seconds / OFFERED_SHARE_MIN + 1
        )
        passed = {name: max(1.0, successful * self._topology.share(name)) for name in network.nodes}
        held = {name: (count - held_before[name]) / (2 * passed[name]) for name, count in _held(network).items()}
        step = Step(
            self._topology.name, self._configuration.name, self._round, purpose, rate, successful, failed, settling,
            sum(result.retransmissions for result in results), sustained, round(others, 2),
            {name: round(value * 1e6 / passed[name], 2) for name, value in spent.items()},
            {name: round(value, 3) for name, value in held.items()},
        )
        self._steps.append(step)
        costs = " ".join(f"{name} {value:.0f}" for name, value in step.microseconds_per_call.items())
        shares = " ".join(f"{name} {value:.2f}" for name, value in step.held_share.items())
        verdict = "sustained" if sustained else "not sustained"
        self._progress.line(f"{label}: {verdict}, {failed} failed; µs a call {costs}; held {shares}")
        if not sustained:
            self._stop()
        return step

    @property
    def _settled_at(self) -> float:
        """Seconds into a step after which failures count: a call fails when it has waited for an answer that long."""
        return self._plan.settle_seconds + RECEIVE_TIMEOUT_MILLISECONDS / 1000

    def _running(self) -> Network:
        if self._network and self._network.alive():
            return self._network
        self._stop()
        self._scratch = tempfile.TemporaryDirectory(prefix="servartuka-experiment-")
        self._network = Network(
            self._supervisor, self._binary, self._topology, self._configuration, Path(self._scratch.name),
            self._options)
        self._network.__enter__()
        rate = int(SAFE_RATE_PER_CORE * self._options.cap_cores)
        results = self._network.call(rate, self._plan.warm_up_seconds).wait()
        if not all(result.successful for result in results):
            raise RuntimeError(
                f"{self._topology.name}, {self._configuration.name}: no call gets through "
                f"({[result.reasons for result in results]})")
        return self._network

    def _stop(self) -> None:
        if self._network:
            self._network.__exit__()
        if self._scratch:
            self._scratch.cleanup()
        self._network = self._scratch = None


def _held(network: Network) -> dict[str, int]:
    """Requests that each proxy of ours has held so far; a call of SIPp's is two, INVITE and BYE."""
    return {
        name: network.statistics(name).get("servartuka_requests_forwarded_stateful_total", 0)
        for name in network.nodes
        if name not in network.options.foreign
    }


def _failed_before(statistics: Path, seconds: float) -> int:
    """Failed calls that SIPp had counted by then."""
    try:
        with open(statistics, newline="") as file:
            rows = [row for row in csv.reader(file, delimiter=";") if row]
    except FileNotFoundError:
        return 0
    if len(rows) < 2:
        return 0
    failed = 0
    for row in rows[1:]:
        values = dict(zip(rows[0], row))
        if "ElapsedTime(C)" in values and _seconds(values["ElapsedTime(C)"]) <= seconds:
            failed = int(values["FailedCall(C)"])
    return failed


def _seconds(text: str) -> float:
    """SIPp's HH:MM:SS or HH:MM:SS:microseconds."""
    parts = text.split(":")
    whole = int(parts[0]) * 3600 + int(parts[1]) * 60 + float(parts[2])
    return whole + (int(parts[3]) / 1e6 if len(parts) > 3 else 0)
