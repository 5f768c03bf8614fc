"""The networks of the experiments: proxies, flows through them, and the static configurations to compare with."""

from __future__ import annotations

from dataclasses import dataclass

STATEFUL, STATELESS = "stateful", "stateless"
# Policies that decide at run time; the same for every proxy of a network.
POLICIES = ("servartuka", "balanced")


@dataclass(frozen=True)
class Flow:
    """Calls of one kind: their way through the proxies, and their share of the offered rate."""

    name: str
    path: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Configuration:
    """What each proxy of a network is told about state."""

    name: str
    policies: dict[str, str]
    # False: some calls have no holder; a bound to compare with, and no way to run a network.
    holds_all: bool = True

    @property
    def is_static(self) -> bool:
        return not any(policy in POLICIES for policy in self.policies.values())


@dataclass(frozen=True)
class Topology:
    name: str
    title: str
    proxies: tuple[str, ...]
    flows: tuple[Flow, ...]

    def next_hops(self, proxy: str) -> dict[str, str | None]:
        """By flow through `proxy`: the next proxy, or None where the flow leaves."""
        hops: dict[str, str | None] = {}
        for flow in self.flows:
            if proxy in flow.path:
                index = flow.path.index(proxy)
                hops[flow.name] = flow.path[index + 1] if index + 1 < len(flow.path) else None
        return hops

    def share(self, proxy: str) -> float:
        """Of all calls, the share that passes `proxy`."""
        return sum(flow.share for flow in self.flows if proxy in flow.path)

    def neighbours(self, proxy: str) -> set[str]:
        found: set[str] = set()
        for flow in self.flows:
            for left, right in zip(flow.path, flow.path[1:]):
                if proxy == left:
                    found.add(right)
                elif proxy == right:
                    found.add(left)
        return found

    def configurations(self) -> list[Configuration]:
        """Everything stateful, each sensible static division, nobody stateful, and the policies."""
        chosen = [self._static("all stateful", set(self.proxies))]
        for holders in self._divisions():
            chosen.append(self._static(f"stateful at {' and '.join(sorted(holders))}", holders))
        chosen.append(self._static("nobody stateful", set(), holds_all=False))
        chosen += [Configuration(policy, dict.fromkeys(self.proxies, policy)) for policy in POLICIES]
        return chosen

    def _static(self, name: str, holders: set[str], holds_all: bool = True) -> Configuration:
        modes = {proxy: STATEFUL if proxy in holders else STATELESS for proxy in self.proxies}
        return Configuration(name, modes, holds_all)

    def _divisions(self) -> list[set[str]]:
        """Sets of proxies, not all of them, that put at least one holder on every path and none to spare."""
        found: list[set[str]] = []
        for bits in range(1, 2 ** len(self.proxies) - 1):
            holders = {proxy for index, proxy in enumerate(self.proxies) if bits >> index & 1}
            covers = all(holders & set(flow.path) for flow in self.flows)
            spare = any(
                all((holders - {holder}) & set(flow.path) for flow in self.flows) for holder in holders
            )
            if covers and not spare:
                found.append(holders)
        return found


def series(count: int) -> Topology:
    names = tuple("ABCDEFGH"[:count])
    words = {2: "two", 3: "three"}
    word = words.get(count, str(count))
    return Topology(f"{word}-in-series", f"{word.capitalize()} proxies in series", names, (Flow("one", names, 1.0),))


TOPOLOGIES = {
    topology.name: topology
    for topology in (
        series(2),
        series(3),
        Topology("one-to-two", "One proxy in front of two", ("A", "B", "C"),
                 (Flow("one", ("A", "B"), 0.5), Flow("two", ("A", "C"), 0.5))),
        Topology("two-to-one", "Two proxies in front of one", ("A", "B", "C"),
                 (Flow("one", ("A", "C"), 0.5), Flow("two", ("B", "C"), 0.5))),
        Topology("mixed-exits", "Two in series, where half of the calls leave at the first", ("A", "B"),
                 (Flow("one", ("A", "B"), 0.5), Flow("two", ("A",), 0.5))),
    )
}
