"""What a proxy made of one message of RFC 4475, and whether that is right to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmark.sipp import Address

from . import sipwire
from .bothends import BothEnds, Exchange
from .sipwire import Parts
from .torture_cases import DROPPED, FORWARDED, Message

CSEQ_NUMBER_MAX = 2**31 - 1
_RECEIVED = re.compile(rb";\s*received=[^;]*")
_BRANCH = re.compile(rb"(;\s*branch\s*=\s*[^;\s]+)")


@dataclass(frozen=True)
class Finding:
    """The words for the table, and what is wrong (empty: nothing)."""

    observed: str
    problem: str = ""


class Judge:
    """Sends single messages through one running proxy. `mode` is the proxy's state policy."""

    def __init__(self, ends: BothEnds, proxy: Address, mode: str) -> None:
        self._ends, self._mode = ends, mode
        self._own_via = re.compile(rb"Via: SIP/2\.0/UDP %s;branch=z9hG4bK[!-~]+" % re.escape(str(proxy).encode()))

    def original(self, message: Message, datagram: bytes) -> Finding:
        """A message of the corpus as it is, from upstream."""
        exchange = self._ends.exchange([datagram])
        request = sipwire.take_apart(datagram)
        if exchange.downstream:
            return _finding(message.allowed_in(self._mode), FORWARDED, FORWARDED, self._forwarding_problem(request, exchange))
        if not exchange.upstream:
            return _finding(message.allowed_in(self._mode), DROPPED, DROPPED)
        port, answer = exchange.upstream[0]
        response = sipwire.take_apart(answer)
        _, code, phrase = response.start.split(b" ", 2)
        problem = sipwire.answer_problem(request, response, self._ends.source) or self._port_problem(request, port)
        if len(exchange.upstream) > 1:
            problem = problem or f"{len(exchange.upstream)} different answers"
        return _finding(message.allowed_in(self._mode), int(code), f"{code.decode()} {phrase.decode(errors='replace')}", problem)

    def relayed(self, message: Message, datagram: bytes) -> Finding:
        """A response of the corpus in answer to a request that passes through the proxy."""
        corpus = sipwire.take_apart(datagram)
        request = asking_for(corpus, message.name)
        sent: list[Parts] = []

        def answer(arrived: Parts) -> Iterator[bytes]:
            sent.append(with_route_of(corpus, arrived, request))
            yield sent[-1].bytes()

        exchange = self._ends.exchange([request.bytes()], answer)
        allowed = message.allowed_in(self._mode)
        if not exchange.downstream:
            return Finding("not asked", "the request that it should answer was not forwarded")
        finding = self._relayed_finding(allowed, request, sent[0], exchange)
        # A held request is repeated until a final response comes.
        arrived = sipwire.take_apart(exchange.downstream[0])
        self._ends.respond(sipwire.answered(arrived, 487, "Request Terminated").bytes())
        self._ends.exchange([])
        return finding

    def _relayed_finding(
        self, allowed: tuple[str | int, ...], request: Parts, sent: Parts, exchange: Exchange
    ) -> Finding:
        passed = [arrival for arrival in exchange.upstream if not self._is_trying(request, arrival[1])]
        if not passed:
            return _finding(allowed, DROPPED, DROPPED)
        port, datagram = passed[0]
        wanted = sipwire.without_top_via(sent).bytes()
        problem = "" if datagram == wanted else sipwire.first_difference(wanted, datagram)
        return _finding(allowed, FORWARDED, FORWARDED, problem or self._port_problem(request, port))

    def _forwarding_problem(self, request: Parts, exchange: Exchange) -> str:
        """What is wrong with the way there and back of a request that was forwarded."""
        if len(exchange.downstream) > 1:
            return f"forwarded {len(exchange.downstream)} times, differently"
        found = sipwire.take_apart(exchange.downstream[0])
        if not found.fields or not self._own_via.fullmatch(found.fields[0]):
            return f"no Via of the proxy's on top: {found.fields[:1]!r}"
        wanted = sipwire.forwarded(request, found.fields[0], self._ends.source).bytes()
        if exchange.downstream[0] != wanted:
            return sipwire.first_difference(wanted, exchange.downstream[0])
        answer = sipwire.without_top_via(sipwire.answered(found, 200, "OK")).bytes()
        back = [arrival for arrival in exchange.upstream if not self._is_trying(request, arrival[1])]
        if [datagram for _, datagram in back] != [answer]:
            return f"its answer came back as {[datagram for _, datagram in back]!r}"
        return self._port_problem(request, back[0][0])

    def _is_trying(self, request: Parts, datagram: bytes) -> bool:
        """Whether this is the 100 by which a stateful proxy takes charge of an INVITE (RFC 3261 §16.2)."""
        return self._mode == "stateful" and request.method == b"INVITE" and datagram.startswith(b"SIP/2.0 100 Trying")

    def _port_problem(self, request: Parts, port: int) -> str:
        wanted = sipwire.response_port(request, self._ends.source[1])
        return "" if port == wanted else f"the response went to port {port} instead of {wanted}"


def _finding(allowed: tuple[str | int, ...], outcome: str | int, observed: str, problem: str = "") -> Finding:
    if outcome not in allowed:
        return Finding(observed, f"{observed}; expected: {' or '.join(map(str, allowed))}")
    return Finding(observed, f"{observed}, but {problem}" if problem else "")


def asking_for(corpus: Parts, name: str) -> Parts:
    """A request that the response of the corpus answers. Its branch is its own: some responses share theirs."""
    via = _RECEIVED.sub(b"", corpus.named(b"via")[-1])
    via = _BRANCH.sub(rb"\1-" + name.encode(), via)
    number, method = (corpus.value(b"cseq") or b"").split()
    sender, callee = corpus.named(b"from")[0], corpus.named(b"to")[0]
    fields = (
        via, b"Max-Forwards: 70", sender, callee.partition(b";tag=")[0], corpus.named(b"call-id")[0],
        b"CSeq: %d %s" % (min(int(number), CSEQ_NUMBER_MAX), method), b"Content-Length: 0",
    )
    return Parts(method + b" sip:user@example.com SIP/2.0", fields, b"")


def with_route_of(corpus: Parts, arrived: Parts, request: Parts) -> Parts:
    """The response of the corpus under the Vias that bring it back by the proxy, all else as it is.

    A second Via of the corpus stands as it came, without the `received` that a good element would have kept:
    it is what an attacker would write.
    """
    vias = arrived.named(b"via")
    if len(corpus.named(b"via")) > 1:
        vias = [vias[0], *request.named(b"via")]
    others = [field for field in corpus.fields if sipwire.field_name(field) != b"via"]
    return replace(corpus, fields=(*vias, *others))
