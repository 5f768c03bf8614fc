"""The measurements: peak sustained rate, cost near it, set-up time at half of it, memory under load."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .cgroup import CpuCap
from .meter import machine_busy_seconds, process_cpu_seconds
from .processes import Supervisor
from .progress import Progress
from .proxies import HERE, Proxy, Running, Setup
from .search import search_peak
from .sipp import Address, Uac, UacResult, Uas

HOST = "127.0.0.1"
PROXY_PORT, UAS_PORT, UAC_PORT = 17060, 17070, 17080

# A rate is sustained when at most this share of the calls fails …
FAILED_SHARE_MAX = 0.001
# … and SIPp really offered it.
OFFERED_SHARE_MIN = 0.95
# A load generator this busy is the bottleneck itself; the result is flagged.
GENERATOR_CPU_SHARE_MAX = 0.85
# More CPU than this going to anything but the proxy and SIPp makes figures doubtful; the result is flagged.
OTHERS_CORES_MAX = 0.3
# The peak steps are short; where the first share is not sustained for a whole cost run, the next one is.
COST_AT_SHARES_OF_PEAK = (0.9, 0.8, 0.7)
LATENCY_ATTEMPTS = 2
LATENCY_AT_SHARE_OF_PEAK = 0.5
PEAK_STEPS_MAX = 14
# Calls a second of the first warm-up, per core of the cap: every competitor manages this.
SAFE_RATE_PER_CORE = {"stateless": 4000, "stateful": 2500, "lua": 2500}
# Cost a call falls when a proxy gets busier (more messages a wake-up); the search starts at this guess.
BUSY_DISCOUNT = 0.7
MEMORY_CALLS_PER_SECOND = 2000


@dataclass(frozen=True)
class Plan:
    """How long and how exact; seconds are of each single SIPp run."""

    warm_up_seconds: int = 7
    step_seconds: int = 8
    cost_seconds: int = 15
    latency_seconds: int = 10
    peak_tolerance: float = 0.04
    memory_calls: int = 100_000


QUICK = Plan(
    warm_up_seconds=5, step_seconds=4, cost_seconds=6, latency_seconds=5, peak_tolerance=0.1, memory_calls=20_000
)


@dataclass
class Result:
    """Everything measured for one proxy in one mode in one round."""

    round: int
    mode: str
    proxy: str
    peak_calls_per_second: float = float("nan")
    cpu_microseconds_per_call: float = float("nan")
    user_microseconds_per_call: float = float("nan")
    calls_per_cpu_second: float = float("nan")
    setup_p50_milliseconds: float = float("nan")
    setup_p99_milliseconds: float = float("nan")
    same_rate_p50_milliseconds: float = float("nan")
    same_rate_p99_milliseconds: float = float("nan")
    notes: list[str] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        return {**asdict(self), "notes": "; ".join(self.notes)}


@dataclass
class Memory:
    """Resident memory of a stateful proxy before and while it holds INVITE transactions."""

    mode: str
    proxy: str
    transactions: int = 0
    idle_bytes: int = 0
    loaded_bytes: int = 0
    note: str = ""


@dataclass(frozen=True)
class Step:
    """One SIPp run, for the file of raw steps."""

    round: int
    mode: str
    proxy: str
    purpose: str
    calls_per_second: int
    seconds: float
    successful: int
    failed: int
    retransmissions: int
    cpu_microseconds_per_call: float
    user_share: float
    throttled_seconds: float
    generator_cpu_share: float
    others_cores: float
    aborted: str


class Session:
    """One proxy in one mode: kept running between steps, started afresh after a step that overloaded it."""

    def __init__(self, supervisor: Supervisor, proxy: Proxy, mode: str, cap: CpuCap | None, plan: Plan,
                 progress: Progress, steps: list[Step], round_number: int) -> None:
        self._supervisor, self._proxy, self._mode, self._cap = supervisor, proxy, mode, cap
        self._plan, self._progress, self._steps, self._round = plan, progress, steps, round_number
        self._scratch = tempfile.TemporaryDirectory(prefix="servartuka-bench-")
        self._folder = Path(self._scratch.name)
        self._running: Running | None = None
        self._uas: Uas | None = None
        self.generator_saturated = False
        self.others_cores = 0.0
        self.warm_up_microseconds_per_call = float("nan")

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._scratch.cleanup()

    def peak(self, guess: float | None) -> float:
        """Highest rate found sustained, to within the plan's tolerance; 0 when none was."""
        self._ensure_running()
        cores = self._cap.cores if self._cap else 1.0
        rate = guess or cores * 1e6 / (self.warm_up_microseconds_per_call * BUSY_DISCOUNT)
        low = search_peak(
            lambda rate: self.step(int(rate), self._plan.step_seconds, "peak")[1], rate,
            tolerance=self._plan.peak_tolerance, steps_max=PEAK_STEPS_MAX, growth=1.15, shrink=0.8)
        return float(int(low))

    def step(self, rate: int, seconds: int, purpose: str, trace_setup: bool = False) -> tuple[UacResult, bool, Step]:
        """One run at `rate`; returns SIPp's counters, whether it counts as sustained, and the record."""
        self._ensure_running()
        running, uas = self._running, self._uas
        assert running is not None and uas is not None
        throttled = self._cap.throttled_seconds() if self._cap else 0.0
        began, busy, uas_busy = time.monotonic(), machine_busy_seconds(), process_cpu_seconds(uas.child.pid)
        before = running.meter.cpu()
        uac = Uac(
            self._supervisor, self._folder, local=Address(HOST, UAC_PORT), proxy=running.setup.listen,
            rate=rate, calls=rate * seconds, trace_setup=trace_setup,
        )
        label = f"round {self._round} {self._mode:9} {self._proxy.name:10} {purpose:8} {rate:6} calls/s"
        result = uac.wait(give_up_early=purpose == "peak", progress=lambda share: self._progress.show(label, share))
        spent = running.meter.cpu() - before
        ours = spent.seconds + uac.cpu_seconds + process_cpu_seconds(uas.child.pid) - uas_busy
        others = max(0.0, machine_busy_seconds() - busy - ours) / (time.monotonic() - began)
        self.others_cores = max(self.others_cores, others)
        per_call = spent.seconds * 1e6 / max(1, result.successful)
        sustained = (
            not result.aborted
            and running.alive()
            and result.failed_share <= FAILED_SHARE_MAX
            and result.created >= OFFERED_SHARE_MIN * rate * seconds
            and result.elapsed_seconds <= seconds / OFFERED_SHARE_MIN + 1
        )
        if result.generator_cpu_share > GENERATOR_CPU_SHARE_MAX:
            self.generator_saturated = True
        record = Step(
            self._round, self._mode, self._proxy.name, purpose, rate, round(result.elapsed_seconds, 3),
            result.successful, result.failed, result.retransmissions, round(per_call, 2),
            round(spent.user_share, 3),
            round((self._cap.throttled_seconds() if self._cap else 0.0) - throttled, 3),
            round(result.generator_cpu_share, 3), round(others, 2), result.aborted,
        )
        self._steps.append(record)
        verdict = "sustained" if sustained else f"not sustained ({result.aborted or result.reasons or 'too slow'})"
        busy_note = f", others took {others:.1f} cores" if others > OTHERS_CORES_MAX else ""
        self._progress.line(f"{label}: {per_call:6.1f} µs CPU/call, {result.failed} failed, {verdict}{busy_note}")
        if not sustained:
            self._stop()
        return result, sustained, record

    def _ensure_running(self) -> None:
        if self._running and self._running.alive() and self._uas:
            return
        self._stop()
        setup = Setup(self._mode, Address(HOST, PROXY_PORT), Address(HOST, UAS_PORT), self._folder)
        self._uas = Uas(self._supervisor, self._folder, setup.next_hop)
        self._running = self._proxy.running(self._supervisor, setup, self._cap)
        # Warm up until tables and pools have been touched and the first completed transactions recycled.
        cores = self._cap.cores if self._cap else 1.0
        rate = int(SAFE_RATE_PER_CORE[self._mode] * cores)
        before = self._running.meter.cpu()
        label = f"round {self._round} {self._mode:9} {self._proxy.name:10} warm-up"
        result = Uac(
            self._supervisor, self._folder, local=Address(HOST, UAC_PORT), proxy=setup.listen,
            rate=rate, calls=rate * self._plan.warm_up_seconds,
        ).wait(progress=lambda share: self._progress.show(label, share))
        if not result.successful:
            raise RuntimeError(f"{self._proxy.name} relays no call at all in mode {self._mode}: {result.reasons}")
        spent = self._running.meter.cpu() - before
        self.warm_up_microseconds_per_call = spent.seconds * 1e6 / result.successful

    def _stop(self) -> None:
        if self._running:
            self._supervisor.stop(self._running.child)
        if self._uas:
            self._supervisor.stop(self._uas.child)
        self._running = self._uas = None


