"""A proxy that is killed while users register: what its location database kept, and what the next start serves."""

from __future__ import annotations

import socket
import sqlite3
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import ROOT, Servartuka, Setup, control_socket
from benchmark.sipp import Address, tail

from .calls import LOOPBACK, PROXY_PORT, UAS_PORT, Outcome

PAGE = ROOT / "docs" / "registrar.md"
ANSWER_SECONDS = 20


@dataclass(frozen=True)
class RestartCase:
    """Users register for some seconds, the proxy is killed with signal 9 and started again; so many times in a row.

    Then it is stopped by `ctl stop` while they register, and loses nothing.
    """

    workers: int = 2
    kills: int = 3
    seconds: float = 3
    flush_milliseconds: int = 500
    # What a machine that is busy with other things may add between the end of the interval and the commit.
    grace_seconds: float = 2

    @property
    def name(self) -> str:
        return f"killed while users register, {self.workers} workers"


class KeepingProxy(Servartuka):
    """The first script of docs/registrar.md with a location database."""

    def __init__(self, binary: Path, flush_milliseconds: int) -> None:
        super().__init__(binary)
        self._flush_milliseconds = flush_milliseconds

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        script = setup.folder / "routing.lua"
        script.write_text(PAGE.read_text().split("```lua\n")[1].split("```")[0])
        configuration = setup.folder / "servartuka.yaml"
        configuration.write_text(
            f'listen: ["udp:{setup.listen}"]\nworkers: {setup.workers}\nscript: {script}\n'
            f"location: {{database: location.sqlite, flush_interval: {self._flush_milliseconds}ms}}\n"
            f"control: {{socket: {control_socket(setup)}}}\nlogging: {{level: warning}}\n"
        )
        return [str(self.binary), "run", "--config", str(configuration)], {}


@dataclass
class Users:
    """Registers new users one after the other and notes when each was accepted."""

    proxy: Address
    accepted: dict[str, float] = field(default_factory=dict)
    refused: str = ""

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.proxy.host, 0))
        self._socket.settimeout(0.2)
        self._stopping = threading.Event()
        self._next = 0

    def register_for(self, seconds: float) -> threading.Thread:
        self._stopping.clear()
        thread = threading.Thread(target=self._register, args=(time.monotonic() + seconds * 4,))
        thread.start()
        return thread

    def stop(self) -> None:
        self._stopping.set()

    def _register(self, deadline: float) -> None:
        while not self._stopping.is_set() and time.monotonic() < deadline:
            self._next += 1
            user = f"user{self._next}"
            try:
                answer = self.ask("REGISTER", user)
            except OSError:
                continue  # killed
            if answer.startswith(b"SIP/2.0 200 "):
                self.accepted[user] = time.monotonic()
            else:
                self.refused = answer.split(b"\r\n")[0].decode()

    def ask(self, method: str, user: str) -> bytes:
        """The answer to a request about a user."""
        host, port = self._socket.getsockname()
        lines = (
            f"{method} sip:{user}@{self.proxy} SIP/2.0", f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{method}-{user}",
            "Max-Forwards: 70", f"From: <sip:{user}@{self.proxy}>;tag=1", f"To: <sip:{user}@{self.proxy}>",
            f"Call-ID: {method}-{user}", f"CSeq: 1 {method}",
            *([f"Contact: <sip:{user}@{self.proxy.host}:{UAS_PORT}>;q=0.5"] if method == "REGISTER" else []),
            "Content-Length: 0",
        )
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), (self.proxy.host, self.proxy.port))
        while True:
            answer = self._socket.recv(65_536)
            if f"Call-ID: {method}-{user}\r\n".encode() in answer:
                return answer


