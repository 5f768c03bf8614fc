"""Tests of what the torture runs compare by: messages changed as a proxy changes them, and nothing else."""

from __future__ import annotations

import random
import re
import sys
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

from endtoend import sipwire, torture, torture_table  # noqa: E402
from endtoend.torture_cases import DROPPED, FORWARDED, RELAYED, REQUESTS, RESPONSES, Message  # noqa: E402
from endtoend.torture_judge import Finding, asking_for, with_route_of  # noqa: E402

SOURCE = ("192.0.2.9", 40_000)
OWN_VIA = b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours"
REQUEST = (
    b"OPTIONS sip:bob@example.com SIP/2.0\r\n"
    b"t :\r\n <sip:bob@example.com>\r\n"
    b"v: SIP/2.0/UDP host.example.com:5050;branch=z9hG4bK1\r\n"
    b"Via: SIP/2.0/TCP below.example.com;rport\r\n"
    b"From: <sip:alice@example.com>;tag=1\r\nCall-ID: 1@example.com\r\nCSeq: 1 OPTIONS\r\n"
    b"MAX-Forwards  :  0068\r\nl: 4\r\n\r\nbody and noise"
)


def forwarded(datagram: bytes) -> bytes:
    return sipwire.forwarded(sipwire.take_apart(datagram), OWN_VIA, SOURCE).bytes()


class Wire(unittest.TestCase):
    def test_taking_apart_and_putting_together_changes_nothing(self) -> None:
        self.assertEqual(sipwire.take_apart(REQUEST).bytes(), REQUEST)

    def test_forwarding_changes_the_vias_the_hops_and_what_is_behind_the_body(self) -> None:
        wanted = REQUEST.replace(b"SIP/2.0\r\nt", b"SIP/2.0\r\n" + OWN_VIA + b"\r\nt", 1)
        wanted = wanted.replace(b"branch=z9hG4bK1", b"branch=z9hG4bK1;received=192.0.2.9")
        wanted = wanted.replace(b"  0068", b"  67").replace(b" and noise", b"")
        self.assertEqual(forwarded(REQUEST), wanted)

    def test_max_forwards_is_inserted_where_it_is_missing(self) -> None:
        without = REQUEST.replace(b"MAX-Forwards  :  0068\r\n", b"")
        self.assertIn(OWN_VIA + b"\r\nMax-Forwards: 70\r\n", forwarded(without))

    def test_rport_is_filled_in(self) -> None:
        via = sipwire.noted_source(b"Via: SIP/2.0/UDP a;rport;branch=1", SOURCE)
        self.assertEqual(via, b"Via: SIP/2.0/UDP a;rport=40000;branch=1;received=192.0.2.9")

    def test_a_strict_router_gets_the_request_uri(self) -> None:
        for route, start, wanted in (
            (b"<sip:r.example.com>", b"OPTIONS sip:r.example.com SIP/2.0", b"Route: <sip:bob@example.com>"),
            (b"<sip:r.example.com;lr>", b"OPTIONS sip:bob@example.com SIP/2.0", b"Route: <sip:r.example.com;lr>"),
        ):
            parts = sipwire.take_apart(forwarded(REQUEST.replace(b"l: 4", b"Route: " + route + b"\r\nl: 4")))
            self.assertEqual((parts.start, parts.named(b"route")), (start, [wanted]))

    def test_responses_go_to_the_port_that_the_top_via_names(self) -> None:
        for via, port in (
            (b"SIP/2.0/UDP a;branch=1", 5060), (b"SIP/2.0/UDP 192.0.2.59:5050;branch=1", 5050),
            (b"SIP / 2.0 / UDP a : 5070", 5070), (b"SIP/2.0/UDP a:5070;rport", 40_000),
            (b"SIP/2.0/UDP a;x=b:7", 5060),
        ):
            request = sipwire.Parts(b"OPTIONS sip:b SIP/2.0", (b"Via: " + via,), b"")
            self.assertEqual(sipwire.response_port(request, SOURCE[1]), port, via)

    def test_a_response_that_alters_what_it_echoes_is_found_out(self) -> None:
        request = sipwire.take_apart(REQUEST)
        vias = sipwire.forwarded(request, OWN_VIA, SOURCE).named(b"via")[1:]
        good = sipwire.answered(request, 400, "Bad Request").bytes()
        good = good.replace(request.named(b"via")[0], vias[0])
        self.assertEqual(sipwire.answer_problem(request, sipwire.take_apart(good), SOURCE), "")
        for before, after in (
            (b"1@example.com", b"2@example.com"), (sipwire.TO_TAG, b""), (b"tag=1", b"tag=2"), (b"CSeq: 1", b"CSeq: 2"),
            (b"below", b"elsewhere"), (b"192.0.2.9", b"192.0.2.8"), (b"Content-Length: 0", b"Content-Length: 1"),
        ):
            spoilt = good.replace(before, after)
            self.assertNotEqual(spoilt, good)
            self.assertTrue(sipwire.answer_problem(request, sipwire.take_apart(spoilt), SOURCE), before)

    def test_a_420_must_list_what_proxy_require_asks_for(self) -> None:
        asking = sipwire.take_apart(REQUEST.replace(b"l: 4", b"Proxy-Require: a, b\r\nl: 4"))
        answer = sipwire.answered(asking, 420, "Bad Extension").bytes()
        self.assertIn("Unsupported", sipwire.answer_problem(asking, sipwire.take_apart(answer), SOURCE))
        answer = answer.replace(b"Content-Length", b"Unsupported: a\r\nUnsupported: b\r\nContent-Length")
        self.assertEqual(sipwire.answer_problem(asking, sipwire.take_apart(answer), SOURCE), "")


