"""docs/rfc4475.md: the expectations of torture_cases beside what a run has observed."""

from __future__ import annotations

from benchmark.proxies import ROOT

from .torture_cases import Message
from .torture_judge import Finding

DOCUMENT = ROOT / "docs/rfc4475.md"
ORIGINAL, RELAYED = "original", "relayed"

Step = tuple[str, Message]
"""ORIGINAL or RELAYED, and the message."""
Findings = dict[Step, Finding]

INTRODUCTION = """\
# RFC 4475 on the wire

<!-- Written by `scripts/e2e --parts torture --write-table`; `scripts/e2e` fails when it is out of date. -->

RFC 4475 collects 49 SIP messages that have broken implementations. The end-to-end runs send each of them as one
datagram through the release build, with native routing to a next hop, without and with transaction state, and compare
what comes out byte for byte:

- *forwarded*: the request arrives as it was, but for what RFC 3261 §16.6 changes: the proxy's Via on top, `received`
  and `rport` in the Via below (§18.2.1, RFC 3581), Max-Forwards one less or inserted, and nothing behind the body
  (§18.3). The 200 to it comes back without the proxy's Via and otherwise as it was, to the port that the Via names.
- *a status code*: the response echoes Via, From, Call-ID and CSeq, has a To tag and no body, and nothing is forwarded.
- *dropped*: nothing is sent anywhere.

After each message, and after some thousands of damaged ones (cut short at every 97th byte, single bytes changed), an
ordinary request is still served by the same process.

RFC 4475 speaks of elements in general and leaves room. A proxy rejects what it could not route or pass on safely
(RFC 3261 §16.3) and leaves the rest to the end that the request is for; where both are right, the table says so.
"""

RELAYED_INTRODUCTION = """\
## The responses once more, as answers

On its own a response of the corpus is to nobody, and its being dropped says little about how it was read. So each is
sent once more as the answer to a request that did pass through the proxy: under the Vias of that request, all else
byte for byte.
"""


def publish(findings: dict[str, Findings], *, write: bool) -> str:
    """Writes the document, or compares it: what is wrong with it, or nothing."""
    text = render(findings)
    if write:
        DOCUMENT.write_text(text)
        return ""
    current = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    if current == text:
        return ""
    return f"docs/{DOCUMENT.name} is out of date: scripts/e2e --parts torture --write-table"


def render(findings: dict[str, Findings]) -> str:
    sections = [INTRODUCTION]
    for kind, introduction in ((ORIGINAL, "## The messages as they are\n"), (RELAYED, RELAYED_INTRODUCTION)):
        sections += [introduction, _table(kind, findings)]
    return "\n".join(sections)


def _table(kind: str, findings: dict[str, Findings]) -> str:
    modes = list(findings)
    lines = [
        f"| message | RFC 4475 | expected | why | {' | '.join(modes)} |",
        f"|---|---|---|---|{'---|' * len(modes)}",
    ]
    steps = [step for step in findings[modes[0]] if step[0] == kind]
    for step in sorted(steps, key=lambda step: _section_order(step[1].section)):
        message = step[1]
        observed = " | ".join(findings[mode][step].observed for mode in modes)
        expected = _expectation(message, modes)
        lines.append(f"| `{message.name}` | {message.section} | {expected} | {message.why} | {observed} |")
    return "\n".join(lines) + "\n"


def _expectation(message: Message, modes: list[str]) -> str:
    wanted = {mode: " or ".join(map(str, message.allowed_in(mode))) for mode in modes}
    if len(set(wanted.values())) == 1:
        return next(iter(wanted.values()))
    return ", ".join(f"{mode}: {text}" for mode, text in wanted.items())


def _section_order(section: str) -> list[int]:
    return [int(number) for number in section.split(".")]
