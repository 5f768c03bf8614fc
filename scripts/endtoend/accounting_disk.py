"""Accounting on a disk that is full for a while: nothing is lost and nothing is written twice."""

from __future__ import annotations

import csv
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Servartuka, Setup
from benchmark.sipp import Address

from .accounting import ANSWER_SECONDS, AccountingProxy, Messages
from .calls import LOOPBACK, PROXY_PORT, UAS_PORT, Outcome

SINKS = ("csv", "sqlite")
FULL_SECONDS = 60


@dataclass(frozen=True)
class AccountingDiskCase:
    """A file system of so many bytes fills up, grows, and the proxy stops."""

    small: str = "300k"
    large: str = "256m"

    name = "accounting, full disk"


def run_accounting_disk(
    supervisor: Supervisor, proxy: Servartuka, case: AccountingDiskCase, progress: Progress
) -> Outcome:
    outcome = Outcome(case.name, False)
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        setup = Setup("lua", Address(LOOPBACK[4], PROXY_PORT), Address(LOOPBACK[4], UAS_PORT), Path(name), workers=2)
        disk = setup.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={case.small}", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            outcome.passed = outcome.skipped = True
            outcome.detail = "no right to mount a file system"
            return outcome
        try:
            outcome.detail = _run(supervisor, AccountingProxy(proxy.binary, 100, "disk/"), setup, case, progress, outcome)
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=False)
    outcome.passed = not outcome.detail
    return outcome


def _run(
    supervisor: Supervisor, proxy: AccountingProxy, setup: Setup, case: AccountingDiskCase, progress: Progress,
    outcome: Outcome,
) -> str:
    disk = setup.folder / "disk"
    messages = Messages(setup.listen, setup.next_hop)
    try:
        with proxy.running(supervisor, setup) as running:
            messages.start()
            progress.show(f"{case.name}: fills", 0)
            full = _wait(lambda: all(_value(proxy, setup, "errors_total", sink) for sink in SINKS))
            progress.show(f"{case.name}: has room again", 0.5)
            subprocess.run(["mount", "-o", f"remount,size={case.large}", str(disk)], check=True)
            recovered = _wait(lambda: all(_value(proxy, setup, "waiting", sink) < 1_000 for sink in SINKS))
            dropped = [_value(proxy, setup, "dropped_total", sink) for sink in SINKS]
            proxy.control(setup, "stop")
            running.child.wait(timeout=ANSWER_SECONDS)
            messages.stop()
    finally:
        messages.stop()
        messages.close()
    outcome.calls = len(messages.answered)
    if not full or not recovered or any(dropped):
        return f"full: {full}, recovered: {recovered}, dropped: {dropped}"
    with (disk / "acc.csv").open(newline="") as file:
        written = {"csv": [row["callid"] for row in csv.DictReader(file)]}
    database = sqlite3.connect(disk / "acc.sqlite", timeout=ANSWER_SECONDS)
    written["sqlite"] = [name for (name,) in database.execute("SELECT callid FROM acc")]
    database.close()
    for sink, rows in written.items():
        if len(rows) != len(set(rows)) or not messages.answered.keys() <= set(rows):
            missing = len(messages.answered.keys() - set(rows))
            return f"{sink}: {missing} records are missing, {len(rows) - len(set(rows))} there twice"
    return ""


def _value(proxy: AccountingProxy, setup: Setup, name: str, sink: str) -> int:
    line = f'servartuka_accounting_{name}{{sink="{sink}"}} '
    page = proxy.control(setup, "metrics").stdout
    return int(page.split(line)[1].split("\n")[0]) if line in page else 0


def _wait(condition) -> bool:
    deadline = time.monotonic() + FULL_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False
