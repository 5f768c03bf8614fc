"""Accounting under real calls: rows are as many as calls after a clean stop, and what a kill may cost."""

from __future__ import annotations

import csv
import socket
import sqlite3
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Servartuka, Setup, control_socket
from benchmark.sipp import Address, Uac, Uas, tail

from .calls import LOOPBACK, PROXY_PORT, RECEIVE_TIMEOUT_MILLISECONDS, UAC_PORT, UAS_PORT, Outcome

HERE = Path(__file__).resolve().parent
NOBODY = HERE / "uac-nobody.xml"
ANSWER_SECONDS = 20
SCRIPT = """
function on_request(req)
  if req.method ~= "ACK" and req.method ~= "CANCEL" then
    acc.request(req, {{ missed = true, extra = {{ customer = "4711" }} }})
  end
  if req:has_to_tag() then return req:relay {{ to = "{next_hop}" }} end
  if req.from.uri.user == "caller" then return req:reply(480, "Nobody Here") end
  if req.method == "INVITE" then dialog.track(req, {{ cdr = true }}) end
  return req:relay {{ to = "{next_hop}" }}
end
"""


@dataclass(frozen=True)
class AccountingCase:
    """Calls that are answered, then calls to nobody, then a stop; then a kill under load."""

    workers: int = 2
    calls: int = 2_000
    rate: int = 500
    kills: int = 3
    seconds: float = 3
    flush_milliseconds: int = 500
    # What a machine that is busy with other things may add between the end of the interval and the commit.
    grace_seconds: float = 2

    @property
    def name(self) -> str:
        return f"accounting, {self.workers} worker{'s' if self.workers > 1 else ''}"


class AccountingProxy(Servartuka):
    """The proxy with a script that accounts everything."""

    def __init__(self, binary: Path, flush_milliseconds: int, files: str = "") -> None:
        super().__init__(binary)
        self._flush_milliseconds = flush_milliseconds
        self._files = files

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        script = setup.folder / "routing.lua"
        script.write_text(SCRIPT.format(next_hop=setup.next_hop))
        configuration = setup.folder / "servartuka.yaml"
        configuration.write_text(
            f'listen: ["udp:{setup.listen}"]\nworkers: {setup.workers}\nscript: {script}\n'
            f"accounting: {{sqlite: {self._files}acc.sqlite, csv: {self._files}acc.csv, cdr_csv: {self._files}cdrs.csv, queue: 1_000_000, "
            f"flush_interval: {self._flush_milliseconds}ms, fields: {{customer: script, source: source_ip, hop: next_hop}}}}\n"
            f"control: {{socket: {control_socket(setup)}}}\nlogging: {{level: warning}}\n"
        )
        return [str(self.binary), "run", "--config", str(configuration)], {}


def run_accounting(supervisor: Supervisor, proxy: Servartuka, case: AccountingCase, progress: Progress) -> Outcome:
    outcome = Outcome(case.name, False)
    for run in (_calls, _kills):
        with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
            setup = Setup(
                "lua", Address(LOOPBACK[4], PROXY_PORT), Address(LOOPBACK[4], UAS_PORT), Path(name),
                workers=case.workers)
            problem, told = run(supervisor, proxy, setup, case, progress, outcome)
        if problem:
            outcome.detail = problem
            return outcome
        outcome.detail += told
    outcome.passed = True
    return outcome


def _calls(
    supervisor: Supervisor, proxy: Servartuka, setup: Setup, case: AccountingCase, progress: Progress,
    outcome: Outcome,
) -> tuple[str, str]:
    """As many rows as SIPp counted calls, though the stop comes before the first flush interval ends."""
    proxy = AccountingProxy(proxy.binary, flush_milliseconds=600_000)
    with Uas(supervisor, setup.folder, setup.next_hop), proxy.running(supervisor, setup) as running:
        for word, scenario in (("calls", None), ("calls to nobody", NOBODY)):
            uac = Uac(
                supervisor, setup.folder, local=Address(setup.listen.host, UAC_PORT), proxy=setup.listen,
                rate=case.rate, calls=case.calls, scenario=scenario, service="bob", trace_errors=True,
                receive_timeout_milliseconds=RECEIVE_TIMEOUT_MILLISECONDS)
            result = uac.wait(progress=lambda share: progress.show(f"{case.name}: {word}", share))
            outcome.calls += result.successful
            outcome.failed += result.failed
            if result.failed or result.aborted or result.successful != case.calls:
                return f"{word}: {result.aborted or result.first_error or result.reasons}", ""
            if scenario is None:
                # As logrotate does.
                (setup.folder / "acc.csv").rename(setup.folder / "acc.csv.1")
                if proxy.control(setup, "reload").returncode:
                    return "the reload failed", ""
        if 'servartuka_accounting_dropped_total{sink="sqlite"} 0\n' not in proxy.control(setup, "metrics").stdout:
            return "records were dropped", ""
        if "servartuka_accounting_waiting{sink=csv}" not in proxy.control(setup, "stats").stdout:
            return "ctl stats does not show what waits", ""
        proxy.control(setup, "stop")
        if running.child.wait(timeout=ANSWER_SECONDS):
            return f"the proxy died: {tail(running.log)}", ""
    n = case.calls
    counts = {
        "INVITE 200 of acc": ("acc WHERE method = 'INVITE' AND sip_code = '200' AND customer = '4711'", n),
        "BYE 200 of acc": ("acc WHERE method = 'BYE' AND sip_code = '200' AND to_tag <> ''", n),
        "acc": (f"acc WHERE hop = '{setup.next_hop}' AND source = '{setup.listen.host}'", 2 * n),
        "missed_calls": ("missed_calls WHERE method = 'INVITE' AND sip_code = '480' AND sip_reason = 'Nobody Here'", n),
        "all of missed_calls": ("missed_calls", n),
        "cdrs": ("cdrs WHERE ended_by = 'caller' AND duration >= 0 AND start_time <= end_time", n),
        "all of cdrs": ("cdrs", n),
    }
    for word, (query, expected) in counts.items():
        if (found := _query(setup, f"SELECT count(*) FROM {query}")) != expected:
            return f"{found} rows {word}, {expected} calls", ""
    if _query(setup, "SELECT count(DISTINCT callid) FROM acc WHERE method = 'INVITE'") != n:
        return "a call has two rows", ""
    rotated, current = (list(csv.DictReader((setup.folder / name).open(newline=""))) for name in ("acc.csv.1", "acc.csv"))
    kinds = [row["record"] for row in rotated + current]
    # The rows waited for the end, when the first file had been moved away.
    if (len(rotated), kinds.count("acc"), kinds.count("missed_calls")) != (0, 2 * n, n):
        return f"acc.csv has {len(rotated)} rows before and {len(current)} after it was moved away", ""
    if (found := len(list(csv.DictReader((setup.folder / "cdrs.csv").open(newline=""))))) != n:
        return f"cdrs.csv has {found} rows, {n} calls", ""
    return "", ""


