"""Command line of scripts/bench."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import report
from .cgroup import CapUnavailable, CpuCap
from .measure import QUICK, Memory, Plan, Result, Session, Step, measure, measure_memory
from .processes import Supervisor
from .progress import Progress
from .proxies import MODES, ROOT, Proxy, Unavailable, all_proxies
from .sipp import BUFFER_BYTES


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    plan = QUICK if options.quick else Plan()
    rounds = options.rounds or (1 if options.quick else 3)
    progress = Progress()
    supervisor = Supervisor()
    proxies = _available(options.proxies, progress)
    if not proxies:
        print("bench: none of the chosen proxies can run here", file=sys.stderr)
        return 1
    _warn_about_buffers(progress)
    try:
        cap = None if options.cap is None else CpuCap(options.cap)
    except CapUnavailable as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    results: list[Result] = []
    memories: list[Memory] = []
    steps: list[Step] = []
    try:
        if not options.memory_only:
            _rounds(supervisor, proxies, options.modes, rounds, cap, plan, progress, results, steps)
        if not options.no_memory:
            for mode in (mode for mode in options.modes if mode != "stateless"):
                for proxy in (proxy for proxy in proxies if proxy.name != report.FLOOR):
                    memories.append(measure_memory(supervisor, proxy, mode, plan, progress))
    except KeyboardInterrupt:
        progress.line("interrupted: reporting what there is")
    finally:
        supervisor.stop_all()
        if cap:
            cap.remove()
    environment = _environment(options, rounds, proxies)
    print(report.markdown(results, memories, environment))
    folder = options.output or (ROOT / ".build/benchmarks" if options.quick else ROOT / "docs/benchmarks")
    for path in report.write_all(folder, results, memories, steps, environment):
        progress.line(f"wrote {path}")
    return 0 if results or memories else 1


def _rounds(supervisor: Supervisor, proxies: list[Proxy], modes: list[str], rounds: int, cap: CpuCap | None,
            plan: Plan, progress: Progress, results: list[Result], steps: list[Step]) -> None:
    """Rounds A B A B: what disturbs the machine for a while disturbs all competitors."""
    peaks: dict[tuple[str, str], float] = {}
    for number in range(1, rounds + 1):
        for mode in modes:
            reference_peak: float | None = None
            for proxy in proxies:
                result = Result(number, mode, proxy.name)
                results.append(result)
                try:
                    with Session(supervisor, proxy, mode, cap, plan, progress, steps, number) as session:
                        measure(session, result, plan, peaks.get((mode, proxy.name)), reference_peak)
                except RuntimeError as error:
                    result.notes.append(str(error))
                    progress.line(f"{proxy.name}, {mode}: {error}")
                    continue
                peaks[mode, proxy.name] = result.peak_calls_per_second
                if proxy.name == report.REFERENCE:
                    reference_peak = result.peak_calls_per_second


def _available(names: list[str], progress: Progress) -> list[Proxy]:
    known = all_proxies()
    usable = []
    for name in names:
        try:
            known[name].check()
            usable.append(known[name])
        except Unavailable as error:
            progress.line(f"leaving out {name}: {error}")
    return usable


def _warn_about_buffers(progress: Progress) -> None:
    allowed = int(Path("/proc/sys/net/core/rmem_max").read_text())
    if allowed < BUFFER_BYTES:
        progress.line(
            f"net.core.rmem_max is {allowed}: sockets get smaller buffers than the {BUFFER_BYTES} asked for; "
            f"sysctl -w net.core.rmem_max={BUFFER_BYTES} net.core.wmem_max={BUFFER_BYTES} gives steadier figures"
        )


def _environment(options: argparse.Namespace, rounds: int, proxies: list[Proxy]) -> dict[str, str]:
    facts = {"date": time.strftime("%Y-%m-%d"), **report.describe_machine()}
    facts["cap"] = "none" if options.cap is None else f"{options.cap:g} core, 10 ms period"
    facts["rounds"] = f"{rounds}{', quick' if options.quick else ''}"
    for proxy in proxies:
        if proxy.version():
            facts[proxy.name] = proxy.version()
    return facts


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Compares servartuka with Kamailio and with the kernel's own cost, SIPp at both ends, on loopback.",
    )
    parser.add_argument("--rounds", type=_positive, help="rounds of all proxies (default 3, with --quick 1)")
    parser.add_argument("--modes", type=_choice(MODES), default=list(MODES), help=f"of {','.join(MODES)}")
    names = tuple(all_proxies())
    parser.add_argument("--proxies", type=_choice(names), default=list(names), help=f"of {','.join(names)}")
    parser.add_argument("--cap", type=_cap, default=0.30, help='cores the proxy may use, or "none" (default 0.30)')
    parser.add_argument("--quick", action="store_true", help="short runs: a first idea, not a publishable figure")
    parser.add_argument("--no-memory", action="store_true", help="skip the memory measurement")
    parser.add_argument("--memory-only", action="store_true", help="only the memory measurement")
    parser.add_argument("--output", type=Path, help="folder for report, CSV and plots (default docs/benchmarks)")
    return parser


def _choice(allowed: tuple[str, ...]):
    def parse(text: str) -> list[str]:
        chosen = [word.strip() for word in text.split(",") if word.strip()]
        unknown = [word for word in chosen if word not in allowed]
        if unknown or not chosen:
            raise argparse.ArgumentTypeError(f"expected a comma-separated list of {', '.join(allowed)}; got {text!r}")
        return chosen

    return parse


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _cap(text: str) -> float | None:
    if text == "none":
        return None
    try:
        cores = float(text)
    except ValueError:
        cores = 0.0
    if not 0.05 <= cores <= 64:
        raise argparse.ArgumentTypeError(f'expected cores between 0.05 and 64, or "none", got {text!r}')
    return cores
