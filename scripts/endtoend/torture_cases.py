"""The messages of RFC 4475 and what a proxy does with each: the table that the run is judged by.

RFC 4475 speaks of elements in general. A proxy rejects what it cannot route or pass on safely
(RFC 3261 §16.3) and leaves the rest to the end that the request is for.
"""

from __future__ import annotations

from dataclasses import dataclass

FORWARDED, DROPPED = "forwarded", "dropped"


@dataclass(frozen=True)
class Message:
    """One message of the corpus; any outcome of `allowed` is right. Outcomes: FORWARDED, DROPPED or a status code."""

    name: str
    section: str
    allowed: tuple[str | int, ...]
    why: str
    stateful: tuple[str | int, ...] = ()
    """What is right of a stateful proxy, when that differs."""

    def allowed_in(self, mode: str) -> tuple[str | int, ...]:
        return self.stateful if mode == "stateful" and self.stateful else self.allowed


def _forwarded(name: str, section: str, why: str) -> Message:
    return Message(name, section, (FORWARDED,), why)


def _answered(name: str, section: str, code: int, why: str) -> Message:
    return Message(name, section, (code,), why)


def _dropped(name: str, section: str, why: str) -> Message:
    return Message(name, section, (DROPPED,), why)


REQUESTS: tuple[Message, ...] = (
    # 3.1.1 Valid messages.
    _forwarded("wsinv", "3.1.1.1", "Well-formed to every element; a proxy passes the unknown headers on unchanged, "
               "to where the Route leads."),
    _forwarded("intmeth", "3.1.1.2", "The method and the URI are unusual but legal, and a proxy need not know a "
               "method to forward it."),
    _forwarded("esc01", "3.1.1.3", "Escapes are well-formed in URIs; the proxy sends them on as they came."),
    _forwarded("escnull", "3.1.1.4", "Escaped NULs are characters of the user part and must not shorten it."),
    _forwarded("esc02", "3.1.1.5", "Percent signs outside URIs escape nothing: an unknown method and an unknown header."),
    _forwarded("lwsdisp", "3.1.1.6", "No space before the bracket is a mistake of the grammar that elements accept."),
    _forwarded("longreq", "3.1.1.7", "Long values and 34 Vias are well-formed."),
    _forwarded("dblreq", "3.1.1.8", "Octets behind the body are noise (RFC 3261 §18.3) and do not appear in what is "
               "forwarded."),
    _forwarded("semiuri", "3.1.1.9", "The semicolon belongs to the user part; the URI is well-formed."),
    _forwarded("transports", "3.1.1.10", "The transports of the lower Vias do not matter to who receives it."),
    _forwarded("mpart01", "3.1.1.11", "A body may hold NULs: it is framed by Content-Length. The Route has no "
               "`lr`, so its URI changes places with the Request-URI (RFC 3261 §16.6 step 6)."),
    # 3.1.2 Invalid messages.
    _answered("badinv01", "3.1.2.1", 400, "Empty parameters and elements make the Via invalid."),
    _answered("clerr", "3.1.2.2", 400, "In a datagram the rest of the body will never come."),
    _answered("ncl", "3.1.2.3", 400, "A negative Content-Length is answered with an error."),
    _answered("scalar02", "3.1.2.4", 400, "The CSeq number is out of range; Max-Forwards alone could be forgiven."),
    _answered("quotbal", "3.1.2.6", 400, "A quote that never closes: guessing its end could name another callee."),
    _answered("ltgtruri", "3.1.2.7", 400, "Brackets around the Request-URI must not go further; rejecting is always "
              "reasonable."),
    _answered("lwsruri", "3.1.2.8", 400, "White space inside the Request-URI is illegal."),
    _answered("lwsstart", "3.1.2.9", 400, "Extra spaces in the request line must not go further; rejecting is "
              "acceptable."),
    _answered("trws", "3.1.2.10", 400, "Spaces behind the version must not go further; rejecting is acceptable."),
    _answered("escruri", "3.1.2.11", 400, "Headers in the Request-URI must not go further; rejecting is acceptable."),
    _forwarded("baddate", "3.1.2.12", "An element should not reject a Date that does not matter to its processing, "
               "and to a proxy it does not."),
    Message("regbadct", "3.1.2.13", (FORWARDED, 400), "400 is reasonable for an element that reads the Contact; a "
            "proxy does not, so the registrar judges."),
    Message("badaspec", "3.1.2.14", (400, FORWARDED), "Spaces within the brackets: 400 is reasonable, ignoring them "
            "is liberal."),
    _answered("baddn", "3.1.2.15", 400, "A proxy must not propagate the unquoted comma, so it rejects."),
    _answered("badvers", "3.1.2.16", 505, "Another version of the protocol."),
    _answered("mismatch01", "3.1.2.17", 400, "The CSeq names another method than the request line."),
    Message("mismatch02", "3.1.2.18", (400, 501), "The same with an unknown method. RFC 4475 prefers 501 and accepts "
            "400: to a proxy, which forwards methods that it does not know, only the mismatch is wrong."),
    # 3.2 Transactions.
    Message("badbranch", "3.2.1", (FORWARDED, 400), "The cookie without an identifier: rejected, or taken for a "
            "client of RFC 2543."),
    # 3.3 Application.
    _answered("insuf", "3.3.1", 400, "Call-ID, From and To are missing; ideally 400."),
    _answered("unkscm", "3.3.2", 416, "Nobody here knows the Request-URI's scheme."),
    _answered("novelsc", "3.3.3", 416, "A scheme that this element will never accept is treated as unknown."),
    _forwarded("unksm2", "3.3.4", "Schemes in To, From and Contact are the registrar's matter."),
    _answered("bext01", "3.3.5", 420, "Unsupported lists the extensions that Proxy-Require asks of a proxy."),
    _forwarded("invut", "3.3.6", "An unknown body type is the callee's matter (415)."),
    _forwarded("regaut01", "3.3.7", "An unknown authorization scheme goes to the registrar unmodified."),
    _answered("multi01", "3.3.8", 400, "Call-ID, To, From, Max-Forwards and CSeq stand there more than once."),
    _answered("mcl01", "3.3.9", 400, "Conflicting Content-Lengths are as good as an invalid one."),
    _answered("zeromf", "3.3.11", 483, "A proxy does not forward a request without hops left."),
    _forwarded("cparam01", "3.3.12", "The Contact's parameter is the registrar's matter."),
    _forwarded("cparam02", "3.3.13", "The Contact URI's parameter is the registrar's matter."),
    _forwarded("regescrt", "3.3.14", "The header within the Contact's URI is the registrar's matter."),
    _forwarded("sdp01", "3.3.15", "What the caller accepts is the callee's matter (406)."),
    # 3.4 Backward compatibility.
    _forwarded("inv2543", "3.4.1", "A legal message of RFC 2543; Max-Forwards is inserted (RFC 3261 §16.6 step 3)."),
)