@dataclass
class Messages:
    """Sends MESSAGE after MESSAGE and notes when each was answered; answers them as the callee, too."""

    proxy: Address
    callee: Address
    answered: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._next = 0
        self._callee = self._bound(self.callee.host, self.callee.port)
        self._sender = self._bound(self.proxy.host, 0)
        self._threads: list[threading.Thread] = []

    @staticmethod
    def _bound(host: str, port: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((host, port))
        bound.settimeout(0.2)
        return bound

    def start(self) -> None:
        self._stopping.clear()
        self._threads = [threading.Thread(target=target) for target in (self._answer, self._send)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        self._callee.close()
        self._sender.close()

    def _answer(self) -> None:
        while not self._stopping.is_set():
            try:
                request, source = self._callee.recvfrom(65_536)
            except OSError:
                continue
            kept = [line for line in request.split(b"\r\n")[1:] if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
            self._callee.sendto(b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""]), source)

    def _send(self) -> None:
        host, port = self._sender.getsockname()
        while not self._stopping.is_set():
            self._next += 1
            name = f"message-{self._next}"
            lines = (
                f"MESSAGE sip:bob@{self.callee} SIP/2.0", f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{name}",
                "Max-Forwards: 70", f"From: <sip:alice@{self.proxy}>;tag=1", f"To: <sip:bob@{self.proxy}>;tag=2",
                f"Call-ID: {name}", "CSeq: 1 MESSAGE", "Content-Length: 0",
            )
            try:
                self._sender.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), (self.proxy.host, self.proxy.port))
                while f"Call-ID: {name}\r\n".encode() not in self._sender.recv(65_536):
                    pass
            except OSError:
                continue  # killed
            self.answered[name] = time.monotonic()


def _kills(
    supervisor: Supervisor, proxy: Servartuka, setup: Setup, case: AccountingCase, progress: Progress,
    outcome: Outcome,
) -> tuple[str, str]:
    """Killed with signal 9 under load, it loses at most the latest interval; stopped under load, nothing."""
    proxy = AccountingProxy(proxy.binary, case.flush_milliseconds)
    messages = Messages(setup.listen, setup.next_hop)
    late, lost = 0.0, 0
    try:
        for turn in range(case.kills + 1):
            progress.show(f"{case.name}: kill {turn + 1}", turn / (case.kills + 1))
            with proxy.running(supervisor, setup) as running:
                messages.start()
                time.sleep(case.seconds)
                killed = time.monotonic()
                if turn < case.kills:
                    running.child.kill()
                else:
                    proxy.control(setup, "stop")
                running.child.wait(timeout=ANSWER_SECONDS)
                messages.stop()
            if (answer := _query(setup, "PRAGMA integrity_check")) != "ok":
                return f"the database is damaged: {answer}", ""
            with sqlite3.connect(setup.folder / "acc.sqlite") as database:
                rows = [name for (name,) in database.execute("SELECT callid FROM acc")]
            database.close()
            if len(rows) != len(set(rows)):
                return f"{len(rows) - len(set(rows))} rows are there twice", ""
            missing = {name: at for name, at in messages.answered.items() if name not in set(rows)}
            if turn == case.kills and missing:
                return f"{len(missing)} records were lost by a clean stop", ""
            lost += len(missing)
            late = max([late, *(killed - at for at in missing.values())])
            if late > case.flush_milliseconds / 1_000 + case.grace_seconds:
                return f"a record was lost of {late:.1f} s before the kill", ""
            for name in missing:
                del messages.answered[name]
            with (setup.folder / "acc.csv").open(newline="") as file:
                if any(None in row.values() or None in row for row in csv.DictReader(file)):
                    return "acc.csv has a row that is not whole", ""
        outcome.calls += len(messages.answered)
    finally:
        messages.stop()
        messages.close()
    return "", f"{lost} of {lost + len(messages.answered)} lost by {case.kills} kills, the oldest {late * 1000:.0f} ms before"


def _query(setup: Setup, query: str):
    database = sqlite3.connect(setup.folder / "acc.sqlite", timeout=ANSWER_SECONDS)
    try:
        return database.execute(query).fetchone()[0]
    finally:
        database.close()
