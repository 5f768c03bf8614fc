"""RFC 4475 on the wire: every message of the corpus through a real proxy, judged by the table of torture_cases.

Then the same messages cut short and with one byte changed, which the proxy must survive.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import ROOT, Servartuka, Setup
from benchmark.sipp import Address, tail

from . import sipwire, torture_table
from .bothends import BothEnds, plain_request
from .calls import LOOPBACK, PROXY_PORT, UAS_PORT, Outcome
from .torture_cases import RELAYED, REQUESTS, RESPONSES, Message
from .torture_judge import Finding, Judge

MODES = ("stateless", "stateful")
PROXY = Address(LOOPBACK[4], PROXY_PORT)
DOWNSTREAM = Address(LOOPBACK[4], UAS_PORT)
# The Route of mpart01 leads here, past the next hop of the configuration.
ROUTED = Address(LOOPBACK[4], 5080)
# The Route of wsinv names a host, which the proxy is told of as a neighbour.
ROUTED_HOST = "services.example.com"
MESSAGES = 49
TRUNCATION_STEP_BYTES = 97
FLIPS_PER_MESSAGE = 40
# Few enough for the sockets' default buffers.
BURST_DATAGRAMS = 16
PROBLEMS_REPORTED_MAX = 5

_BRANCH = re.compile(rb"branch=z9hG4bK")
_ROUTE = re.compile(rb"\r\nRoute[ \t]*:.*?\r\n(?![ \t])", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class TortureCase:
    """All messages in both modes; with `write_table` the observations become docs/rfc4475.md."""

    write_table: bool = False
    name: str = "RFC 4475 on the wire"


@dataclass(frozen=True)
class DamageCase:
    """The messages cut at every 97th byte and with single bytes changed."""

    mode: str
    seed: int

    @property
    def name(self) -> str:
        return f"RFC 4475 messages damaged, {self.mode}"


class TorturedProxy(Servartuka):
    """Ours, with the host that the corpus routes to as a neighbour."""

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        command, environment = super().command(setup)
        with open(setup.folder / "servartuka.yaml", "a") as configuration:
            configuration.write(f'peers: [{{name: "{ROUTED_HOST}", address: "{DOWNSTREAM}"}}]\n')
            # Other names of the corpus must not lead to other machines.
            configuration.write("dns: {enabled: false}\n")
        return command, environment


def corpus_folder() -> Path:
    """Where the messages lie, as for the unit tests: beside the checkout unless SIP_CORPUS says otherwise."""
    return ROOT / os.environ.get("SIP_CORPUS", "../shared/corpus") / "rfc4475"


def read_corpus() -> dict[str, bytes]:
    """The messages by name; empty when they are not on this machine."""
    corpus = {path.stem: path.read_bytes() for path in sorted(corpus_folder().glob("*.dat"))}
    named = {message.name for message in (*REQUESTS, *RESPONSES)}
    if corpus and (set(corpus) != named or len(named) != MESSAGES):
        raise RuntimeError(f"the corpus and the table differ in {sorted(set(corpus) ^ named)}")
    return corpus


def run_torture(supervisor: Supervisor, proxy: Servartuka, case: TortureCase, progress: Progress) -> Outcome:
    corpus = read_corpus()
    if not corpus:
        return _skipped(case.name)
    findings: dict[str, torture_table.Findings] = {}
    for mode in MODES:
        findings[mode] = {}
        for steps in rounds(corpus):
            with _alive(supervisor, proxy, mode, corpus) as ends:
                judge = Judge(ends, PROXY, mode)
                for step in steps:
                    progress.show(f"{case.name}, {mode}", len(findings[mode]) / (MESSAGES + len(RELAYED)))
                    findings[mode][step] = _carry_out(judge, step, corpus)
                _check_service(ends)
    problems = [
        f"{mode} {message.name}: {finding.problem}"
        for mode in MODES for (_, message), finding in findings[mode].items() if finding.problem
    ]
    failed = len(problems)
    problems = problems[:PROBLEMS_REPORTED_MAX]
    if stale := torture_table.publish(findings, write=case.write_table):
        problems.append(stale)
    checked = sum(len(found) for found in findings.values())
    return Outcome(case.name, not problems, checked - failed, failed, detail="; ".join(problems))


def rounds(corpus: dict[str, bytes]) -> list[list[torture_table.Step]]:
    """What to send, split so that no two messages of a round are one transaction.

    Some messages of the corpus share branch, sent-by and method: to a stateful proxy the second is a
    retransmission of the first (RFC 3261 §17.2.3), so it goes to a proxy started afresh.
    """
    steps: list[tuple[torture_table.Step, object]] = []
    for message in (*REQUESTS, *RESPONSES):
        parts = sipwire.take_apart(corpus[message.name])
        steps.append(((torture_table.ORIGINAL, message), (parts.value(b"via"), parts.start.split(b" ")[0])))
    steps += [((torture_table.RELAYED, message), message.name) for message in RELAYED]
    result: list[tuple[list[torture_table.Step], set[object]]] = []
    for step, transaction in steps:
        for members, transactions in result:
            if transaction not in transactions:
                break
        else:
            members, transactions = [], set()
            result.append((members, transactions))
        members.append(step)
        transactions.add(transaction)
    return [members for members, _ in result]


def run_damage(supervisor: Supervisor, proxy: Servartuka, case: DamageCase, progress: Progress) -> Outcome:
    corpus = read_corpus()
    if not corpus:
        return _skipped(case.name)
    datagrams = list(damaged(corpus, random.Random(case.seed)))
    with _alive(supervisor, proxy, case.mode, corpus) as ends:
        for start in range(0, len(datagrams), BURST_DATAGRAMS):
            progress.show(case.name, start / len(datagrams))
            try:
                ends.exchange(datagrams[start : start + BURST_DATAGRAMS])
            except RuntimeError as error:
                raise RuntimeError(f"seed {case.seed}, datagrams from {start}: {error}") from error
        _check_service(ends)
    return Outcome(case.name, True, len(datagrams), detail=f"seed {case.seed}; the proxy serves on")


def damaged(corpus: dict[str, bytes], chance: random.Random) -> Iterator[bytes]:
    """Every message cut short and with single bytes changed, each under a branch of its own.

    With the corpus's branches most would be retransmissions to a stateful proxy. A Route keeps its bytes: with
    another address in it the proxy would send to other machines.
    """
    count = 0
    for name in sorted(corpus):
        original = corpus[name]
        route = _ROUTE.search(original)
        kept = range(*route.span()) if route else range(0)
        places = [index for index in range(len(original)) if index not in kept]
        variants: list[Callable[[bytes], bytes]] = []
        for end in range(0, len(original), TRUNCATION_STEP_BYTES):
            variants.append(lambda datagram, end=end: datagram[:end])
        for place in chance.choices(places, k=FLIPS_PER_MESSAGE):
            change = chance.randrange(1, 256)
            variants.append(
                lambda datagram, place=place, change=change: datagram[:place]
                + bytes([datagram[place] ^ change]) + datagram[place + 1 :]
            )
        for variant in variants:
            count += 1
            yield _BRANCH.sub(rb"branch=z9hG4bK%d-" % count, variant(original))


def _carry_out(judge: Judge, step: torture_table.Step, corpus: dict[str, bytes]) -> Finding:
    kind, message = step
    send = judge.original if kind == torture_table.ORIGINAL else judge.relayed
    try:
        return send(message, corpus[message.name])
    except RuntimeError as error:
        raise RuntimeError(f"after {message.name}: {error}") from error


@contextmanager
def _alive(supervisor: Supervisor, proxy: Servartuka, mode: str, corpus: dict[str, bytes]) -> Iterator[BothEnds]:
    """Both ends of a proxy started for the block, which it must outlive as the same process."""
    source_port = 0
    ports = {sipwire.response_port(sipwire.take_apart(datagram), source_port) for datagram in corpus.values()}
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        setup = Setup(mode, PROXY, DOWNSTREAM, Path(name))
        # The routed end first: what it gets comes before the fence that the other one sees.
        with BothEnds(PROXY, [ROUTED, DOWNSTREAM], ports - {source_port}) as ends:
            with TorturedProxy(proxy.binary).running(supervisor, setup) as running:
                try:
                    yield ends
                finally:
                    died = "" if running.alive() else f"the proxy died: {tail(running.log)}"
                if died:
                    raise RuntimeError(died)


def _check_service(ends: BothEnds) -> None:
    """After everything an ordinary OPTIONS and INVITE still come through and are answered."""
    for method in (b"OPTIONS", b"INVITE"):
        line = b"Call-ID: service-%s@example.com\r\n" % method
        exchange = ends.exchange([plain_request(method, line, 0, ends.source)])
        final = [datagram for _, datagram in exchange.upstream if datagram.startswith(b"SIP/2.0 200 ")]
        if len(exchange.downstream) != 1 or len(final) != 1:
            raise RuntimeError(f"an ordinary {method.decode()} is no longer served: {exchange}")


def _skipped(name: str) -> Outcome:
    return Outcome(name, True, skipped=True, detail=f"no corpus at {corpus_folder()}: set SIP_CORPUS")
