"""Users with passwords: the script of docs/authentication.md under real SIPp."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import ROOT, Servartuka, Setup, control_socket
from benchmark.sipp import Address, Uac, Uas, tail

from .calls import LOOPBACK, PROXY_PORT, RECEIVE_TIMEOUT_MILLISECONDS, UAC_PORT, UAS_PORT, Outcome

HERE = Path(__file__).resolve().parent
PAGE = ROOT / "docs" / "authentication.md"
SUBSCRIBERS = "username,domain,password\nalice,example.com,wonderland\nbob,example.com,builder\n"


@dataclass(frozen=True)
class AuthenticationCase:
    """bob registers, alice calls him; then she tries with a wrong password. Each so many times."""

    workers: int = 1
    calls: int = 500
    rate: int = 100

    @property
    def name(self) -> str:
        return f"authentication, {self.workers} worker{'s' if self.workers > 1 else ''}"


class AuthenticatingProxy(Servartuka):
    """The proxy with the script of docs/authentication.md and two subscribers."""

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        script = setup.folder / "routing.lua"
        script.write_text(PAGE.read_text().split("```lua\n")[1].split("```")[0])
        (setup.folder / "subscribers.csv").write_text(SUBSCRIBERS)
        configuration = setup.folder / "servartuka.yaml"
        configuration.write_text(
            f'listen: ["udp:{setup.listen}"]\nworkers: {setup.workers}\nscript: {script}\ndomains: [example.com]\n'
            f"auth: {{subscribers: subscribers.csv}}\n"
            f"control: {{socket: {control_socket(setup)}}}\nlogging: {{level: warning}}\n"
        )
        return [str(self.binary), "run", "--config", str(configuration)], {}


def run_authentication(
    supervisor: Supervisor, proxy: Servartuka, case: AuthenticationCase, progress: Progress
) -> Outcome:
    outcome = Outcome(case.name, False)
    host = LOOPBACK[4]
    proxy = AuthenticatingProxy(proxy.binary)
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        setup = Setup("lua", Address(host, PROXY_PORT), Address(host, UAS_PORT), folder, workers=case.workers)
        callee = Uas(supervisor, folder, setup.next_hop, scenario=HERE / "uas-dialog.xml")
        with callee, proxy.running(supervisor, setup) as running:
            for word in ("register", "call", "wrong"):
                uac = Uac(
                    supervisor, folder, local=Address(host, UAC_PORT), proxy=setup.listen, rate=case.rate,
                    calls=case.calls, scenario=HERE / f"uac-password-{word}.xml", service=str(setup.next_hop),
                    trace_errors=True, receive_timeout_milliseconds=RECEIVE_TIMEOUT_MILLISECONDS,
                )
                result = uac.wait(progress=lambda share: progress.show(f"{case.name}: {word}", share))
                outcome.calls += result.successful
                outcome.failed += result.failed
                if result.failed or result.aborted or result.successful != case.calls:
                    outcome.detail = f"{word}: {result.aborted or result.first_error or result.reasons}"
                    break
            if not running.alive():
                outcome.detail = f"the proxy died: {tail(running.log)}"
    outcome.passed = not outcome.detail
    return outcome
