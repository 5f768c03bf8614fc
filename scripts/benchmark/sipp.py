"""SIPp on both sides of a proxy, and what its statistics say."""

from __future__ import annotations

import csv
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from .meter import process_cpu_seconds
from .processes import Supervisor

BUFFER_BYTES = 4 * 1024 * 1024
# SIPp waits for ever on a lost message unless told otherwise.
RECEIVE_TIMEOUT_MILLISECONDS = 4000
CALLS_IN_FLIGHT_MAX = 200_000
RECEIVE_LOOPS_MAX = 2000
# Must be less than the limit of open files.
SOCKETS_MAX = 1000
# SIPp's names: one socket for all calls, or one for each.
UDP, TCP, TCP_EACH_CALL = "u1", "t1", "tn"
# A run with more than this many seconds' worth of calls pending is not going to recover.
HOPELESS_BACKLOG_SECONDS = 2.0
SLACK_SECONDS = 15


@dataclass
class UacResult:
    """Counters of one finished (or aborted) run of the calling side."""

    rate: int
    created: int = 0
    successful: int = 0
    failed: int = 0
    retransmissions: int = 0
    elapsed_seconds: float = 0.0
    generator_cpu_share: float = 0.0
    aborted: str = ""
    setup_milliseconds: list[float] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    first_error: str = ""

    @property
    def failed_share(self) -> float:
        done = self.successful + self.failed
        return self.failed / done if done else 1.0

    def percentile(self, share: float) -> float:
        """Call set-up time in milliseconds (nearest rank), or NaN when none was traced."""
        if not self.setup_milliseconds:
            return float("nan")
        ordered = sorted(self.setup_milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Address:
    """One end of a conversation; IPv6 addresses print in brackets."""

    host: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


class Uas:
    """The answering side; use as a context manager."""

    def __init__(
        self,
        supervisor: Supervisor,
        folder: Path,
        address: Address,
        *,
        scenario: Path | None = None,
        lost_percent: int = 0,
        niceness: int | None = None,
        transport: str = UDP,
    ) -> None:
        self._supervisor = supervisor
        command = ["sipp", *_scenario("uas", scenario), "-i", _sipp_host(address), "-p", str(address.port)]
        command += ["-t", transport]
        command += _common_options(lost_percent)
        self.statistics_file = folder / "uas.csv"
        self.statistics_file.unlink(missing_ok=True)
        command += ["-trace_stat", "-stf", str(self.statistics_file), "-fd", "1"]
        self.child = supervisor.start(command, log=folder / "uas.log", cwd=folder)
        wait_for_port(address.port, self.child, "SIPp uas", folder / "uas.log", "udp" if transport == UDP else "tcp")

    def __enter__(self) -> "Uas":
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop(self.child)


class Uac:
    """The calling side: one run of `calls` calls at `rate` a second towards `proxy`."""

    def __init__(
        self,
        supervisor: Supervisor,
        folder: Path,
        *,
        local: Address,
        proxy: Address,
        rate: int,
        calls: int,
        scenario: Path | None = None,
        service: str = "service",
        lost_percent: int = 0,
        trace_setup: bool = False,
        receive_timeout_milliseconds: int = RECEIVE_TIMEOUT_MILLISECONDS,
        trace_errors: bool = False,
        transport: str = UDP,
    ) -> None:
        self._supervisor = supervisor
        self._rate, self._calls = rate, calls
        self.statistics_file = folder / "uac.csv"
        self.statistics_file.unlink(missing_ok=True)
        self._messages = folder / "uac-messages.csv" if trace_setup else None
        self._timeout_seconds = calls / rate + receive_timeout_milliseconds / 1000 + SLACK_SECONDS
        if lost_percent:
            self._timeout_seconds += 40  # a whole 64 × T1 of retransmissions after the last call
        command = ["sipp", *_scenario("uac", scenario), str(proxy), "-i", _sipp_host(local), "-p", str(local.port)]
        command += ["-t", transport, "-s", service, "-r", str(rate), "-m", str(calls), "-l", str(CALLS_IN_FLIGHT_MAX)]
        command += ["-recv_timeout", str(receive_timeout_milliseconds), "-timeout", f"{int(self._timeout_seconds)}s"]
        command += ["-trace_stat", "-stf", str(self.statistics_file), "-fd", "1"]
        if transport == TCP_EACH_CALL:
            command += ["-max_socket", str(SOCKETS_MAX)]
        self._errors = folder / "uac-errors.log" if trace_errors else None
        if self._errors:
            command += ["-trace_err", "-error_file", str(self._errors)]
        if self._messages:
            command += ["-trace_shortmsg", "-shortmessage_file", str(self._messages)]
        command += _common_options(lost_percent)
        self._started = time.monotonic()
        self.cpu_seconds = 0.0
        self.child = supervisor.start(command, log=folder / "uac.log", cwd=folder)

    def wait(self, *, give_up_early: bool = False, progress=None) -> UacResult:
        """Waits for the end. `give_up_early` stops a run that has clearly failed already."""
        aborted = ""
        while self.child.poll() is None:
            time.sleep(0.1)
            elapsed = time.monotonic() - self._started
            try:
                self.cpu_seconds = process_cpu_seconds(self.child.pid)
            except FileNotFoundError:
                break
            if progress:
                progress(min(1.0, elapsed * self._rate / self._calls))
            if elapsed > self._timeout_seconds + 5:
                aborted = "timeout"
            elif give_up_early:
                aborted = self._hopeless()
            if aborted:
                self._supervisor.stop(self.child)
        result = self._result()
        result.aborted = aborted
        self._supervisor.stop(self.child)
        return result

    def counters(self) -> dict[str, str]:
        """The latest row of SIPp's statistics, empty before the first."""
        return last_row(self.statistics_file)

    def _hopeless(self) -> str:
        row = self.counters()
        if not row:
            return ""
        if int(row["CurrentCall"]) > HOPELESS_BACKLOG_SECONDS * self._rate:
            return "backlog"
        if int(row["FailedCall(C)"]) > max(10, 0.005 * self._calls):
            return "failures"
        return ""

    def _result(self) -> UacResult:
        result = UacResult(self._rate)
        row = self.counters()
        if not row:
            result.aborted = "no statistics"
            return result
        result.created = int(row["TotalCallCreated"])
        result.successful = int(row["SuccessfulCall(C)"])
        result.failed = int(row["FailedCall(C)"])
        result.retransmissions = int(row["Retransmissions(C)"])
        result.elapsed_seconds = float(row["CurrentTime"].split()[-1]) - float(row["StartTime"].split()[-1])
        result.generator_cpu_share = self.cpu_seconds / max(result.elapsed_seconds, 0.001)
        for key, value in row.items():
            if key.startswith("Failed") and key.endswith("(C)") and key != "FailedCall(C)" and int(value):
                result.reasons[key[:-3]] = int(value)
        if self._errors:
            result.first_error = first_error(self._errors)
        if self._messages:
            result.setup_milliseconds = setup_times(self._messages)
            self._messages.unlink(missing_ok=True)
        return result


def last_row(path: Path) -> dict[str, str]:
    """The header of a SIPp statistics file zipped with its last complete row."""
    try:
        with open(path, newline="") as file:
            rows = [row for row in csv.reader(file, delimiter=";") if row]
    except FileNotFoundError:
        return {}
    if len(rows) < 2:
        return {}
    complete = [row for row in rows[1:] if len(row) >= len(rows[0]) - 1]
    return dict(zip(rows[0], complete[-1])) if complete else {}


def first_error(path: Path) -> str:
    """Why SIPp gave up its first call, on one line; empty when its log tells of none."""
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    begin = text.find("Aborting call")
    if begin < 0:
        return ""
    return text[begin : begin + 400].split("\nVia")[0].strip().replace("\r", "").replace("\n", " | ")


def setup_times(path: Path) -> list[float]:
    """Milliseconds from sending an INVITE to receiving its 200, a value a call, from a short message log."""
    sent: dict[str, float] = {}
    times: list[float] = []
    with open(path, errors="replace") as file:
        for line in file:
            parts = line.rstrip("\n").split("\t")
            if len(parts) < 6:
                continue
            moment, direction, call, sequence, first = parts[-5:]
            if not sequence.endswith("INVITE"):
                continue
            seconds = float(moment)  # since the epoch, to the microsecond
            if direction == "S" and first.startswith("INVITE"):
                sent.setdefault(call, seconds)
            elif direction == "R" and first.startswith("SIP/2.0 200") and call in sent:
                times.append((seconds - sent.pop(call)) * 1000)
    return times


def wait_for_udp_port(
    port: int, child: subprocess.Popen, name: str, log: Path, limit_seconds: float = 10.0
) -> None:
    """`wait_for_port` for UDP."""
    wait_for_port(port, child, name, log, "udp", limit_seconds)


def wait_for_port(
    port: int, child: subprocess.Popen, name: str, log: Path, protocol: str, limit_seconds: float = 10.0
) -> None:
    """Returns once some process has bound the port; raises, quoting the log, when none does."""
    wanted = f":{port:04X} "
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
            try:
                if wanted in Path(table).read_text():
                    return
            except FileNotFoundError:
                continue
        if child.poll() is not None:
            raise RuntimeError(f"{name} ended at start-up with status {child.returncode}: {tail(log)}")
        time.sleep(0.02)
    raise RuntimeError(f"{name} did not bind {protocol} port {port} within {limit_seconds:.0f} s: {tail(log)}")


def tail(log: Path, characters_max: int = 600) -> str:
    """The end of a log on one line, for a message: the folder it lies in does not outlive the run."""
    try:
        return log.read_text(errors="replace")[-characters_max:].strip().replace("\n", " | ")
    except FileNotFoundError:
        return "no log"


def _common_options(lost_percent: int) -> list[str]:
    options = ["-nostdin", "-buff_size", str(BUFFER_BYTES), "-timer_resol", "1"]
    options += ["-max_recv_loops", str(RECEIVE_LOOPS_MAX), "-max_sched_loops", str(RECEIVE_LOOPS_MAX)]
    if lost_percent:
        options += ["-lost", str(lost_percent)]
    return options


def _scenario(builtin: str, file: Path | None) -> list[str]:
    return ["-sf", str(file)] if file else ["-sn", builtin]


def _sipp_host(address: Address) -> str:
    return f"[{address.host}]" if address.is_ipv6 else address.host

