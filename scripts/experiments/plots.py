"""SVG plots of the experiments."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402  (the backend must be chosen first)

from .timeline import Timeline  # noqa: E402

OURS, STATIC, BOUND, LINE = "#d1495b", "#8d99ae", "#cfd8dc", "#2b2d42"
PROXY_COLOURS = ("#d1495b", "#00798c", "#edae49", "#66a182")
matplotlib.rcParams.update({
    "svg.hashsalt": "servartuka",  # identical data gives identical files
    "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False,
})


def draw_peaks(path: Path, title: str, rows: list[tuple[str, float, list[float], float, bool, bool]]) -> None:
    """rows: configuration, median peak, each round's, prediction, decides at run time, holds every call."""
    figure, axes = pyplot.subplots(figsize=(7.5, 0.6 + 0.5 * len(rows)))
    places = range(len(rows))
    colours = [OURS if dynamic else STATIC if holds else BOUND for _, _, _, _, dynamic, holds in rows]
    bars = axes.barh(places, [row[1] for row in rows], color=colours, height=0.62)
    axes.bar_label(bars, [f" {row[1]:.0f}" for row in rows], fontsize=8)
    for place, (_, _, rounds, predicted, _, _) in zip(places, rows):
        axes.plot(rounds, [place] * len(rounds), "|", color=LINE, markersize=9, alpha=0.6)
        axes.plot([predicted], [place], "D", color=LINE, markersize=4)
    axes.plot([], [], "D", color=LINE, markersize=4, linestyle="none", label="predicted from measured costs")
    axes.plot([], [], "|", color=LINE, markersize=9, linestyle="none", label="single rounds")
    axes.set_yticks(places, [row[0] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("sustained calls a second")
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=7, loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2)
    _save(figure, path)


def draw_timeline(path: Path, title: str, timeline: Timeline, events: list[tuple[float, str]]) -> None:
    """Calls a second above, requests held a second by each proxy in the middle, cores used below."""
    figure, (calls, held, cores) = pyplot.subplots(3, 1, sharex=True, figsize=(7.5, 6))
    times = [sample.seconds for sample in timeline.samples]
    calls.step(times, [sample.offered for sample in timeline.samples], color=STATIC, label="offered", where="post")
    calls.plot(times, [s.successful_per_second for s in timeline.samples], color=OURS, label="successful")
    calls.plot(times, [s.failed_per_second for s in timeline.samples], color=LINE, label="failed", linewidth=0.9)
    calls.set_ylabel("calls a second")
    for name, colour in zip(timeline.samples[0].held_per_second, PROXY_COLOURS):
        held.plot(times, [s.held_per_second[name] for s in timeline.samples], color=colour, label=name)
        cores.plot(times, [s.cores.get(name, 0.0) for s in timeline.samples], color=colour, label=name)
    held.set_ylabel("requests held a second")
    cores.set_ylabel("cores used")
    cores.set_xlabel("seconds")
    for axes in (calls, held, cores):
        for seconds, text in events:
            axes.axvline(seconds, color=LINE, linewidth=0.7, linestyle=":")
            if axes is calls:
                axes.text(seconds, axes.get_ylim()[1], f" {text}", fontsize=7, va="top")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=7, loc="upper left", ncols=3)
    calls.set_title(title, fontsize=10, loc="left")
    _save(figure, path)


def _save(figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