_TO_NOBODY = "A response to nobody: its top Via is not the proxy's (RFC 3261 §18.1.2)"

RESPONSES: tuple[Message, ...] = (
    _dropped("unreason", "3.1.1.12", f"{_TO_NOBODY}."),
    _dropped("noreason", "3.1.1.13", f"{_TO_NOBODY}."),
    _dropped("scalarlg", "3.1.2.5", "A response whose CSeq number is out of range is discarded."),
    _dropped("bigcode", "3.1.2.19", "A response with a code past 699 is dropped."),
    _dropped("bcast", "3.3.10", f"{_TO_NOBODY}."),
)

RELAYED: tuple[Message, ...] = (
    Message("unreason", "3.1.1.12", (FORWARDED,), "A reason phrase is any text; it must be accepted."),
    Message("noreason", "3.1.1.13", (FORWARDED,), "An empty reason phrase must be accepted. A stateful proxy keeps "
            "a 100 to itself (RFC 3261 §16.7 step 5).", stateful=(DROPPED,)),
    Message("scalarlg", "3.1.2.5", (DROPPED,), "A response whose CSeq number is out of range is discarded."),
    Message("bigcode", "3.1.2.19", (DROPPED,), "A response with a code past 699 is dropped."),
    Message("bcast", "3.3.10", (DROPPED,), "Nothing is sent to a broadcast address that a Via names. With state the "
            "response goes where the request came from, whatever the Via says.", stateful=(FORWARDED, DROPPED)),
)