class Torture(unittest.TestCase):
    RESPONSE = (
        b"SIP/2.0 200 \r\nVia: SIP/2.0/UDP a.example.com;branch=z9hG4bK1;received=192.0.2.7\r\n"
        b"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=2\r\nCall-ID: 1\r\n"
        b"CSeq: 9999999999 INVITE\r\nContent-Length: 0\r\n\r\n"
    )

    def test_the_table_has_every_message_once(self) -> None:
        names = [message.name for message in (*REQUESTS, *RESPONSES)]
        self.assertEqual((len(names), len(set(names))), (torture.MESSAGES, torture.MESSAGES))
        self.assertEqual({m.name for m in RELAYED}, {m.name for m in RESPONSES})

    def test_messages_of_one_transaction_go_to_different_proxies(self) -> None:
        corpus = {m.name: REQUEST.replace(b"bK1", m.name.encode()) for m in (*REQUESTS, *RESPONSES)}
        self.assertEqual(len(torture.rounds(corpus)), 1)
        corpus[REQUESTS[1].name] = corpus[REQUESTS[0].name]
        first, second = torture.rounds(corpus)
        self.assertEqual(second, [(torture_table.ORIGINAL, REQUESTS[1])])
        self.assertEqual(len(first) + len(second), torture.MESSAGES + len(RELAYED))

    def test_a_response_is_relayed_under_the_vias_of_its_request_and_otherwise_as_it_is(self) -> None:
        corpus = sipwire.take_apart(self.RESPONSE)
        request = asking_for(corpus, "x")
        self.assertEqual(request.named(b"via"), [b"Via: SIP/2.0/UDP a.example.com;branch=z9hG4bK1-x"])
        self.assertEqual(request.value(b"to"), b"<sip:b@example.com>")
        self.assertEqual(request.value(b"cseq"), b"2147483647 INVITE")
        arrived = sipwire.forwarded(request, OWN_VIA, SOURCE)
        sent = with_route_of(corpus, arrived, request)
        self.assertEqual(sent.named(b"via"), arrived.named(b"via"))
        self.assertEqual(sent.fields[2:], corpus.fields[1:])

    def test_damage_repeats_by_its_seed_and_spares_the_route(self) -> None:
        corpus = {"a": REQUEST.replace(b"l: 4", b"Route: <sip:192.0.2.5>\r\nl: 4")}
        first, again, other = (list(torture.damaged(corpus, random.Random(seed))) for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        for datagram in first:
            routes = re.findall(rb"Route: <sip:[^>]*>\r\n", datagram)
            self.assertIn(routes, ([], [b"Route: <sip:192.0.2.5>\r\n"]))

    def test_the_document_says_where_modes_differ(self) -> None:
        message = Message("noreason", "3.1.1.13", (FORWARDED,), "why", stateful=(DROPPED,))
        step = (torture_table.RELAYED, message)
        text = torture_table.render({m: {step: Finding("seen")} for m in torture.MODES})
        self.assertIn(
            "| `noreason` | 3.1.1.13 | stateless: forwarded, stateful: dropped | why | seen | seen |", text)


if __name__ == "__main__":
    unittest.main()
