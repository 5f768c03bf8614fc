"""Proof that every call has one holder: each proxy logs what it holds, and the logs are laid over each other."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress

from .network import Network, Options
from .topology import Configuration, Topology

HELD_MESSAGE = "held"


@dataclass
class HolderResult:
    """Transactions by the number of proxies that held them."""

    topology: str
    configuration: str
    lost_percent: int
    calls: int
    successful: int
    failed: int
    transactions: int
    # number of holders → transactions
    holders: dict[int, int] = field(default_factory=dict)
    # proxy → transactions held
    by_proxy: dict[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Nothing without a holder; without loss nothing with two."""
        missing = 2 * self.successful - self.transactions
        return missing <= 0 and (self.lost_percent > 0 or set(self.holders) == {1})


def run_holders(
    supervisor: Supervisor, binary: Path, topology: Topology, configuration: Configuration, rate: int, seconds: int,
    lost_percent: int, cap_cores: float, progress: Progress,
) -> HolderResult:
    """Calls at a rate that no proxy could hold alone; SIPp loses `lost_percent` of its messages at both ends."""
    label = f"holders {topology.name:15} {configuration.name:12} {rate} calls/s, {lost_percent} % lost"
    options = Options(cap_cores=cap_cores, log_holders=True, lost_percent=lost_percent)
    with tempfile.TemporaryDirectory(prefix="servartuka-experiment-") as name:
        folder = Path(name)
        with Network(supervisor, binary, topology, configuration, folder, options) as network:
            results = network.call(rate, seconds).wait()
        held: dict[tuple[str, str], set[str]] = defaultdict(set)
        by_proxy: Counter[str] = Counter()
        for proxy, node in network.nodes.items():
            for key in held_transactions(node.log):
                held[key].add(proxy)
                by_proxy[proxy] += 1
    counts = Counter(len(proxies) for proxies in held.values())
    result = HolderResult(
        topology.name, configuration.name, lost_percent, sum(r.created for r in results),
        sum(r.successful for r in results), sum(r.failed for r in results), len(held), dict(counts), dict(by_proxy))
    progress.line(
        f"{label}: {result.successful} calls, {result.failed} failed, {result.transactions} transactions held, "
        f"by number of holders {dict(sorted(counts.items()))}, by proxy {dict(by_proxy)}")
    return result


def held_transactions(log: Path):
    """(Call-ID, CSeq with method) of each line that says a transaction is held."""
    with open(log, errors="replace") as file:
        for line in file:
            if f'"{HELD_MESSAGE}"' not in line:
                continue
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if entry.get("message") == HELD_MESSAGE:
                yield entry["call_id"], entry["cseq"]