def run_restart(supervisor: Supervisor, proxy: Servartuka, case: RestartCase, progress: Progress) -> Outcome:
    outcome = Outcome(case.name, False)
    proxy = KeepingProxy(proxy.binary, case.flush_milliseconds)
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        setup = Setup(
            "lua", Address(LOOPBACK[4], PROXY_PORT), Address(LOOPBACK[4], UAS_PORT), Path(name), workers=case.workers)
        users = Users(setup.listen)
        late = lost = 0
        for turn in range(case.kills + 1):
            progress.show(f"{case.name}: start {turn + 1}", turn / (case.kills + 1))
            with proxy.running(supervisor, setup) as running:
                if problem := _differences(proxy, setup, users):
                    outcome.detail = f"after kill {turn}: {problem}"
                    return outcome
                thread = users.register_for(case.seconds)
                time.sleep(case.seconds)
                if not running.alive():
                    outcome.detail = f"the proxy died: {tail(running.log)}"
                if turn == case.kills and not outcome.detail:
                    outcome.detail = _carried_over(proxy, setup)
                seen = _rows(setup)
                if turn < case.kills:
                    killed = time.monotonic()
                    running.child.kill()
                else:
                    proxy.control(setup, "stop")
                running.child.wait(timeout=ANSWER_SECONDS)
                users.stop()
                thread.join()
            kept = _rows(setup)
            missing = {user: at for user, at in users.accepted.items() if user not in kept}
            if turn < case.kills:
                lost += len(missing)
                late = max([late, *(killed - at for at in missing.values())])
            elif missing:
                outcome.detail = f"{len(missing)} bindings were lost by a clean stop"
            if broken := _integrity(setup):
                outcome.detail = f"the database is damaged: {broken}"
            elif not seen <= kept:
                outcome.detail = f"{len(seen - kept)} committed rows are gone"
            elif late > case.flush_milliseconds / 1_000 + case.grace_seconds:
                outcome.detail = f"a binding was lost that was accepted {late:.1f} s before the kill"
            if users.refused or outcome.detail:
                outcome.detail = outcome.detail or f"a user was refused: {users.refused}"
                return outcome
            # With those whose answer the kill cut off.
            users.accepted = {user: users.accepted.get(user, 0) for user in kept}
        outcome.calls = len(users.accepted)
        outcome.passed = True
        outcome.detail = f"{lost} lost by {case.kills} kills, the oldest {late * 1000:.0f} ms before"
    return outcome


def _differences(proxy: Servartuka, setup: Setup, users: Users) -> str:
    """What the running proxy has of the users that were kept, compared with who they are; empty when all is well."""
    expected = f"servartuka_location_bindings {len(users.accepted)}\n"
    if expected not in proxy.control(setup, "metrics").stdout:
        return f"the proxy does not hold {len(users.accepted)} bindings"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as callee:
        callee.bind((setup.next_hop.host, setup.next_hop.port))
        callee.settimeout(ANSWER_SECONDS)
        for user in list(users.accepted)[:: max(1, len(users.accepted) // 20)]:
            threading.Thread(target=_call, args=(users, user), daemon=True).start()
            request = callee.recv(65_536)
            if not request.startswith(f"OPTIONS sip:{user}@{setup.next_hop} ".encode()):
                return f"a request for {user} came as {request[:60]!r}"
    return ""


def _carried_over(proxy: Servartuka, setup: Setup) -> str:
    """Exports what is registered, removes a user and imports it again; empty when all is well."""
    for name in ("dump.csv", "dump.sqlite"):
        dump, user = setup.folder / name, f"user1@{setup.listen.host}"
        steps = (
            (("export", str(dump)), " bindings exported\n"),
            (("remove", user), "removed 1\n"),
            (("import", str(dump)), "1 of "),
            (("list", user), f"{user}  sip:user1@{setup.next_hop}  expires in "),
        )
        for arguments, expected in steps:
            answer = proxy.control(setup, "location", *arguments, timeout_seconds=60)
            if expected not in answer.stdout:
                return f"ctl location {' '.join(arguments)}: {answer.stdout[:200]}{answer.stderr[:200]}"
    return ""


def _call(users: Users, user: str) -> None:
    try:
        users.ask("OPTIONS", user)
    except OSError:
        pass  # nobody answers: that it arrives is what counts


def _rows(setup: Setup) -> set[str]:
    path = setup.folder / "location.sqlite"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=ANSWER_SECONDS) as database:
        # One snapshot for both questions: the proxy goes on writing.
        database.isolation_level = None
        database.execute("BEGIN")
        query = "SELECT username FROM location WHERE contact LIKE 'sip:' || username || '@%' AND q = 0.5 AND cseq = 1"
        rows = {user for (user,) in database.execute(query)}
        assert len(rows) == database.execute("SELECT count(*) FROM location").fetchone()[0], "a row is not as it was written"
    database.close()
    return rows


def _integrity(setup: Setup) -> str:
    database = sqlite3.connect(setup.folder / "location.sqlite", timeout=ANSWER_SECONDS)
    answer = database.execute("PRAGMA integrity_check").fetchone()[0]
    database.close()
    return "" if answer == "ok" else answer
