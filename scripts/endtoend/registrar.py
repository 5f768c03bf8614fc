"""Users that register, are called, and leave: the script of docs/registrar.md under real SIPp."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import ROOT, Servartuka, Setup, control_socket
from benchmark.sipp import Address, Uac, UacResult, Uas, tail

from .calls import LOOPBACK, PROXY_PORT, RECEIVE_TIMEOUT_MILLISECONDS, UAC_PORT, UAS_PORT, Outcome

HERE = Path(__file__).resolve().parent
REGISTER, UNREGISTER, NOBODY = (HERE / f"uac-{name}.xml" for name in ("register", "unregister", "nobody"))
PAGE = ROOT / "docs" / "registrar.md"


@dataclass(frozen=True)
class RegistrarCase:
    """So many users register; one of them is called as often; all leave; nobody is reached any more."""

    family: int = 4
    workers: int = 1
    calls: int = 2_000
    rate: int = 500

    @property
    def name(self) -> str:
        return f"registrar, IPv{self.family}, {self.workers} worker{'s' if self.workers > 1 else ''}"


class RegistrarProxy(Servartuka):
    """The proxy with the first script of docs/registrar.md."""

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        script = setup.folder / "routing.lua"
        script.write_text(PAGE.read_text().split("```lua\n")[1].split("```")[0])
        configuration = setup.folder / "servartuka.yaml"
        configuration.write_text(
            f'listen: ["udp:{setup.listen}"]\nworkers: {setup.workers}\nscript: {script}\n'
            f"control: {{socket: {control_socket(setup)}}}\nlogging: {{level: warning}}\n"
        )
        return [str(self.binary), "run", "--config", str(configuration)], {}


def run_registrar(supervisor: Supervisor, proxy: Servartuka, case: RegistrarCase, progress: Progress) -> Outcome:
    outcome = Outcome(case.name, False)
    host = LOOPBACK[case.family]
    proxy = RegistrarProxy(proxy.binary)
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        setup = Setup("lua", Address(host, PROXY_PORT), Address(host, UAS_PORT), folder, workers=case.workers)
        with Uas(supervisor, folder, setup.next_hop), proxy.running(supervisor, setup) as running:
            steps = (
                ("register", REGISTER, str(setup.next_hop), case.calls),
                ("call", None, "user1", 0),
                ("leave", UNREGISTER, "service", 0),
                ("call nobody", NOBODY, "service", 0),
            )
            for word, scenario, service, bindings in steps:
                result = _run(supervisor, folder, setup, case, scenario, service, f"{case.name}: {word}", progress)
                outcome.calls += result.successful
                outcome.failed += result.failed
                if result.failed or result.aborted or result.successful != case.calls:
                    outcome.detail = f"{word}: {result.aborted or result.first_error or result.reasons}"
                    break
                if scenario and f"servartuka_location_bindings {bindings}\n" not in proxy.control(setup, "metrics").stdout:
                    outcome.detail = f"{word}: the proxy does not hold {bindings} bindings"
                    break
            if not running.alive():
                outcome.detail = f"the proxy died: {tail(running.log)}"
    outcome.passed = not outcome.detail
    return outcome


def _run(
    supervisor: Supervisor, folder: Path, setup: Setup, case: RegistrarCase, scenario: Path | None, service: str,
    title: str, progress: Progress,
) -> UacResult:
    uac = Uac(
        supervisor, folder, local=Address(setup.listen.host, UAC_PORT), proxy=setup.listen, rate=case.rate,
        calls=case.calls, scenario=scenario, service=service, trace_errors=True,
        receive_timeout_milliseconds=RECEIVE_TIMEOUT_MILLISECONDS,
    )
    return uac.wait(progress=lambda share: progress.show(title, share))
