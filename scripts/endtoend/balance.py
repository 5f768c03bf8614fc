"""Three servers behind the proxy: shares by weight, one killed under load and brought back, all seen by the proxy alone."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Proxy, Servartuka, Setup, control_socket
from benchmark.sipp import TCP, UDP, Address, Uac, UacResult, Uas, last_row, tail

from .calls import RECEIVE_TIMEOUT_MILLISECONDS, Outcome

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
PROXY, UAC_PORT = Address(HOST, 18066), 18084
SERVERS = [Address(HOST, 18074), Address(HOST, 18075), Address(HOST, 18076)]
WEIGHTS = [1, 1, 2]
VICTIM = 1
SCRIPT = """\
function on_request(req)
    if req:has_to_tag() then
        if req:loose_route() then return req:relay() end
        return req:reply(404, "Not Here")
    end
    if req.method == "CANCEL" then return req:relay() end
    req:record_route()
    local targets = dispatcher.select("servers")
    if not targets then return req:reply(503, "No Server") end
    return req:relay { targets = targets, order = "failover", answer_timeout = 500 }
end
"""
STATE_SECONDS_MAX = 20


@dataclass(frozen=True)
class BalanceCase:
    """`servers` speak that transport; routed by a script, or by `next_set` without one."""

    mode: str = "lua"
    servers: str = UDP
    rate: int = 200

    @property
    def name(self) -> str:
        how = "Lua" if self.mode == "lua" else "without a script"
        return f"three {'UDP' if self.servers == UDP else 'TCP'} servers share calls, {how}"


CASES = [BalanceCase(), BalanceCase(mode="native"), BalanceCase(servers=TCP)]


class Balancer(Servartuka):
    """The proxy with the set of servers in its configuration."""

    def __init__(self, binary: Path, case: BalanceCase) -> None:
        super().__init__(binary)
        self._case = case

    def uri(self, index: int) -> str:
        return f"sip:{SERVERS[index]}" + (";transport=tcp" if self._case.servers == TCP else "")

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        targets = ", ".join(f'{{uri: "{self.uri(index)}", weight: {weight}}}' for index, weight in enumerate(WEIGHTS))
        lines = [
            f'listen: ["udp:{setup.listen}", "tcp:{setup.listen}"]',
            "workers: 2",
            f"control: {{socket: {control_socket(setup)}}}",
            "dispatcher:",
            f"  servers: {{targets: [{targets}], probe: {{interval: 500ms}}, failures: 2, successes: 2, "
            "answer_timeout: 500ms}",
        ]
        if self._case.mode == "lua":
            (setup.folder / "routing.lua").write_text(SCRIPT)
            lines.append("script: routing.lua")
        else:
            lines += ["next_set: servers", "record_route: true"]
        configuration = setup.folder / "servartuka.yaml"
        configuration.write_text("\n".join(lines) + "\n")
        return [str(self.binary), "run", "--config", str(configuration)], {}


class Run:
    """One case under way: the proxy, its servers and what went wrong."""

    def __init__(self, supervisor: Supervisor, binary: Path, case: BalanceCase, folder: Path, stack: ExitStack) -> None:
        self._supervisor, self._case, self._folder, self._stack = supervisor, case, folder, stack
        self._proxy = Balancer(binary, case)
        self._setup = Setup("lua", PROXY, SERVERS[0], folder)
        self._callers = 0
        self.problems: list[str] = []
        self.servers = [self._server(index) for index in range(len(SERVERS))]
        self.running = stack.enter_context(self._proxy.running(supervisor, self._setup))

    def _server(self, index: int) -> Uas:
        place = self._folder / f"server-{index}"
        place.mkdir(exist_ok=True)
        return self._stack.enter_context(Uas(
            self._supervisor, place, SERVERS[index], scenario=HERE / "uas-balance.xml", transport=self._case.servers))

    def kill(self, index: int) -> None:
        self._supervisor.stop(self.servers[index].child)

    def bring_back(self, index: int) -> None:
        self.servers[index] = self._server(index)

    def call(self, calls: int) -> Uac:
        place = self._folder / f"caller-{self._callers}"
        place.mkdir()
        port = UAC_PORT + self._callers
        self._callers += 1
        return Uac(
            self._supervisor, place, local=Address(HOST, port), proxy=PROXY, rate=self._case.rate, calls=calls,
            scenario=HERE / "uac-chain.xml", receive_timeout_milliseconds=RECEIVE_TIMEOUT_MILLISECONDS,
            trace_errors=True)

    def control(self, *words: str) -> str:
        result = self._proxy.control(self._setup, "dispatcher", *words)
        if result.returncode != 0:
            self.problems.append(f"ctl dispatcher {' '.join(words)}: {(result.stdout + result.stderr).strip()}")
        return result.stdout

    def targets(self) -> list[dict]:
        return json.loads(self.control("list", "--json"))["targets"]

    def await_state(self, index: int, state: str) -> None:
        deadline = time.monotonic() + STATE_SECONDS_MAX
        while (found := self.targets()[index]["state"]) != state:
            if time.monotonic() > deadline:
                self.problems.append(f"server {index} is {found} and does not become {state}")
                return
            time.sleep(0.05)

    def mark(self, index: int, state: str) -> None:
        self.control("mark", "servers", self._proxy.uri(index), state)

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)


def run_balance(supervisor: Supervisor, proxy: Proxy, case: BalanceCase, progress: Progress) -> Outcome:
    outcome = Outcome(case.name, False)
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name, ExitStack() as stack:
        run = Run(supervisor, proxy.binary, case, Path(name), stack)

        def finish(uac: Uac, allowed: int = 0) -> UacResult:
            result = uac.wait(progress=lambda share: progress.show(case.name, share))
            outcome.calls += result.successful
            outcome.failed += max(result.failed - allowed, 0)
            outcome.retransmissions += result.retransmissions
            run.expect(not result.aborted, f"the caller {result.aborted}")
            run.expect(result.failed <= allowed, f"{result.failed} calls failed: {result.reasons} {result.first_error}")
            return result

        def selected() -> list[int]:
            return [target["selected"] for target in run.targets()]

        for index in range(len(SERVERS)):
            run.await_state(index, "up")
        finish(run.call(400))
        # One caller is on one worker, whose turns are exact.
        run.expect(selected() == [100, 100, 200], f"weights {WEIGHTS} shared 400 calls as {selected()}")

        # Killed under load: calls that it had answered can't be ended any more, and no others fail.
        uac = run.call(1600)
        time.sleep(2)
        run.kill(VICTIM)
        run.await_state(VICTIM, "down")
        known = selected()[VICTIM]
        time.sleep(1.5)  # SIPp's figures are a second old
        lost = int(last_row(uac.statistics_file).get("FailedCall(C)", 0))
        finish(uac, allowed=lost)
        run.expect(selected()[VICTIM] == known, "the dead server was chosen when it was known to be down")
        run.expect(lost <= case.rate // 4, f"{lost} calls were lost with the server")
        dead = run.targets()[VICTIM]
        run.expect(dead["probes_failed"] > 0, "no probe of the dead server failed")

        run.bring_back(VICTIM)
        run.await_state(VICTIM, "up")
        before = selected()
        finish(run.call(400))
        shares = [after - old for after, old in zip(selected(), before)]
        # Turns go on from where they were when the server went.
        run.expect(abs(shares[VICTIM] - 100) <= 2, f"after it had come back 400 calls were shared as {shares}")

        run.mark(0, "drained")
        before = selected()
        finish(run.call(300))
        shares = [after - old for after, old in zip(selected(), before)]
        run.expect(shares == [0, 100, 200], f"with the first drained 300 calls were shared as {shares}")
        run.expect(run.targets()[0]["state"] == "drained", "a drained server came back by itself")

        for index, target in enumerate(run.targets()):
            run.expect(target["probes"] > 2, f"server {index} was probed {target['probes']} times")
        run.expect(run.running.alive(), f"the proxy died: {tail(run.running.log)}")
        outcome.detail = "; ".join([*run.problems, f"{lost} lost with the server"])
    outcome.passed = not run.problems
    return outcome
