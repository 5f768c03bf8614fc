"""Command line of scripts/experiment."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from benchmark.cgroup import CapUnavailable
from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import ROOT
from benchmark.report import describe_machine

from . import report
from .holders import HolderResult, run_holders
from .network import STATE_CLASSES, TRANSACTION, Network, Options
from .peak import QUICK, Peak, Plan, Session, Step
from .predict import Costs, prediction
from .timeline import Event, Load, Scenario, Timeline, run_timeline
from .topology import POLICIES, TOPOLOGIES, Configuration, Topology

PARTS = ("peaks", "holders", "faults", "kamailio")
# Of the rate that a policy sustains in the peak search; used when there was none.
FALLBACK_RATE_PER_CORE = 12_000


class Experiments:
    """Everything measured by one run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.plan = QUICK if options.quick else Plan()
        self.progress = Progress()
        self.supervisor = Supervisor()
        self.binary = Path(os.environ.get("PROXY_BINARY", ROOT / ".build/release/servartuka"))
        self.steps: list[Step] = []
        self.peaks: list[Peak] = []
        self.holders: list[HolderResult] = []
        self.timelines: list[Timeline] = []
        self.neighbours: list[Step] = []
        self.predictions: dict[str, dict[str, float]] = {}

    # MARK: Peaks

    def measure_peaks(self) -> None:
        """Rounds A B C A B C: what disturbs the machine for a while disturbs every configuration."""
        for number in range(1, self.options.rounds + 1):
            for topology in self.options.topologies:
                for configuration in topology.configurations():
                    self._measure_peak(topology, configuration, number)
        for topology in self.options.topologies:
            self.predictions[topology.name] = self._predict(topology)

    def _measure_peak(self, topology: Topology, configuration: Configuration, number: int) -> None:
        options = Options(cap_cores=self.options.cap, state_class=self.options.state_class)
        with Session(self.supervisor, self.binary, topology, configuration, options, self.plan, self.progress,
                     self.steps, number) as session:
            try:
                self.peaks.append(session.peak(self._guess(topology, configuration)))
            except RuntimeError as error:
                self.progress.line(str(error))

    def _guess(self, topology: Topology, configuration: Configuration) -> float:
        """What the same configuration reached before, else what another of this network did."""
        same = [p.calls_per_second for p in self.peaks
                if p.topology == topology.name and p.configuration == configuration.name and p.calls_per_second]
        others = [p.calls_per_second for p in self.peaks if p.topology == topology.name and p.calls_per_second]
        if same:
            return same[-1]
        return others[-1] if others else self.options.cap * FALLBACK_RATE_PER_CORE

    def _predict(self, topology: Topology) -> dict[str, float]:
        configurations = {c.name: c for c in topology.configurations()}
        costs = {
            name: self._median_costs(topology, name) for name in ("nobody stateful", "all stateful")
        }
        if not all(costs.values()):
            return {}
        measured = Costs.measured(topology, costs["nobody stateful"], costs["all stateful"])
        return {
            name: prediction(self.binary, topology, configuration, measured, self.options.cap)
            for name, configuration in configurations.items()
        }

    def _median_costs(self, topology: Topology, configuration: str) -> dict[str, float]:
        rows = [p.microseconds_per_call for p in self.peaks
                if p.topology == topology.name and p.configuration == configuration and p.microseconds_per_call]
        return {name: statistics.median(row[name] for row in rows) for name in topology.proxies} if rows else {}

    def _rate(self, topology: Topology, policy: str, share: float) -> int:
        """A share of the peak found for a policy, or of a guess without a search."""
        found = [p.calls_per_second for p in self.peaks if p.topology == topology.name and p.configuration == policy]
        return int(share * (statistics.median(found) if found else self.options.cap * FALLBACK_RATE_PER_CORE))

    # MARK: Holders

    def prove_holders(self) -> None:
        for topology in self.options.topologies:
            for policy in POLICIES:
                for lost_percent in (0, 5):
                    # Messages that SIPp "loses" are sent again: fewer calls, more messages.
                    rate = self._rate(topology, policy, 0.6 if lost_percent else 0.85)
                    self.holders.append(
                        run_holders(
                            self.supervisor, self.binary, topology, _all(topology, policy), rate,
                            self.plan.settle_seconds + self.plan.judged_seconds, lost_percent, self.options.cap,
                            self.progress))

    # MARK: Faults

    def disturb(self) -> None:
        topology = TOPOLOGIES["two-in-series"]
        for policy in POLICIES:
            rate = self._rate(topology, policy, 0.75)
            for scenario in scenarios(rate, self.options.cap):
                self.timelines.append(
                    run_timeline(self.supervisor, self.binary, topology, _all(topology, policy), scenario,
                                 Options(cap_cores=self.options.cap, state_class=self.options.state_class),
                                 self.progress))

    # MARK: Kamailio as a neighbour

    def neighbour(self) -> None:
        """Kamailio as one proxy of two: it knows nothing of our parameters, so that hop takes no state from us."""
        topology = TOPOLOGIES["two-in-series"]
        for foreign, mode in (("B", "stateful"), ("B", "stateless"), ("A", "stateful"), ("A", "stateless")):
            ours = "A" if foreign == "B" else "B"
            configuration = Configuration(
                f"{ours} servartuka, {foreign} Kamailio {mode}", {ours: "servartuka", foreign: mode})
            options = Options(cap_cores=self.options.cap, foreign=frozenset({foreign}))
            with Session(self.supervisor, self.binary, topology, configuration, options, self.plan, self.progress,
                         self.neighbours, 1) as session:
                session.step(self._rate(topology, "servartuka", 0.45), "neighbour")


