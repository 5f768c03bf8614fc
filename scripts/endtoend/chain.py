"""A chain with a stranger in it: servartuka, Kamailio, servartuka, all of which stay on the path of each dialog."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Kamailio, Proxy, Servartuka, Setup, control_socket
from benchmark.sipp import TCP, UDP, Address, Uac, Uas, tail

from .calls import RECEIVE_TIMEOUT_MILLISECONDS, Outcome

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
FIRST, MIDDLE, LAST = Address(HOST, 18063), Address(HOST, 18064), Address(HOST, 18065)
UAS_PORT, UAC_PORT = 18072, 18082
# What a proxy does that is told where calls go next.
SCRIPT = """\
function on_request(req)
    if req:has_to_tag() then
        if req:loose_route() then return req:relay() end
        return req:reply(404, "Not Here")
    end
    if req.method ~= "CANCEL" then req:record_route() end
    return req:relay {{ to = "{next_hop}" }}
end
"""


@dataclass(frozen=True)
class ChainCase:
    """Calls by `caller`'s transport to the first proxy, by `links` between the proxies, and who hangs up."""

    caller: str
    links: str
    callee_hangs_up: bool = False
    calls: int = 300
    rate: int = 100

    @property
    def name(self) -> str:
        names = {UDP: "UDP", TCP: "TCP"}
        who = "callee" if self.callee_hangs_up else "caller"
        return f"Kamailio between, {names[self.caller]} then {names[self.links]}, {who} hangs up"


CASES = [
    ChainCase(UDP, UDP), ChainCase(UDP, UDP, callee_hangs_up=True),
    ChainCase(TCP, UDP), ChainCase(TCP, UDP, callee_hangs_up=True),
    ChainCase(UDP, TCP), ChainCase(UDP, TCP, callee_hangs_up=True),
]


class OuterProxy(Servartuka):
    """One of ours, with UDP and TCP on one port; knows where calls go next."""

    def __init__(self, binary: Path, name: str, next_hop: str) -> None:
        super().__init__(binary)
        self.name = name
        self._next_hop = next_hop

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        script = setup.folder / "routing.lua"
        script.write_text(SCRIPT.format(next_hop=self._next_hop))
        configuration = setup.folder / "servartuka.yaml"
        configuration.write_text(
            f'listen: ["udp:{setup.listen}", "tcp:{setup.listen}"]\nworkers: 2\nscript: {script}\n'
            f"control: {{socket: {control_socket(setup)}}}\nlogging: {{level: warning}}\n"
        )
        return [str(self.binary), "run", "--config", str(configuration)], {}


class MiddleProxy(Kamailio):
    shared_memory_megabytes = 256

    def __init__(self, next_hop: str) -> None:
        self._next_hop = next_hop

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        command = ["/usr/sbin/kamailio", "-DD", "-f", str(HERE / "kamailio-chain.cfg"), "-x", "fm", "-X", "fm"]
        command += ["-m", str(self.shared_memory_megabytes), "-M", "32"]
        command += ["-Y", str(setup.folder), "-P", str(setup.folder / "kamailio.pid")]
        command += ["-A", f"LISTEN_UDP=udp:{setup.listen}", "-A", f"LISTEN_TCP=tcp:{setup.listen}"]
        command += ["-A", f'NEXT_HOP="{self._next_hop}"']
        return command, {}


def run_chain(supervisor: Supervisor, proxy: Proxy, case: ChainCase, progress: Progress) -> Outcome:
    outcome = Outcome(case.name, False)
    callee = Address(HOST, UAS_PORT)
    parameter = ";transport=tcp" if case.links == TCP else ""
    ways = [
        (OuterProxy(proxy.binary, "first", f"sip:{MIDDLE}{parameter}"), FIRST, MIDDLE),
        (MiddleProxy(f"sip:{LAST}{parameter}"), MIDDLE, LAST),
        (OuterProxy(proxy.binary, "last", f"sip:{callee}"), LAST, callee),
    ]
    callee_scenario, caller_scenario = "uas-dialog.xml", "uac-chain.xml"
    if case.callee_hangs_up:
        callee_scenario, caller_scenario = "uas-hangs-up.xml", "uac-chain-waits.xml"
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name, ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(Uas(supervisor, folder, callee, scenario=HERE / callee_scenario))
        running = []
        for each, listen, next_hop in ways:
            place = folder / each.name
            place.mkdir()
            running.append(stack.enter_context(
                each.running(supervisor, Setup("lua", listen, next_hop, place, workers=2))))
        result = Uac(
            supervisor, folder, local=Address(HOST, UAC_PORT), proxy=FIRST, rate=case.rate, calls=case.calls,
            scenario=HERE / caller_scenario, receive_timeout_milliseconds=RECEIVE_TIMEOUT_MILLISECONDS,
            trace_errors=True, transport=case.caller,
        ).wait(progress=lambda share: progress.show(case.name, share))
        dead = [each for each in running if not each.alive()]
        outcome.detail = ", ".join([*sorted(result.reasons), result.aborted, result.first_error]).strip(", ")
        outcome.detail += "".join(f"; a proxy died: {tail(each.log)}" for each in dead)
    outcome.calls, outcome.failed = result.successful, result.failed
    outcome.retransmissions = result.retransmissions
    outcome.passed = not dead and outcome.failed == 0 and outcome.calls == case.calls and not result.aborted
    return outcome