def measure(session: Session, result: Result, plan: Plan, guess: float | None, reference_peak: float | None) -> None:
    """Fills `result`: peak, then cost at 90 % of it, then set-up time at half of it and of the reference's."""
    result.peak_calls_per_second = session.peak(guess)
    if not result.peak_calls_per_second:
        result.notes.append("no sustained rate found")
        return
    for share in COST_AT_SHARES_OF_PEAK:
        _, sustained, record = session.step(int(result.peak_calls_per_second * share), plan.cost_seconds, "cost")
        if sustained:
            result.cpu_microseconds_per_call = record.cpu_microseconds_per_call
            result.user_microseconds_per_call = round(record.cpu_microseconds_per_call * record.user_share, 2)
            result.calls_per_cpu_second = round(1e6 / record.cpu_microseconds_per_call, 1)
            break
        result.notes.append(f"{record.calls_per_second} calls/s were not sustained for {plan.cost_seconds} s")

    def latency(rate: float) -> tuple[float, float]:
        for _ in range(LATENCY_ATTEMPTS):
            traced, sustained, _ = session.step(int(rate), plan.latency_seconds, "latency", trace_setup=True)
            if sustained:
                return round(traced.percentile(0.5), 3), round(traced.percentile(0.99), 3)
        result.notes.append(f"no set-up times: {int(rate)} calls/s were not sustained")
        return float("nan"), float("nan")

    own = latency(result.peak_calls_per_second * LATENCY_AT_SHARE_OF_PEAK)
    result.setup_p50_milliseconds, result.setup_p99_milliseconds = own
    same = own
    if reference_peak and reference_peak != result.peak_calls_per_second:
        same = latency(reference_peak * LATENCY_AT_SHARE_OF_PEAK)
    result.same_rate_p50_milliseconds, result.same_rate_p99_milliseconds = same
    if session.generator_saturated:
        result.notes.append("SIPp was close to its own limit")
    if session.others_cores > OTHERS_CORES_MAX:
        result.notes.append(f"other work took up to {session.others_cores:.1f} cores: repeat on a quiet machine")


