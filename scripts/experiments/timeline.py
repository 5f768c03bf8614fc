"""One run with things happening: load steps, a proxy killed and restarted, a quota halved; a sample every half second."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress

from .network import Callers, Network, Options
from .topology import Configuration, Topology

SAMPLE_SECONDS = 0.5
# Calls a second that count as undisturbed, of those offered.
RECOVERED_SHARE = 0.98


@dataclass(frozen=True)
class Event:
    """Something done to the network at a time of the run."""

    seconds: float
    title: str
    act: Callable[[Network], None]
    # Recovery is measured from here.
    is_disturbance: bool = True


@dataclass(frozen=True)
class Load:
    """Calls from one time of the run to another."""

    rate: int
    begin: float
    end: float


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    loads: tuple[Load, ...]
    events: tuple[Event, ...] = ()

    @property
    def seconds(self) -> float:
        return max(load.end for load in self.loads)

    def offered(self, seconds: float) -> int:
        return sum(load.rate for load in self.loads if load.begin <= seconds < load.end)


@dataclass
class Sample:
    seconds: float
    offered: int
    successful_per_second: float
    failed_per_second: float
    retransmissions_per_second: float
    # by proxy: cores used, share of calls held
    cores: dict[str, float] = field(default_factory=dict)
    held_per_second: dict[str, float] = field(default_factory=dict)


@dataclass
class Timeline:
    scenario: str
    topology: str
    configuration: str
    samples: list[Sample]
    successful: int
    failed: int
    # title of each disturbance → seconds until calls went through undisturbed again; None: not within the run
    recoveries: dict[str, float | None]


def run_timeline(
    supervisor: Supervisor, binary: Path, topology: Topology, configuration: Configuration, scenario: Scenario,
    options: Options, progress: Progress,
) -> Timeline:
    with tempfile.TemporaryDirectory(prefix="servartuka-experiment-") as name:
        with Network(supervisor, binary, topology, configuration, Path(name), options) as network:
            samples, callers = _run(network, scenario, progress)
            results = [result for calls in callers for result in calls.wait()]
    timeline = Timeline(
        scenario.name, topology.name, configuration.name, samples, sum(r.successful for r in results),
        sum(r.failed for r in results), _recoveries(scenario, samples))
    recovered = ", ".join(
        f"{title}: {'never' if seconds is None else f'{seconds:.1f} s'}" for title, seconds in
        timeline.recoveries.items())
    progress.line(
        f"{scenario.name} {configuration.name}: {timeline.successful} calls, {timeline.failed} failed; {recovered}")
    return timeline


def _run(network: Network, scenario: Scenario, progress: Progress) -> tuple[list[Sample], list[Callers]]:
    events = sorted(scenario.events, key=lambda event: event.seconds)
    loads = sorted(scenario.loads, key=lambda load: load.begin)
    callers: list[Callers] = []
    samples: list[Sample] = []
    began = time.monotonic()
    before = _Counters.read(network, callers, 0.0)
    while (now := time.monotonic() - began) < scenario.seconds:
        while loads and loads[0].begin <= now:
            load = loads.pop(0)
            callers.append(network.call(load.rate, load.end - load.begin, lane=len(callers)))
        while events and events[0].seconds <= now:
            events.pop(0).act(network)
        time.sleep(max(0.0, began + (len(samples) + 1) * SAMPLE_SECONDS - time.monotonic()))
        after = _Counters.read(network, callers, time.monotonic() - began)
        samples.append(after.since(before, scenario))
        before = after
        progress.show(scenario.name, now / scenario.seconds)
    return samples, callers


@dataclass
class _Counters:
    """Everything counted so far."""

    seconds: float
    successful: int
    failed: int
    retransmissions: int
    cpu: dict[str, float]
    held: dict[str, int]

    @staticmethod
    def read(network: Network, callers: list[Callers], seconds: float) -> "_Counters":
        totals = [calls.totals() for calls in callers]
        held = {}
        for name, node in network.nodes.items():
            running = node.child is not None and name not in network.options.foreign
            held[name] = network.statistics(name).get(
                "servartuka_requests_forwarded_stateful_total", 0) if running else 0
        return _Counters(
            seconds, sum(t["SuccessfulCall(C)"] for t in totals), sum(t["FailedCall(C)"] for t in totals),
            sum(t["Retransmissions(C)"] for t in totals), network.cpu_seconds(), held)

    def since(self, before: "_Counters", scenario: Scenario) -> Sample:
        span = max(0.001, self.seconds - before.seconds)

        def rate(now: float, then: float) -> float:
            return round(max(0.0, now - then) / span, 1)

        return Sample(
            round(self.seconds, 2), scenario.offered(before.seconds), rate(self.successful, before.successful),
            rate(self.failed, before.failed), rate(self.retransmissions, before.retransmissions),
            {name: round(max(0.0, value - before.cpu.get(name, 0.0)) / span, 4) for name, value in self.cpu.items()},
            {name: rate(value, before.held.get(name, 0)) for name, value in self.held.items()})


def _recoveries(scenario: Scenario, samples: list[Sample]) -> dict[str, float | None]:
    """From each disturbance to the moment after which as many calls succeed as are offered, over two seconds."""
    found: dict[str, float | None] = {}
    window = int(2 / SAMPLE_SECONDS)
    for event in scenario.events:
        if not event.is_disturbance:
            continue
        found[event.title] = None
        later = [sample for sample in samples if sample.seconds > event.seconds]
        for index in range(len(later) - window + 1):
            part = later[index : index + window]
            offered = sum(sample.offered for sample in part)
            if sum(sample.successful_per_second for sample in part) >= RECOVERED_SHARE * offered:
                found[event.title] = max(0.0, part[0].seconds - SAMPLE_SECONDS - event.seconds)
                break
    return found
