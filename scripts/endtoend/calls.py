"""Plain calls: SIPp's built-in caller and callee, every combination of mode, address family and workers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Proxy, Setup
from benchmark.sipp import Address, Uac, UacResult, Uas, tail

PROXY_PORT, UAS_PORT, UAC_PORT = 18060, 18070, 18080
LOSSY_CALLEE = Path(__file__).resolve().parent / "uas-lossy.xml"
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
RECEIVE_TIMEOUT_MILLISECONDS = 10_000
# With loss, an answer may take a whole 64 × T1 of retransmissions.
LOSSY_RECEIVE_TIMEOUT_MILLISECONDS = 40_000
# The kernel spreads callers over workers by address and port, so several callers keep several workers busy.
CALLERS_PER_WORKER = 2


@dataclass(frozen=True)
class CallCase:
    """One run of `calls` calls at `rate` a second; passes when every one succeeds."""

    mode: str
    family: int = 4
    workers: int = 1
    lost_percent: int = 0
    calls: int = 20_000
    rate: int = 1000

    @property
    def name(self) -> str:
        loss = f", {self.lost_percent} % loss at both ends" if self.lost_percent else ""
        return f"{self.mode}, IPv{self.family}, {self.workers} worker{'s' if self.workers > 1 else ''}{loss}"


@dataclass
class Outcome:
    """A row of the final table."""

    name: str
    passed: bool
    calls: int = 0
    failed: int = 0
    retransmissions: int = 0
    detail: str = ""
    # Could not run here; counts as passed and says why in the detail.
    skipped: bool = False

    @property
    def word(self) -> str:
        return "skipped" if self.skipped else "passed" if self.passed else "FAILED"


def run_calls(supervisor: Supervisor, proxy: Proxy, case: CallCase, progress: Progress) -> Outcome:
    host = LOOPBACK[case.family]
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        setup = Setup(case.mode, Address(host, PROXY_PORT), Address(host, UAS_PORT), folder, workers=case.workers)
        callee = LOSSY_CALLEE if case.lost_percent else None
        with Uas(supervisor, folder, setup.next_hop, scenario=callee, lost_percent=case.lost_percent):
            with proxy.running(supervisor, setup) as running:
                results = _call(supervisor, folder, setup, case, progress)
                alive = running.alive()
                log = "" if alive else f"; the proxy died: {tail(running.log)}"
    outcome = Outcome(
        case.name, False, sum(r.successful for r in results), sum(r.failed for r in results),
        sum(r.retransmissions for r in results),
    )
    reasons = sorted({reason for result in results for reason in result.reasons})
    aborted = sorted({result.aborted for result in results if result.aborted})
    errors = [result.first_error for result in results if result.first_error][:1]
    outcome.detail = ", ".join(reasons + aborted + errors) + log
    outcome.passed = alive and outcome.failed == 0 and outcome.calls == case.calls and not aborted
    return outcome


def _call(supervisor: Supervisor, folder: Path, setup: Setup, case: CallCase, progress: Progress) -> list[UacResult]:
    """Places the calls of one case, shared between its callers."""
    callers = 1 if case.workers == 1 else case.workers * CALLERS_PER_WORKER
    timeout = LOSSY_RECEIVE_TIMEOUT_MILLISECONDS if case.lost_percent else RECEIVE_TIMEOUT_MILLISECONDS
    uacs = []
    for index in range(callers):
        own = folder / f"caller-{index}"
        own.mkdir()
        uacs.append(
            Uac(
                supervisor, own, local=Address(setup.listen.host, UAC_PORT + index), proxy=setup.listen,
                rate=case.rate // callers, calls=case.calls // callers, lost_percent=case.lost_percent,
                receive_timeout_milliseconds=timeout, trace_errors=True,
            )
        )
    return [uac.wait(progress=lambda share: progress.show(case.name, share)) for uac in uacs]

