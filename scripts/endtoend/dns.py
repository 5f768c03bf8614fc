"""Calls to a domain: the proxy finds the callee by NAPTR, SRV and A of a real name server on loopback."""

from __future__ import annotations

import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Servartuka, Setup
from benchmark.sipp import Address, Uac, Uas, tail

from .calls import LOOPBACK, PROXY_PORT, RECEIVE_TIMEOUT_MILLISECONDS, UAC_PORT, UAS_PORT, Outcome

CALLER = Path(__file__).resolve().parent / "uac-domain.xml"
DNSMASQ = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/usr/local/sbin") or ""


@dataclass(frozen=True)
class DomainCase:
    """`calls` calls to sip:service@example.com; passes when every one succeeds."""

    mode: str
    workers: int
    calls: int
    rate: int

    @property
    def name(self) -> str:
        return f"calls to a domain, {self.mode}, {self.workers} worker{'s' if self.workers > 1 else ''}"


class ResolvingProxy(Servartuka):
    """Ours without a next hop: requests follow their Request-URI, whose name is looked up at `server`."""

    def __init__(self, binary: Path, server: Address, ttl_seconds: int) -> None:
        super().__init__(binary)
        self._server, self._ttl = server, ttl_seconds

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        command, environment = super().command(setup)
        configuration = setup.folder / "servartuka.yaml"
        lines = [line for line in configuration.read_text().splitlines() if not line.startswith("next_hop:")]
        # Short-lived answers, so that look-ups happen all through the run.
        lines.append(f'dns: {{servers: ["{self._server}"], max_ttl: {self._ttl}s}}')
        configuration.write_text("\n".join(lines) + "\n")
        return command, environment


def run_domain(supervisor: Supervisor, proxy: Servartuka, case: DomainCase, progress: Progress) -> Outcome:
    if not DNSMASQ:
        return Outcome(case.name, False, detail="dnsmasq is not installed: scripts/setup test", skipped=True)
    host = LOOPBACK[4]
    server = Address(host, _free_port())
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        setup = Setup(case.mode, Address(host, PROXY_PORT), Address(host, UAS_PORT), folder, workers=case.workers)
        names = supervisor.start(_server_command(server), log=folder / "dnsmasq.log", cwd=folder)
        try:
            with Uas(supervisor, folder, setup.next_hop):
                with ResolvingProxy(proxy.binary, server, 1).running(supervisor, setup) as running:
                    result = Uac(
                        supervisor, folder, local=Address(host, UAC_PORT), proxy=setup.listen, rate=case.rate,
                        calls=case.calls, scenario=CALLER, trace_errors=True,
                        receive_timeout_milliseconds=RECEIVE_TIMEOUT_MILLISECONDS,
                    ).wait(progress=lambda share: progress.show(case.name, share))
                    alive = running.alive()
                    log = "" if alive else f"; the proxy died: {tail(running.log)}"
        finally:
            supervisor.stop(names)
    reasons = sorted(result.reasons) + [text for text in (result.aborted, result.first_error) if text]
    passed = alive and result.failed == 0 and result.successful == case.calls and not result.aborted
    return Outcome(
        case.name, passed, result.successful, result.failed, result.retransmissions, ", ".join(reasons) + log
    )


def _server_command(server: Address) -> list[str]:
    return [
        DNSMASQ, "--no-resolv", "--no-hosts", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=",
        "--user=", "--group=", f"--listen-address={server.host}", "--bind-interfaces", f"--port={server.port}",
        "--local=/example.com/", "--naptr-record=example.com,10,10,s,SIP+D2U,,_sip._udp.voip.example.com",
        f"--srv-host=_sip._udp.voip.example.com,callee.example.com,{UAS_PORT},10,100",
        f"--host-record=callee.example.com,{LOOPBACK[4]}",
    ]


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind((LOOPBACK[4], 0))
        return end.getsockname()[1]
