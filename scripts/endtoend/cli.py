"""Command line of scripts/e2e."""

from __future__ import annotations

import argparse
import itertools
import random
import sys

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Servartuka, Unavailable, all_proxies

from .accounting import AccountingCase, run_accounting
from .accounting_disk import AccountingDiskCase, run_accounting_disk
from .authentication import AuthenticationCase, run_authentication
from .balance import CASES as BALANCE_CASES
from .balance import run_balance
from .browser import BrowserCase, run_browser
from .calls import CallCase, Outcome, run_calls
from .chain import CASES as CHAIN_CASES
from .chain import run_chain
from .registrar import RegistrarCase, run_registrar
from .dns import DomainCase, run_domain
from .reload import ReloadCase, SoakCase, run_reload, run_soak
from .restart import RestartCase, run_restart
from .streams import CASES as STREAM_CASES
from .streams import StreamCase, run_streams
from .telephones import TelephoneCase, run_telephones
from .torture import MODES as TORTURE_MODES
from .torture import DamageCase, TortureCase, run_damage, run_torture

QUICK_CALLS = 2000
PARTS = (
    "torture", "calls", "loss", "dns", "streams", "chain", "balance", "registrar", "restart", "accounting", "authentication",
    "telephones", "browser",
    "reload", "soak",
)
DEFAULT_PARTS = tuple(part for part in PARTS if part != "soak")


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    proxy = all_proxies()[options.proxy]
    try:
        proxy.check()
    except Unavailable as error:
        print(f"e2e: {error}", file=sys.stderr)
        return 1
    supervisor, progress = Supervisor(), Progress()
    outcomes: list[Outcome] = []
    try:
        for case, run in _cases(options):
            try:
                outcome = run(supervisor, proxy, case, progress)
            except RuntimeError as error:
                outcome = Outcome(case.name, False, detail=str(error))
            outcomes.append(outcome)
            progress.line(f"{outcome.word}  {outcome.name}  {outcome.detail}")
    except KeyboardInterrupt:
        progress.line("interrupted")
        return 130
    finally:
        supervisor.stop_all()
    _print_table(outcomes)
    return 0 if outcomes and all(outcome.passed for outcome in outcomes) else 1


def _cases(options: argparse.Namespace):
    calls = options.calls or (QUICK_CALLS if options.quick else 20_000)
    modes = options.modes.split(",")
    families, workers = ((4, 6), (1, 2))
    if "torture" in options.parts and options.proxy == Servartuka.name:
        yield TortureCase(options.write_table), run_torture
        for mode in TORTURE_MODES:
            yield DamageCase(mode, options.seed), run_damage
    if "calls" in options.parts:
        for mode, family, count in itertools.product(modes, families, workers):
            yield CallCase(mode, family, count, calls=calls, rate=options.rate), run_calls
    if "loss" in options.parts:
        for mode, count in itertools.product((mode for mode in modes if mode != "stateless"), workers):
            yield CallCase(mode, 4, count, lost_percent=3, calls=calls, rate=options.rate), run_calls
    if options.proxy != Servartuka.name:
        return
    if "registrar" in options.parts:
        for family, count in itertools.product(families, workers):
            yield RegistrarCase(family, count), run_registrar
    if "restart" in options.parts:
        yield RestartCase(kills=1 if options.quick else 3), run_restart
    if "accounting" in options.parts:
        for count in workers:
            yield AccountingCase(count, kills=1 if options.quick else 3), run_accounting
        yield AccountingDiskCase(), run_accounting_disk
    if "streams" in options.parts:
        for caller, callee in STREAM_CASES:
            yield StreamCase(caller, callee), run_streams
    if "chain" in options.parts:
        for case in CHAIN_CASES:
            yield case, run_chain
    if "balance" in options.parts:
        for case in BALANCE_CASES:
            yield case, run_balance
    if "dns" in options.parts:
        for mode, count in itertools.product((mode for mode in modes if mode != "lua"), workers):
            yield DomainCase(mode, count, calls=calls, rate=options.rate), run_domain
    if "authentication" in options.parts:
        for count in workers:
            yield AuthenticationCase(count), run_authentication
    if "telephones" in options.parts:
        for transport in ("udp", "tcp"):
            yield TelephoneCase(transport), run_telephones
    if "browser" in options.parts:
        for count in workers:
            yield BrowserCase(count), run_browser
    if "reload" in options.parts:
        short = ReloadCase(settle_seconds=3, measured_seconds=7, judge_memory=False)
        yield short if options.quick else ReloadCase(), run_reload
    if "soak" in options.parts:
        for mode in modes:
            yield SoakCase(mode, calls=options.soak_calls), run_soak


def _print_table(outcomes: list[Outcome]) -> None:
    width = max((len(outcome.name) for outcome in outcomes), default=4)
    print(f"{'run':{width}}  {'result':7} {'calls':>8} {'failed':>7} {'resent':>7}  detail")
    for outcome in outcomes:
        print(
            f"{outcome.name:{width}}  {outcome.word:7} {outcome.calls:8} {outcome.failed:7} "
            f"{outcome.retransmissions:7}  {outcome.detail}"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/e2e", description="Real calls through the release build of the proxy; every call must succeed."
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CALLS} calls a run and a short reload loop")
    parser.add_argument("--parts", type=_parts, default=list(DEFAULT_PARTS),
                        help=f"comma-separated, of {', '.join(PARTS)} (default: all but soak)")
    parser.add_argument("--modes", default="stateless,stateful", help="of stateless, stateful, lua")
    parser.add_argument("--calls", type=int, help="calls of each run (default 20000)")
    parser.add_argument("--rate", type=int, default=1000, help="calls a second (default 1000)")
    parser.add_argument("--soak-calls", type=int, default=1_000_000, help="calls of a soak run (default 1000000)")
    parser.add_argument("--proxy", choices=sorted(all_proxies()), default=Servartuka.name,
                        help="another proxy checks the runner itself; it has no torture and reload runs")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32),
                        help="of the damaged messages (default: a new one, which is printed)")
    parser.add_argument("--write-table", action="store_true", help="torture: write docs/rfc4475.md from what is seen")
    return parser


def _parts(text: str) -> list[str]:
    chosen = text.split(",")
    if any(part not in PARTS for part in chosen):
        raise argparse.ArgumentTypeError(f"expected a comma-separated list of {', '.join(PARTS)}; got {text!r}")
    return chosen