def _all(topology: Topology, policy: str) -> Configuration:
    return next(c for c in topology.configurations() if c.name == policy)


def scenarios(rate: int, cap: float) -> list[Scenario]:
    """What must be over within three seconds, and load steps to look at."""
    def kill(network: Network) -> None:
        network.kill("B")

    def restart(network: Network) -> None:
        network.start("B")

    def quota(cores: float):
        def act(network: Network) -> None:
            cap = network.nodes["B"].cap
            assert cap is not None
            cap.set(cores)

        return act

    low = rate // 3
    return [
        Scenario("steps", "Load steps", (Load(low, 0, 40), Load(rate - low, 10, 30))),
        Scenario(
            "restart", "The second proxy killed and restarted a second later", (Load(rate * 2 // 3, 0, 30),),
            (Event(10, "second proxy killed", kill, is_disturbance=False), Event(11, "restarted", restart))),
        Scenario(
            "quota", "The second proxy's quota halved and given back", (Load(rate * 2 // 3, 0, 40),),
            (Event(10, "quota halved", quota(cap / 2)), Event(25, "quota restored", quota(cap)))),
    ]


TITLES = {scenario.name: scenario.title for scenario in scenarios(300, 0.1)}


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    experiments = Experiments(options)
    if not experiments.binary.exists():
        print(f"experiment: {experiments.binary} is not built; run swift build -c release", file=sys.stderr)
        return 1
    try:
        if "peaks" in options.parts:
            experiments.measure_peaks()
        if "holders" in options.parts:
            experiments.prove_holders()
        if "faults" in options.parts:
            experiments.disturb()
        if "kamailio" in options.parts:
            experiments.neighbour()
    except CapUnavailable as error:
        print(f"experiment: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        experiments.progress.line("interrupted: reporting what there is")
    finally:
        experiments.supervisor.stop_all()
    folder = options.output or ROOT / ".build/experiments"
    write(folder, experiments)
    experiments.progress.line(f"wrote {folder}/results.md, CSV files and plots")
    return 0 if all(result.passed for result in experiments.holders) else 1


def write(folder: Path, experiments: Experiments) -> None:
    from . import plots

    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# Measured", "", *_environment(experiments), ""]
    if experiments.peaks:
        lines += ["## Sustained peaks", ""]
    for topology in experiments.options.topologies if experiments.peaks else []:
        table = report.PeakTable(topology, experiments.peaks, experiments.predictions.get(topology.name, {}))
        lines += table.markdown()
        plots.draw_peaks(folder / f"{topology.name}.svg", topology.title, table.rows())
    if experiments.holders:
        lines += ["## Who held what", "", *report.holders_markdown(experiments.holders), ""]
    if experiments.timelines:
        lines += ["## Steps and faults", "", *report.timelines_markdown(experiments.timelines, TITLES), ""]
    for timeline in experiments.timelines:
        name = f"{timeline.scenario}-{timeline.configuration}"
        events = next(s.events for s in scenarios(300, 0.1) if s.name == timeline.scenario)
        plots.draw_timeline(
            folder / f"{name}.svg", f"{TITLES[timeline.scenario]}, {timeline.configuration}", timeline,
            [(event.seconds, event.title) for event in events])
        report.write_samples(folder / f"{name}.csv", timeline)
    if experiments.neighbours:
        lines += ["## Kamailio as a neighbour", "",
                  "| chain | calls/s | calls | failed | held by ours |", "|---|--:|--:|--:|---|"]
        for step in experiments.neighbours:
            held = ", ".join(f"{name} {share:.2f}" for name, share in step.held_share.items())
            lines.append(f"| {step.configuration} | {step.calls_per_second} | {step.successful} | {step.failed} | {held} |")
        lines.append("")
    text = "\n".join(lines)
    print(text)
    (folder / "results.md").write_text(text)
    report.write_csv(folder / "peaks.csv", experiments.peaks)
    report.write_csv(folder / "steps.csv", experiments.steps + experiments.neighbours)
    report.write_csv(folder / "holders.csv", experiments.holders)


def _environment(experiments: Experiments) -> list[str]:
    options = experiments.options
    facts = {"date": time.strftime("%Y-%m-%d"), **describe_machine()}
    facts["state"] = options.state_class
    facts["quota"] = f"{options.cap:g} core a proxy, 10 ms period, one worker each"
    facts["rounds"] = f"{options.rounds}{', quick' if options.quick else ''}"
    facts["steps"] = (
        f"{experiments.plan.settle_seconds} s to settle, {experiments.plan.judged_seconds} s judged; peaks to within "
        f"{experiments.plan.tolerance:.0%}")
    return [f"- {key}: {value}" for key, value in facts.items()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/experiment",
        description="Chains of real proxies on loopback, each capped by its own CPU quota, SIPp at both ends: the "
        "sustained peak under every policy and static configuration, who held what, and what happens in faults.")
    parser.add_argument("--topologies", type=_topologies, default=list(TOPOLOGIES.values()),
                        help=f"of {','.join(TOPOLOGIES)}")
    parser.add_argument("--parts", type=_parts, default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--state-class", choices=STATE_CLASSES, default=TRANSACTION,
                        help="what a holder keeps of a call: its transactions, or its dialog with them; of the peaks "
                        "and faults (default transaction)")
    parser.add_argument("--rounds", type=int, help="rounds of all configurations (default 3, with --quick 1)")
    parser.add_argument("--cap", type=float, default=0.12, help="cores that each proxy may use (default 0.12)")
    parser.add_argument("--quick", action="store_true", help="short steps: a first idea, not a publishable figure")
    parser.add_argument("--output", type=Path, help="folder for tables, CSV and plots (default .build/experiments)")
    return parser


def _topologies(text: str) -> list[Topology]:
    unknown = [name for name in text.split(",") if name not in TOPOLOGIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected a comma-separated list of {', '.join(TOPOLOGIES)}; got {text!r}")
    return [TOPOLOGIES[name] for name in text.split(",")]


def _parts(text: str) -> list[str]:
    chosen = text.split(",")
    if any(part not in PARTS for part in chosen):
        raise argparse.ArgumentTypeError(f"expected a comma-separated list of {', '.join(PARTS)}; got {text!r}")
    return chosen
