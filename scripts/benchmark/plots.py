"""SVG plots; imported only where matplotlib is installed."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402  (the backend must be chosen first)

from .measure import Memory, Result  # noqa: E402
from .report import median_of  # noqa: E402

COLOURS = {"kamailio": "#8d99ae", "servartuka": "#d1495b", "floor": "#cfd8dc"}
matplotlib.rcParams.update({
    "svg.hashsalt": "servartuka",  # identical data gives identical files
    "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False, "figure.figsize": (7.5, 3.6),
})


def draw(folder: Path, results: list[Result], memories: list[Memory]) -> list[Path]:
    modes = list(dict.fromkeys(r.mode for r in results))
    proxies = list(dict.fromkeys(r.proxy for r in results))
    paths = [
        _cost(folder / "cost.svg", results, modes, proxies),
        _bars(folder / "peak.svg", results, modes, proxies, "peak_calls_per_second",
              "sustained calls a second (≤ 0.1 % failed)", "{:.0f}"),
        _bars(folder / "latency.svg", results, modes, proxies, "setup_p99_milliseconds",
              "call set-up, 99th percentile at half the peak (ms)", "{:.1f}"),
    ]
    if memories:
        paths.append(_memory(folder / "memory.svg", memories))
    return paths


def _positions(modes: list[str], proxies: list[str], proxy: str) -> tuple[list[float], float]:
    width = 0.8 / len(proxies)
    offset = (proxies.index(proxy) - (len(proxies) - 1) / 2) * width
    return [index + offset for index in range(len(modes))], width


def _bars(path: Path, results: list[Result], modes: list[str], proxies: list[str], metric: str, label: str,
          text: str) -> Path:
    figure, axes = pyplot.subplots()
    for proxy in proxies:
        values = [_known(median_of(results, mode, proxy, metric)) for mode in modes]
        places, width = _positions(modes, proxies, proxy)
        bars = axes.bar(places, values, width * 0.92, color=COLOURS.get(proxy), label=proxy)
        axes.bar_label(bars, [text.format(v) if v else "" for v in values], fontsize=8)
    return _finish(figure, axes, path, modes, label)


def _cost(path: Path, results: list[Result], modes: list[str], proxies: list[str]) -> Path:
    figure, axes = pyplot.subplots()
    for proxy in proxies:
        total = [_known(median_of(results, mode, proxy, "cpu_microseconds_per_call")) for mode in modes]
        user = [_known(median_of(results, mode, proxy, "user_microseconds_per_call")) for mode in modes]
        places, width = _positions(modes, proxies, proxy)
        kernel = [t - u for t, u in zip(total, user)]
        axes.bar(places, kernel, width * 0.92, color=COLOURS.get(proxy), alpha=0.55, label=f"{proxy}, kernel")
        bars = axes.bar(places, user, width * 0.92, bottom=kernel, color=COLOURS.get(proxy), label=f"{proxy}, user")
        axes.bar_label(bars, [f"{t:.0f}" if t else "" for t in total], fontsize=8)
    return _finish(figure, axes, path, modes, "µs of CPU a call, near the peak")


def _memory(path: Path, memories: list[Memory]) -> Path:
    figure, axes = pyplot.subplots()
    names = [f"{m.proxy}\n{m.mode}" for m in memories]
    values = [m.loaded_bytes / 1e6 for m in memories]
    bars = axes.bar(names, values, color=[COLOURS.get(m.proxy) for m in memories])
    axes.bar_label(bars, [f"{v:.0f}" for v in values], fontsize=8)
    count = max(m.transactions for m in memories)
    axes.set_ylabel(f"MB resident, {count} INVITEs ringing")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def _finish(figure, axes, path: Path, modes: list[str], label: str) -> Path:
    axes.set_xticks(range(len(modes)), modes)
    axes.set_ylabel(label)
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def _known(value: float) -> float:
    return 0.0 if math.isnan(value) else value
