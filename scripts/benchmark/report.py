"""Tables, CSV files and plots of a benchmark."""

from __future__ import annotations

import csv
import math
import os
import platform
import statistics
from pathlib import Path

from .measure import Memory, Result, Step

REFERENCE = "kamailio"
FLOOR = "floor"
# Ratios against the reference that the project set itself: (mode, metric) → at least (rates) or at most (memory).
TARGETS = {"stateless": 1.3, "stateful": 1.5, "lua": 1.6}
MEMORY_TARGET = 0.5
LINKS = """
Raw figures: [results.csv](results.csv), [steps.csv](steps.csv).

![CPU a call](cost.svg)

![Peak sustained rate](peak.svg)

![Call set-up time](latency.svg)
"""


def median(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else float("nan")


def median_of(results: list[Result], mode: str, proxy: str, metric: str) -> float:
    return median([getattr(r, metric) for r in results if r.mode == mode and r.proxy == proxy])


def median_ratio(results: list[Result], mode: str, proxy: str, other: str, metric: str) -> float:
    """Median over the rounds of proxy ÷ other: a machine that is slow for a while is slow for both."""
    ratios = []
    for result in results:
        if result.mode != mode or result.proxy != proxy:
            continue
        for partner in results:
            if partner.mode == mode and partner.proxy == other and partner.round == result.round:
                ratios.append(getattr(result, metric) / (getattr(partner, metric) or float("nan")))
    return median(ratios)


def markdown(results: list[Result], memories: list[Memory], environment: dict[str, str]) -> str:
    modes = list(dict.fromkeys(r.mode for r in results))
    proxies = list(dict.fromkeys(r.proxy for r in results))
    lines = ["# Benchmark", ""]
    lines += [f"- {key}: {value}" for key, value in environment.items()]
    lines += [
        "",
        "Medians over the rounds; a ratio is the median of the per-round ratios. Peak: highest rate with at most",
        "0.1 % failed calls. Cost: at 90 % of the own peak. Set-up time: INVITE to 200 at half of the own peak, and",
        f"at half of {REFERENCE}'s peak. `floor` moves the same datagrams without looking at them.",
        "",
        f"| mode | proxy | peak calls/s | µs CPU/call | of it user | calls/CPU s | ÷ {REFERENCE} | ÷ {FLOOR} "
        f"| peak ÷ {REFERENCE} | p50 ms | p99 ms | p50 same rate | p99 same rate |",
        "|---|---|" + "--:|" * 11,
    ]
    for mode in modes:
        for proxy in proxies:
            if any(r.mode == mode and r.proxy == proxy for r in results):
                lines.append(_row(results, mode, proxy))
    if memories:
        lines += [
            "", "Resident memory, pages shared between processes counted once:", "",
            "| mode | proxy | INVITEs ringing | idle MB | loaded MB | bytes an INVITE | loaded ÷ " + REFERENCE + " |",
            "|---|---|--:|--:|--:|--:|--:|",
        ]
        lines += [_memory_row(memory, memories) for memory in memories]
    verdicts = _verdicts(results, memories)
    if verdicts:
        lines += ["", "Against the targets:", ""] + verdicts
    notes = [f"- round {r.round}, {r.mode}, {r.proxy}: {'; '.join(r.notes)}" for r in results if r.notes]
    if notes:
        lines += ["", "Notes:", ""] + notes
    return "\n".join(lines) + "\n"


def _row(results: list[Result], mode: str, proxy: str) -> str:
    def m(metric: str, digits: int) -> str:
        return _number(median_of(results, mode, proxy, metric), digits)

    def r(other: str, metric: str) -> str:
        return _number(median_ratio(results, mode, proxy, other, metric), 2)

    cells = [
        mode, proxy, m("peak_calls_per_second", 0), m("cpu_microseconds_per_call", 1),
        m("user_microseconds_per_call", 1), m("calls_per_cpu_second", 0), r(REFERENCE, "calls_per_cpu_second"),
        r(FLOOR, "calls_per_cpu_second"), r(REFERENCE, "peak_calls_per_second"),
        m("setup_p50_milliseconds", 2), m("setup_p99_milliseconds", 2),
        m("same_rate_p50_milliseconds", 2), m("same_rate_p99_milliseconds", 2),
    ]
    return "| " + " | ".join(cells) + " |"


def _memory_row(memory: Memory, memories: list[Memory]) -> str:
    reference = next((m for m in memories if m.proxy == REFERENCE and m.mode == memory.mode), None)
    ratio = memory.loaded_bytes / reference.loaded_bytes if reference and reference.loaded_bytes else float("nan")
    each = (memory.loaded_bytes - memory.idle_bytes) / max(1, memory.transactions)
    note = f" ({memory.note})" if memory.note else ""
    return (
        f"| {memory.mode} | {memory.proxy}{note} | {memory.transactions} | {memory.idle_bytes / 1e6:.1f} "
        f"| {memory.loaded_bytes / 1e6:.1f} | {each:.0f} | {_number(ratio, 2)} |"
    )


def _verdicts(results: list[Result], memories: list[Memory]) -> list[str]:
    lines = []
    for mode, target in TARGETS.items():
        ratio = median_ratio(results, mode, "servartuka", REFERENCE, "calls_per_cpu_second")
        if not math.isnan(ratio):
            word = "met" if ratio >= target else "MISSED"
            lines.append(f"- {mode}: {ratio:.2f} × {REFERENCE}'s calls per CPU second, target ≥ {target}: {word}")
    for memory in memories:
        reference = next((m for m in memories if m.proxy == REFERENCE and m.mode == memory.mode), None)
        if memory.proxy == "servartuka" and reference and reference.loaded_bytes:
            ratio = memory.loaded_bytes / reference.loaded_bytes
            word = "met" if ratio <= MEMORY_TARGET else "MISSED"
            lines.append(f"- memory, {memory.mode}: {ratio:.2f} × {REFERENCE}, target ≤ {MEMORY_TARGET}: {word}")
    return lines


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_all(folder: Path, results: list[Result], memories: list[Memory], steps: list[Step],
              environment: dict[str, str]) -> list[Path]:
    """Writes the report, the CSV files and, where matplotlib is installed, the plots; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(markdown(results, memories, environment) + LINKS)
    write_csv(folder / "results.csv", [r.row() for r in results])
    write_csv(folder / "steps.csv", [vars(s) for s in steps])
    write_csv(folder / "memory.csv", [vars(m) for m in memories])
    try:
        from . import plots
    except ImportError:
        return [folder / "README.md"]
    return [folder / "README.md", *plots.draw(folder, results, memories)]


def describe_machine() -> dict[str, str]:
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"machine": f"{os.cpu_count()} × {model or platform.machine()}", "kernel": platform.release()}
