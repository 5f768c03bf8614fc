"""Both ends of a proxy as plain UDP sockets: sends upstream, answers downstream, and knows when all is said.

Nothing here waits for a time to pass. A request of ours follows what is sent, the fence: the proxy has one
worker and keeps the order, so when the fence's answer is back everything before it has been dealt with.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from benchmark.sipp import Address

from . import sipwire

# An address of its own, so that the ports which the Vias of the corpus name are free on any machine.
UPSTREAM_HOST = "127.0.44.75"
FENCE_SECONDS_MAX = 5.0
DATAGRAM_BYTES_MAX = 65_535
FENCE_MARK = b"Call-ID: fence-"
# The second fence lets through what the kernel delivered to two sockets in another order than it was sent.
FENCES = 2

Answer = Callable[[sipwire.Parts], Iterable[bytes]]


@dataclass
class Exchange:
    """What came out of the proxy, in order; copies of the same datagram count once (retransmissions)."""

    downstream: list[bytes] = field(default_factory=list)
    upstream: list[tuple[int, bytes]] = field(default_factory=list)
    """The local port that it came to, and the datagram."""


class BothEnds:
    """Use as a context manager. `downstream` are the addresses at which forwarded requests are awaited."""

    def __init__(self, proxy: Address, downstream: list[Address], upstream_ports: Iterable[int]) -> None:
        self._proxy = (proxy.host, proxy.port)
        self._sockets: list[socket.socket] = []
        self._fences = 0
        try:
            self._sender = self._bind(UPSTREAM_HOST, 0)
            self._upstream = [self._sender] + [self._bind(UPSTREAM_HOST, port) for port in sorted(upstream_ports)]
            self._downstream = [self._bind(address.host, address.port) for address in downstream]
        except BaseException:
            self._close()
            raise

    @property
    def source(self) -> tuple[str, int]:
        return self._sender.getsockname()

    def exchange(self, datagrams: Iterable[bytes], answer: Answer | None = None) -> Exchange:
        """Sends datagrams from upstream and returns what came out of it, the answers' way back included.

        `answer` makes the datagrams with which downstream answers a request; by default one 200.
        """
        result = Exchange()
        for datagram in datagrams:
            self._sender.sendto(datagram, self._proxy)
        for _ in range(FENCES):
            self._fence(result, answer or answer_ok)
        return result

    def respond(self, datagram: bytes) -> None:
        """Sends a response from downstream; what comes of it is seen by the next exchange."""
        self._downstream[-1].sendto(datagram, self._proxy)

    def _fence(self, result: Exchange, answer: Answer) -> None:
        self._fences += 1
        mark = FENCE_MARK + b"%d@example.com\r\n" % self._fences
        self._sender.sendto(plain_request(b"OPTIONS", mark, self._fences, self.source), self._proxy)
        deadline = time.monotonic() + FENCE_SECONDS_MAX
        back = False
        while not back:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise RuntimeError(f"the proxy did not serve an ordinary request within {FENCE_SECONDS_MAX:.0f} s")
            select.select(self._sockets, [], [], remaining)
            self._serve_downstream(result, answer)
            back = self._collect_upstream(result, mark)

    def _serve_downstream(self, result: Exchange, answer: Answer) -> None:
        for end in self._downstream:
            while (datagram := _receive(end)) is not None:
                request = sipwire.take_apart(datagram)
                is_fence = FENCE_MARK in datagram
                if not is_fence and datagram not in result.downstream:
                    result.downstream.append(datagram)
                if request.is_request and request.method != b"ACK":
                    for response in answer_ok(request) if is_fence else answer(request):
                        end.sendto(response, self._proxy)

    def _collect_upstream(self, result: Exchange, mark: bytes) -> bool:
        """True when the answer to the fence with that mark is back."""
        back = False
        for end in self._upstream:
            while (datagram := _receive(end)) is not None:
                if FENCE_MARK in datagram:
                    back = back or mark in datagram
                elif (arrival := (end.getsockname()[1], datagram)) not in result.upstream:
                    result.upstream.append(arrival)
        return back

    def _bind(self, host: str, port: int) -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.append(end)
        end.setblocking(False)
        try:
            end.bind((host, port))
        except OSError as error:
            raise RuntimeError(f"messages of the corpus name UDP {host}:{port}, which is taken: {error}") from error
        return end

    def _close(self) -> None:
        for end in self._sockets:
            end.close()

    def __enter__(self) -> "BothEnds":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def plain_request(method: bytes, call_id_line: bytes, number: int, source: tuple[str, int]) -> bytes:
    """An ordinary request, whose answer comes back to the socket that it is sent from."""
    host, port = source
    return (
        b"%s sip:bob@example.com SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP %s:%d;rport;branch=z9hG4bKplain-%s-%d\r\n"
        b"Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=%d\r\nTo: <sip:bob@example.com>\r\n"
        b"%sCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n"
        % (method, host.encode(), port, method, number, number, call_id_line, method)
    )


def answer_ok(request: sipwire.Parts) -> Iterable[bytes]:
    yield sipwire.answered(request, 200, "OK").bytes()


def _receive(end: socket.socket) -> bytes | None:
    try:
        return end.recv(DATAGRAM_BYTES_MAX)
    except BlockingIOError:
        return None
