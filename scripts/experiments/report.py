"""Tables, CSV files and text of the experiments."""

from __future__ import annotations

import csv
import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from .holders import HolderResult
from .peak import Peak
from .timeline import Timeline
from .topology import Configuration, Topology


class PeakTable:
    """The peaks of one topology, configuration by configuration, beside their predictions."""

    def __init__(self, topology: Topology, peaks: list[Peak], predictions: dict[str, float]) -> None:
        self.topology, self.predictions = topology, predictions
        self._peaks = [peak for peak in peaks if peak.topology == topology.name]
        present = {peak.configuration for peak in self._peaks}
        self.configurations = [c for c in topology.configurations() if c.name in present]

    def rounds(self, configuration: Configuration) -> list[float]:
        return [p.calls_per_second for p in self._peaks if p.configuration == configuration.name]

    def median(self, configuration: Configuration) -> float:
        return statistics.median(self.rounds(configuration))

    def best_static(self) -> Configuration | None:
        static = [c for c in self.configurations if c.is_static and c.holds_all]
        return max(static, key=self.median, default=None)

    def rows(self) -> list[tuple[str, float, list[float], float, bool, bool]]:
        return [
            (c.name, self.median(c), self.rounds(c), self.predictions.get(c.name, float("nan")), not c.is_static,
             c.holds_all)
            for c in self.configurations
        ]

    def markdown(self) -> list[str]:
        best = self.best_static()
        lines = [
            f"### {self.topology.title}", "",
            "| configuration | sustained calls/s | rounds | predicted | ÷ predicted | ÷ best static | µs a call "
            "| state held at |",
            "|---|--:|---|--:|--:|--:|---|---|",
        ]
        for configuration in self.configurations:
            median, predicted = self.median(configuration), self.predictions.get(configuration.name)
            against = median / self.median(best) if best else float("nan")
            rounds = " ".join(f"{value:.0f}" for value in self.rounds(configuration))
            own = [p for p in self._peaks if p.configuration == configuration.name]
            lines.append(
                f"| {configuration.name}{'' if configuration.holds_all else ' (a bound: calls without state)'} "
                f"| {median:.0f} | {rounds} | {_number(predicted, 0)} "
                f"| {_number(median / predicted if predicted else None, 2)} | {against:.2f} "
                f"| {_medians(p.microseconds_per_call for p in own)} "
                f"| {_medians((p.held_share for p in own), digits=2)} |")
        return lines + ["", f"![{self.topology.title}]({self.topology.name}.svg)", ""]


def _medians(values: Iterable[dict[str, float]], digits: int = 0) -> str:
    by_name: dict[str, list[float]] = {}
    for row in values:
        for name, value in row.items():
            by_name.setdefault(name, []).append(value)
    return ", ".join(f"{name} {statistics.median(all_):.{digits}f}" for name, all_ in by_name.items())


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def holders_markdown(results: list[HolderResult]) -> list[str]:
    lines = [
        "| network | policy | lost at either end | calls | failed | transactions | one holder | two holders | none "
        "| held by |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for r in results:
        none = max(0, 2 * r.successful - r.transactions)
        places = ", ".join(f"{name} {count}" for name, count in sorted(r.by_proxy.items()))
        more = sum(count for holders, count in r.holders.items() if holders > 1)
        lines.append(
            f"| {r.topology} | {r.configuration} | {r.lost_percent} % | {r.calls} | {r.failed} | {r.transactions} "
            f"| {r.holders.get(1, 0)} | {more} | {none} | {places} |")
    return lines


def timelines_markdown(timelines: list[Timeline], titles: dict[str, str]) -> list[str]:
    lines = ["| run | policy | calls | failed | what happened | seconds until undisturbed |", "|---|---|--:|--:|---|--:|"]
    for t in timelines:
        for title, seconds in t.recoveries.items() or [("load steps only", 0.0)]:
            lines.append(
                f"| {titles[t.scenario]} | {t.configuration} | {t.successful} | {t.failed} | {title} "
                f"| {'not within the run' if seconds is None else f'{seconds:.1f}'} |")
    lines.append("")
    lines += [f"![{titles[t.scenario]}, {t.configuration}]({t.scenario}-{t.configuration}.svg)" for t in timelines]
    return lines


def write_csv(path: Path, rows: list) -> None:
    """Dataclasses, one a line; dictionaries in a cell as JSON."""
    if not rows:
        return
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(rows[0])))
        writer.writeheader()
        for row in rows:
            writer.writerow({
                key: json.dumps(value) if isinstance(value, (dict, list)) else value
                for key, value in asdict(row).items()})


def write_samples(path: Path, timeline: Timeline) -> None:
    proxies = list(timeline.samples[0].cores) if timeline.samples else []
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["seconds", "offered", "successful_per_second", "failed_per_second", "retransmissions_per_second"]
            + [f"cores_{name}" for name in proxies] + [f"held_per_second_{name}" for name in proxies])
        for s in timeline.samples:
            writer.writerow(
                [s.seconds, s.offered, s.successful_per_second, s.failed_per_second, s.retransmissions_per_second]
                + [s.cores.get(name, "") for name in proxies] + [s.held_per_second.get(name, "") for name in proxies])
