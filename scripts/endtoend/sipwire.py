"""SIP messages as bytes: taken apart by lines, changed exactly as a proxy changes them, answered.

Knows no more of SIP than the comparisons need; every byte that is not named here must come through as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

COMPACT = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id", b"l": b"content-length"}
DEFAULT_PORT = 5060
# RFC 3261 §16.6 step 3.
MAX_FORWARDS_INSERTED = 70
TO_TAG = b";tag=torture"

_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_NAME = re.compile(rb"([^:\s]+)[ \t]*:")
_RPORT = re.compile(rb";[ \t]*rport[ \t]*(?=;|$)")
_SENT_BY_PORT = re.compile(rb"^[^;,\[]*[^;,/\s:]\s*:\s*(\d+)\s*(?=;|$)")


@dataclass(frozen=True)
class Parts:
    """A message in pieces; `fields` are whole header fields, folds included, without their last CRLF."""

    start: bytes
    fields: tuple[bytes, ...]
    body: bytes

    def bytes(self) -> bytes:
        return b"\r\n".join((self.start, *self.fields)) + b"\r\n\r\n" + self.body

    def named(self, name: bytes) -> list[bytes]:
        return [field for field in self.fields if field_name(field) == name]

    def value(self, name: bytes) -> bytes | None:
        """The value of the first field of that name, or None."""
        found = self.named(name)
        return field_value(found[0]) if found else None

    @property
    def is_request(self) -> bool:
        return not self.start.startswith(b"SIP/2.0 ")

    @property
    def method(self) -> bytes:
        return self.start.split(b" ")[0]


def take_apart(datagram: bytes) -> Parts:
    head, _, body = datagram.partition(b"\r\n\r\n")
    start, *fields = _FIELD_END.split(head)
    return Parts(start, tuple(fields), body)


def field_name(field: bytes) -> bytes:
    match = _NAME.match(field)
    name = match[1].lower() if match else b""
    return COMPACT.get(name, name)


def field_value(field: bytes) -> bytes:
    return field.partition(b":")[2].strip()


def response_port(request: Parts, source_port: int) -> int:
    """Where responses to a request go: RFC 3261 §18.2.2, RFC 3581 §4."""
    via = request.value(b"via") or b""
    if _RPORT.search(via):
        return source_port
    match = _SENT_BY_PORT.match(via)
    return int(match[1]) if match else DEFAULT_PORT


def noted_source(via: bytes, source: tuple[str, int]) -> bytes:
    """A Via field whose sent-by is not the source's address, as its receiver completes it."""
    host, port = source
    return _RPORT.sub(b";rport=%d" % port, via) + b";received=" + host.encode()


def forwarded(request: Parts, own_via: bytes, source: tuple[str, int]) -> Parts:
    """The request as a proxy forwards it: RFC 3261 §16.6, and §18.3 for what lies behind the body."""
    fields: list[bytes] = [own_via]
    has_via = False
    if not request.named(b"max-forwards"):
        fields.append(b"Max-Forwards: %d" % MAX_FORWARDS_INSERTED)
    for field in request.fields:
        name = field_name(field)
        if name == b"via" and not has_via:
            has_via = True
            field = noted_source(field, source)
        elif name == b"max-forwards":
            label = field[: field.index(field_value(field), field.index(b":"))]
            field = label + b"%d" % (int(field_value(field)) - 1)
        fields.append(field)
    length = request.value(b"content-length")
    body = request.body if length is None else request.body[: int(length)]
    return to_strict_router(Parts(request.start, tuple(fields), body))


def to_strict_router(request: Parts) -> Parts:
    """RFC 3261 §16.6 step 6: a topmost Route without `lr` changes places with the Request-URI.

    Knows one Route field with one value, which is what the corpus has.
    """
    routes = request.named(b"route")
    if not routes or re.search(rb";\s*lr\b", routes[0]):
        return request
    router = field_value(routes[0]).strip(b"<>")
    method, uri, version = request.start.split(b" ")
    fields = tuple(b"Route: <" + uri + b">" if field == routes[0] else field for field in request.fields)
    return Parts(b" ".join((method, router, version)), fields, request.body)


def answered(request: Parts, code: int, reason: str) -> Parts:
    """The response of an end to a request as it arrived there."""
    fields = list(request.named(b"via"))
    for name in (b"from", b"to", b"call-id", b"cseq"):
        for field in request.named(name)[:1]:
            fields.append(field + TO_TAG if name == b"to" and not _has_tag(field) else field)
    return Parts(b"SIP/2.0 %d %s" % (code, reason.encode()), (*fields, b"Content-Length: 0"), b"")


def without_top_via(message: Parts) -> Parts:
    """The response as a proxy passes it on (RFC 3261 §16.7 step 3); its top Via fills a field of its own."""
    index = next(i for i, field in enumerate(message.fields) if field_name(field) == b"via")
    return replace(message, fields=message.fields[:index] + message.fields[index + 1 :])


def answer_problem(request: Parts, response: Parts, source: tuple[str, int]) -> str:
    """What is wrong with a response that an element made of a request (RFC 3261 §8.2.6); empty when nothing is."""
    vias = request.named(b"via")
    noted = [noted_source(vias[0], source), *vias[1:]] if vias else []
    # A Via that can't be read can't be completed either.
    if response.named(b"via") not in (noted, vias):
        return f"Via: {response.named(b'via')!r}"
    for name in (b"from", b"call-id", b"cseq"):
        if response.value(name) != request.value(name):
            return f"{name.decode()}: {response.value(name)!r} for {request.value(name)!r}"
    sent, returned = request.value(b"to"), response.value(b"to")
    if sent is not None and (returned is None or not returned.startswith(sent) or not _has_tag(returned)):
        return f"To: {returned!r} for {sent!r}"
    if response.value(b"content-length") != b"0" or response.body:
        return "a body"
    wanted = [tag for field in request.named(b"proxy-require") for tag in option_tags(field)]
    unsupported = [tag for field in response.named(b"unsupported") for tag in option_tags(field)]
    if response.start.startswith(b"SIP/2.0 420 ") and unsupported != wanted:
        return f"Unsupported: {unsupported!r} for {wanted!r}"
    return ""


def option_tags(field: bytes) -> list[bytes]:
    return [tag.strip() for tag in field_value(field).split(b",")]


def first_difference(wanted: bytes, found: bytes) -> str:
    """The first line in which two messages differ, for a report."""
    for ours, theirs in zip(wanted.split(b"\r\n"), found.split(b"\r\n")):
        if ours != theirs:
            return f"{theirs!r} instead of {ours!r}"
    return f"{len(found)} bytes instead of {len(wanted)}"


def _has_tag(field: bytes) -> bool:
    return re.search(rb";\s*tag\s*=", field) is not None