def measure_memory(supervisor: Supervisor, proxy: Proxy, mode: str, plan: Plan, progress: Progress) -> Memory:
    """Resident memory with `plan.memory_calls` INVITEs ringing at once. Not capped: time is not the point."""
    memory = Memory(mode, proxy.name)
    label = f"memory  {mode:9} {proxy.name:10}"
    with tempfile.TemporaryDirectory(prefix="servartuka-bench-") as name:
        folder = Path(name)
        setup = Setup(
            mode, Address(HOST, PROXY_PORT), Address(HOST, UAS_PORT), folder,
            transactions_max=int(plan.memory_calls * 1.25),
        )
        scenarios = HERE / "scenarios"
        with Uas(supervisor, folder, setup.next_hop, scenario=scenarios / "uas-ringing.xml"):
            with proxy.running(supervisor, setup) as running:
                memory.idle_bytes = running.meter.memory_bytes()
                uac = Uac(
                    supervisor, folder, local=Address(HOST, UAC_PORT), proxy=setup.listen,
                    rate=MEMORY_CALLS_PER_SECOND, calls=plan.memory_calls,
                    scenario=scenarios / "uac-ringing.xml",
                )
                _hold(uac, plan.memory_calls, label, progress)
                row = uac.counters()
                memory.transactions = int(row.get("CurrentCall", 0))
                memory.loaded_bytes = running.meter.memory_bytes()
                if int(row.get("FailedCall(C)", 0)):
                    memory.note = f"{row['FailedCall(C)']} calls failed"
                if not running.alive():
                    memory.note = "the proxy died"
                supervisor.stop(uac.child)
    progress.line(
        f"{label}: {memory.transactions} INVITEs ringing, "
        f"{memory.idle_bytes / 1e6:.1f} MB idle, {memory.loaded_bytes / 1e6:.1f} MB loaded {memory.note}"
    )
    return memory


def _hold(uac: Uac, calls: int, label: str, progress: Progress) -> None:
    """Waits until all calls have been placed and SIPp has told so, or the time for it is over."""
    deadline = time.monotonic() + calls / MEMORY_CALLS_PER_SECOND + 20
    while time.monotonic() < deadline and uac.child.poll() is None:
        created = int(uac.counters().get("TotalCallCreated", 0))
        progress.show(label, created / calls)
        if created >= calls:
            break
        time.sleep(0.5)
    time.sleep(3)  # the last calls get their 180, stragglers retransmit
