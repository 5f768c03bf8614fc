"""Real telephones call each other through the proxy: baresip, with the script and the passwords of docs/authentication.md."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Proxy, Servartuka, Setup, control_socket
from benchmark.sipp import Address, tail

from .authentication import PAGE, SUBSCRIBERS
from .baresip import PROGRAM, Telephone
from .calls import Outcome

HOST = "127.0.0.1"
PROXY_PORT, PHONE_PORT, CONTROL_PORT = 18062, 18090, 18190
PASSWORDS = {"alice": "wonderland", "bob": "builder"}


@dataclass(frozen=True)
class TelephoneCase:
    """alice calls bob, who has two telephones, in every way a call goes."""

    transport: str

    @property
    def name(self) -> str:
        return f"telephones (baresip) by {self.transport.upper()}"


class TelephoneProxy(Servartuka):
    def __init__(self, binary: Path, transport: str) -> None:
        super().__init__()
        self.binary = binary
        self._transport = transport

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        script = setup.folder / "routing.lua"
        script.write_text(PAGE.read_text().split("```lua\n")[1].split("```")[0])
        (setup.folder / "subscribers.csv").write_text(SUBSCRIBERS)
        configuration = setup.folder / "servartuka.yaml"
        listen = sorted({"udp", self._transport}, reverse=True)
        configuration.write_text(
            f"listen: [{', '.join(f'{transport}:{setup.listen}' for transport in listen)}]\n"
            f"workers: 2\nscript: {script}\ndomains: [example.com]\nauth: {{subscribers: subscribers.csv}}\n"
            f"control: {{socket: {control_socket(setup)}}}\nlogging: {{level: warning}}\n"
        )
        return [str(self.binary), "run", "--config", str(configuration)], {}


class Exchange:
    """alice and bob's two telephones, registered."""

    def __init__(self, alice: Telephone, desk: Telephone, mobile: Telephone) -> None:
        self.alice, self.desk, self.mobile = alice, desk, mobile
        self.phones = (alice, desk, mobile)

    def ring(self) -> None:
        self.alice.command("dial", "sip:bob@example.com")
        for phone in (self.desk, self.mobile):
            phone.wait("CALL_INCOMING")
        self.alice.wait("CALL_RINGING")


def answered(exchange: Exchange) -> None:
    """One telephone answers, the other one stops ringing; the caller hangs up."""
    exchange.ring()
    exchange.desk.command("accept")
    exchange.desk.wait("CALL_ESTABLISHED")
    exchange.alice.wait("CALL_ESTABLISHED")
    exchange.mobile.wait("CALL_CLOSED")
    exchange.alice.command("hangup")
    exchange.desk.wait("CALL_CLOSED")
    exchange.alice.wait("CALL_CLOSED")


def ended_by_callee(exchange: Exchange) -> None:
    """The one who was called hangs up."""
    exchange.ring()
    exchange.mobile.command("accept")
    exchange.alice.wait("CALL_ESTABLISHED")
    exchange.desk.wait("CALL_CLOSED")
    exchange.mobile.wait("CALL_ESTABLISHED")
    exchange.mobile.command("hangup")
    exchange.mobile.wait("CALL_CLOSED")
    exchange.alice.wait("CALL_CLOSED")


def given_up(exchange: Exchange) -> None:
    """The caller hangs up while it rings: CANCEL reaches both telephones."""
    exchange.ring()
    exchange.alice.command("hangup")
    for phone in exchange.phones:
        phone.wait("CALL_CLOSED")


def busy(exchange: Exchange) -> None:
    """Both telephones refuse: the caller hears 486."""
    exchange.ring()
    for phone in (exchange.desk, exchange.mobile):
        phone.command("hangup")
        phone.wait("CALL_CLOSED")
    reason = exchange.alice.wait("CALL_CLOSED").get("param", "")
    if not reason.startswith("486"):
        raise RuntimeError(f"alice was told '{reason}', not 486")


def nobody(exchange: Exchange) -> None:
    """A user who is not there: 404 or 480."""
    exchange.alice.command("dial", "sip:carol@example.com")
    reason = exchange.alice.wait("CALL_CLOSED").get("param", "")
    if not reason.startswith(("404", "480")):
        raise RuntimeError(f"alice was told '{reason}', not 404 or 480")


SCENES: tuple[Callable[[Exchange], None], ...] = (answered, ended_by_callee, given_up, busy, nobody)


def run_telephones(supervisor: Supervisor, proxy: Proxy, case: TelephoneCase, progress: Progress) -> Outcome:
    outcome = Outcome(case.name, False)
    if not PROGRAM.exists():
        outcome.skipped = outcome.passed = True
        outcome.detail = "baresip is not installed: scripts/setup test"
        return outcome
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        setup = Setup("lua", Address(HOST, PROXY_PORT), Address(HOST, PHONE_PORT), Path(name), workers=2)
        ours = TelephoneProxy(proxy.binary, case.transport)
        with ours.running(supervisor, setup) as running, _exchange(supervisor, setup, case.transport) as exchange:
            for number, scene in enumerate(SCENES):
                progress.show(f"{case.name}: {scene.__name__}", number / len(SCENES))
                try:
                    scene(exchange)
                    outcome.calls += 1
                except RuntimeError as error:
                    outcome.failed += 1
                    outcome.detail = f"{scene.__name__}: {error}"
                    break
            if not running.alive():
                outcome.detail = f"the proxy died: {tail(running.log)}"
    outcome.passed = not outcome.detail
    return outcome


@contextmanager
def _exchange(supervisor: Supervisor, setup: Setup, transport: str) -> Iterator[Exchange]:
    def phone(user: str, number: int) -> Telephone:
        account = (
            f"<sip:{user}@example.com;transport={transport}>;auth_user={user};auth_pass={PASSWORDS[user]};"
            f'outbound="sip:{setup.listen};transport={transport}";regint=60;answermode=manual'
        )
        return Telephone(
            supervisor, setup.folder, f"{user}'s telephone {number}", account, Address(HOST, PHONE_PORT + 2 * number),
            CONTROL_PORT + number)

    with phone("alice", 0) as alice, phone("bob", 1) as desk, phone("bob", 2) as mobile:
        exchange = Exchange(alice, desk, mobile)
        for each in exchange.phones:
            each.wait_until_registered()
        yield exchange
