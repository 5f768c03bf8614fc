"""Calls by TCP and TLS: SIPp on both sides, every way between them and UDP.

Debian's SIPp is built without TLS, so both of its sides speak TCP, and a `Tunnel` makes TLS of it on the way to the proxy and back.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Proxy, Servartuka, Setup
from benchmark.sipp import TCP, TCP_EACH_CALL, UDP, Address, Uac, Uas, tail

from .calls import Outcome
from .tunnel import Certificates, Tunnel

HOST = "127.0.0.1"
PROXY_PORT, UAS_PORT, UAC_PORT = 18061, 18071, 18081
TLS_PORT, CALLER_TUNNEL_PORT, CALLEE_TUNNEL_PORT = 18062, 18063, 18072
TLS, TLS_EACH_CALL = "l1", "ln"
# What SIPp speaks where the proxy sees TLS.
PLAIN = {TLS: TCP, TLS_EACH_CALL: TCP_EACH_CALL}
NAMES = {
    UDP: "UDP",
    TCP: "TCP",
    TCP_EACH_CALL: "TCP, a connection a call",
    TLS: "TLS",
    TLS_EACH_CALL: "TLS, a connection a call",
}


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


CASES = [
    (TCP, TCP), (TCP_EACH_CALL, TCP), (TCP, UDP), (UDP, TCP),
    (TLS, TLS), (TLS_EACH_CALL, TLS), (TLS, UDP), (UDP, TLS),
]


class StreamServartuka(Servartuka):
    """Our release build with TCP and TLS listeners, and with the callee's transport in its routes."""

    def __init__(self, callee: str, certificates: Certificates) -> None:
        super().__init__()
        self._callee = callee
        self._certificates = certificates

    def script(self, setup: Setup) -> str:
        parameter = {UDP: "", TCP: ";transport=tcp", TLS: ";transport=tls"}[self._callee]
        return super().script(setup).replace(setup.next_hop_uri, setup.next_hop_uri + parameter)

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        command = super().command(setup)
        configuration = setup.folder / "servartuka.yaml"
        udp = f'listen: ["udp:{setup.listen}"'
        others = f'"tcp:{setup.listen}", "tls:{Address(HOST, TLS_PORT)}"'
        text = configuration.read_text().replace(udp, f"{udp}, {others}")
        files = self._certificates
        text += f"\ntls: {{certificate: {files.certificate}, key: {files.key}, server_roots: {files.root}}}\n"
        configuration.write_text(text)
        return command


def run_streams(supervisor: Supervisor, _: Proxy, case: StreamCase, progress: Progress) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        certificates = Certificates(folder)
        plain_callee = Address(HOST, UAS_PORT)
        next_hop = Address(HOST, CALLEE_TUNNEL_PORT) if case.callee == TLS else plain_callee
        setup = Setup("lua", Address(HOST, PROXY_PORT), next_hop, folder, workers=2)
        entrance = Address(HOST, CALLER_TUNNEL_PORT) if case.caller in PLAIN else setup.listen
        tunnels = []
        if case.caller in PLAIN:
            tunnels.append(Tunnel(entrance, Address(HOST, TLS_PORT), certificates, accepts_tls=False))
        if case.callee == TLS:
            tunnels.append(Tunnel(next_hop, plain_callee, certificates, accepts_tls=True))
        try:
            with Uas(supervisor, folder, plain_callee, transport=PLAIN.get(case.callee, case.callee)):
                with StreamServartuka(case.callee, certificates).running(supervisor, setup) as running:
                    result = Uac(
                        supervisor, folder, local=Address(HOST, UAC_PORT), proxy=entrance, rate=case.rate,
                        calls=case.calls, receive_timeout_milliseconds=10_000, trace_errors=True,
                        transport=PLAIN.get(case.caller, case.caller),
                    ).wait(progress=lambda share: progress.show(case.name, share))
                    alive = running.alive()
                    log = "" if alive else f"; the proxy died: {tail(running.log)}"
        finally:
            for tunnel in tunnels:
                tunnel.close()
    outcome = Outcome(case.name, False, result.successful, result.failed, result.retransmissions)
    outcome.detail = ", ".join([*sorted(result.reasons), result.aborted, result.first_error]).strip(", ") + log
    outcome.passed = alive and outcome.failed == 0 and outcome.calls == case.calls and not result.aborted
    return outcome
