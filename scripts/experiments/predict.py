"""What the optimum would be: the linear programme of `servartuka plan`, fed with measured costs."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from .topology import STATEFUL, STATELESS, Configuration, Topology


class Costs:
    """Microseconds of CPU a call, by proxy of a topology: forwarding alone, and holding state on top."""

    def __init__(self, stateless: dict[str, float], state: dict[str, float]) -> None:
        self.stateless, self.state = stateless, state

    @staticmethod
    def measured(topology: Topology, nobody: dict[str, float], everybody: dict[str, float]) -> "Costs":
        """From the runs in which nobody and everybody held state, each near its peak."""
        state = {name: max(0.1, everybody[name] - nobody[name]) for name in topology.proxies}
        return Costs({name: nobody[name] for name in topology.proxies}, state)

    def static_peak(self, topology: Topology, configuration: Configuration, cores: float) -> float:
        """Calls a second until the first proxy is full, when each holds all of its calls or none."""
        def cost(proxy: str) -> float:
            holds = configuration.policies[proxy] == STATEFUL
            return self.stateless[proxy] + (self.state[proxy] if holds else 0.0)

        return min(cores * 1e6 / (cost(proxy) * topology.share(proxy)) for proxy in topology.proxies)

    def optimum(self, binary: Path, topology: Topology, cores: float) -> float:
        """Calls a second when every call's state is placed best."""
        lines = ["proxies:"]
        for name in topology.proxies:
            lines.append(
                f"  - {{name: {name}, stateless_microseconds: {self.stateless[name]:.3f}, "
                f"state_microseconds: {self.state[name]:.3f}, processors: {cores}, target_utilisation: 1}}")
        lines.append("flows:")
        for flow in topology.flows:
            lines.append(f"  - {{name: {flow.name}, path: [{', '.join(flow.path)}], rate: {1000 * flow.share}}}")
        with tempfile.TemporaryDirectory(prefix="servartuka-experiment-") as folder:
            file = Path(folder) / "network.yaml"
            file.write_text("\n".join(lines) + "\n")
            answer = subprocess.run(
                [str(binary), "plan", str(file), "--json"], capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise RuntimeError(f"servartuka plan: {answer.stderr.strip()}")
        return json.loads(answer.stdout)["throughput"]


def prediction(
    binary: Path, topology: Topology, configuration: Configuration, costs: Costs, cores: float
) -> float:
    if set(configuration.policies.values()) <= {STATEFUL, STATELESS}:
        return costs.static_peak(topology, configuration, cores)
    return costs.optimum(binary, topology, cores)
