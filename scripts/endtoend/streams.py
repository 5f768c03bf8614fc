"""Calls by TCP: SIPp on both sides, every way between TCP and UDP that has TCP in it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Proxy, Servartuka, Setup
from benchmark.sipp import TCP, TCP_EACH_CALL, UDP, Address, Uac, Uas, tail

from .calls import Outcome

HOST = "127.0.0.1"
PROXY_PORT, UAS_PORT, UAC_PORT = 18061, 18071, 18081
NAMES = {UDP: "UDP", TCP: "TCP", TCP_EACH_CALL: "TCP, a connection a call"}


@dataclass(frozen=True)
class StreamCase:
    """One run of calls; passes when every one succeeds."""

    caller: str
    callee: str
    calls: int = 300
    rate: int = 100

    @property
    def name(self) -> str:
        return f"{NAMES[self.caller]} → {NAMES[self.callee]}"


CASES = [(TCP, TCP), (TCP_EACH_CALL, TCP), (TCP, UDP), (UDP, TCP)]


class StreamServartuka(Servartuka):
    """Our release build with a TCP listener, and with the callee's transport in its routes."""

    def __init__(self, callee: str) -> None:
        super().__init__()
        self._callee = callee

    def script(self, setup: Setup) -> str:
        parameter = "" if self._callee == UDP else ";transport=tcp"
        return super().script(setup).replace(setup.next_hop_uri, setup.next_hop_uri + parameter)

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        command = super().command(setup)
        configuration = setup.folder / "servartuka.yaml"
        udp = f'listen: ["udp:{setup.listen}"'
        configuration.write_text(configuration.read_text().replace(udp, f'{udp}, "tcp:{setup.listen}"'))
        return command


def run_streams(supervisor: Supervisor, _: Proxy, case: StreamCase, progress: Progress) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        setup = Setup("lua", Address(HOST, PROXY_PORT), Address(HOST, UAS_PORT), folder, workers=2)
        callee = TCP if case.callee != UDP else UDP
        with Uas(supervisor, folder, setup.next_hop, transport=callee):
            with StreamServartuka(case.callee).running(supervisor, setup) as running:
                result = Uac(
                    supervisor, folder, local=Address(HOST, UAC_PORT), proxy=setup.listen, rate=case.rate,
                    calls=case.calls, receive_timeout_milliseconds=10_000, trace_errors=True, transport=case.caller,
                ).wait(progress=lambda share: progress.show(case.name, share))
                alive = running.alive()
                log = "" if alive else f"; the proxy died: {tail(running.log)}"
    outcome = Outcome(case.name, False, result.successful, result.failed, result.retransmissions)
    outcome.detail = ", ".join([*sorted(result.reasons), result.aborted, result.first_error]).strip(", ") + log
    outcome.passed = alive and outcome.failed == 0 and outcome.calls == case.calls and not result.aborted
    return outcome
