"""A network of proxies on loopback: configured, started, capped and metered, with SIPp at the ends of each flow."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.cgroup import CpuCap
from benchmark.meter import Meter
from benchmark.processes import Supervisor
from benchmark.proxies import HERE as BENCHMARK
from benchmark.proxies import Kamailio
from benchmark.sipp import BUFFER_BYTES, Address, Uac, UacResult, Uas, wait_for_udp_port

from .topology import Configuration, Topology

HOST = "127.0.0.1"
# What a proxy that holds a call keeps of it.
TRANSACTION, DIALOG = STATE_CLASSES = ("transaction", "dialog")
# SIPp's own scenarios follow no Record-Route.
DIALOG_CALLER = BENCHMARK.parent / "endtoend" / "uac-chain.xml"
DIALOG_CALLEE = BENCHMARK.parent / "endtoend" / "uas-dialog.xml"
PROXY_PORT, UAS_PORT, UAC_PORT = 17160, 17180, 17190


@dataclass
class Options:
    """How the proxies of a network run."""

    cap_cores: float = 0.12
    log_holders: bool = False
    # Proxies that are Kamailio instead of ours, in the mode that the configuration gives them.
    foreign: frozenset[str] = frozenset()
    lost_percent: int = 0
    # DIALOG: the proxy that holds an INVITE tracks its dialog, and holds the BYE too.
    state_class: str = TRANSACTION


@dataclass
class Node:
    """One running proxy."""

    name: str
    address: Address
    folder: Path
    cap: CpuCap | None
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    child: subprocess.Popen | None = None
    meter: Meter | None = None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def control_socket(self) -> Path:
        return self.folder / "control.sock"


class Network:
    """Use as a context manager: every proxy and answering SIPp runs inside."""

    def __init__(
        self, supervisor: Supervisor, binary: Path, topology: Topology, configuration: Configuration, folder: Path,
        options: Options,
    ) -> None:
        self.topology, self.configuration, self.options = topology, configuration, options
        self._supervisor, self._binary, self._folder = supervisor, binary, folder
        self._answering: list[Uas] = []
        self.nodes: dict[str, Node] = {}
        addresses = {name: Address(HOST, PROXY_PORT + index) for index, name in enumerate(topology.proxies)}
        self._uas = {flow.name: Address(HOST, UAS_PORT + index) for index, flow in enumerate(topology.flows)}
        self._addresses = addresses
        for name in topology.proxies:
            place = folder / name
            place.mkdir()
            self.nodes[name] = self._node(name, place)

    def __enter__(self) -> "Network":
        try:
            for flow in self.topology.flows:
                place = self._folder / f"uas-{flow.name}"
                place.mkdir()
                self._answering.append(
                    Uas(self._supervisor, place, self._uas[flow.name], lost_percent=self.options.lost_percent,
                        scenario=self._answering_scenario()))
            for name, node in self.nodes.items():
                node.cap = CpuCap(self.options.cap_cores, f"servartuka-experiment-{name}")
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.nodes:
            self.stop(name)
        for uas in self._answering:
            self._supervisor.stop(uas.child)
        for node in self.nodes.values():
            if node.cap:
                node.cap.remove()

    def start(self, name: str) -> None:
        node = self.nodes[name]
        node.child = self._supervisor.start(
            node.command, log=node.log, cwd=node.folder, cgroup=node.cap, environment=node.environment)
        wait_for_udp_port(node.address.port, node.child, name, node.log)
        node.meter = Meter(node.child.pid)

    def stop(self, name: str) -> None:
        """Politely, then for certain."""
        node = self.nodes[name]
        if node.child:
            self._supervisor.stop(node.child)
            node.child = None

    def kill(self, name: str) -> None:
        """Without a word, as a crash would."""
        node = self.nodes[name]
        assert node.child is not None
        node.child.kill()
        node.child.wait()
        self.stop(name)

    def alive(self) -> bool:
        return all(node.child is not None and node.child.poll() is None for node in self.nodes.values())

    def statistics(self, name: str) -> dict[str, int]:
        """Totals of `servartuka ctl stats`, by name."""
        command = [str(self._binary), "ctl", "stats", "--json", "--socket", str(self.nodes[name].control_socket)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        rows = json.loads(answer.stdout)["stats"] if answer.returncode == 0 else []
        return {row["name"]: row["total"] for row in rows}

    def cpu_seconds(self) -> dict[str, float]:
        return {name: node.meter.cpu().seconds for name, node in self.nodes.items() if node.meter}

    # MARK: Callers

    def call(self, rate: int, seconds: float, lane: int = 0) -> "Callers":
        """Starts `rate` calls a second, divided among the flows by their shares. Calls of several lanes may run at once."""
        uacs = []
        for index, flow in enumerate(self.topology.flows):
            place = self._folder / f"uac-{flow.name}-{lane}"
            place.mkdir(exist_ok=True)
            own = max(1, round(rate * flow.share))
            port = UAC_PORT + lane * len(self.topology.flows) + index
            uacs.append(
                Uac(self._supervisor, place, local=Address(HOST, port),
                    proxy=self._addresses[flow.path[0]], rate=own, calls=max(1, round(own * seconds)),
                    service=flow.name, lost_percent=self.options.lost_percent,
                    scenario=DIALOG_CALLER if self.options.state_class == DIALOG else None))
        return Callers(uacs)

    # MARK: Configuration files

    def _node(self, name: str, place: Path) -> Node:
        address = self._addresses[name]
        if name in self.options.foreign:
            command, environment = self._kamailio(name, place)
        else:
            command, environment = self._ours(name, place), {}
        return Node(name, address, place, None, command, environment)

    def _target(self, flow: str, hop: str | None) -> Address:
        return self._uas[flow] if hop is None else self._addresses[hop]

    def _ours(self, name: str, place: Path) -> list[str]:
        targets = {flow: self._target(flow, hop) for flow, hop in self.topology.next_hops(name).items()}
        state = f"policy: {self.configuration.policies[name]}"
        if self.options.log_holders:
            state += ", log_holders: true"
        lines = [
            f'listen: ["udp:{self._addresses[name]}"]',
            "workers: 1",
            f"sockets: {{receive_buffer_bytes: {BUFFER_BYTES}, send_buffer_bytes: {BUFFER_BYTES}}}",
            f"control: {{socket: {place / 'control.sock'}}}",
            f"logging: {{level: {'info' if self.options.log_holders else 'warning'}, format: json}}",
            f"state: {{{state}}}",
            "peers:",
        ]
        for neighbour in sorted(self.topology.neighbours(name)):
            lines.append(f'  - {{name: {neighbour}, address: "{self._addresses[neighbour]}", trusted: true}}')
        if lines[-1] == "peers:":
            lines.pop()
        if self.options.state_class == DIALOG:
            script = place / "routing.lua"
            script.write_text(_routing_script(targets, tracks_dialogs=True))
            lines.append(f"script: {script}")
        elif len(set(map(str, targets.values()))) == 1:
            lines.append(f'next_hop: "{next(iter(targets.values()))}"')
        else:
            script = place / "routing.lua"
            script.write_text(_routing_script(targets))
            lines.append(f"script: {script}")
        configuration = place / "servartuka.yaml"
        configuration.write_text("\n".join(lines) + "\n")
        return [str(self._binary), "run", "--config", str(configuration)]

    def _kamailio(self, name: str, place: Path) -> tuple[list[str], dict[str, str]]:
        (target,) = {self._target(flow, hop) for flow, hop in self.topology.next_hops(name).items()}
        mode = self.configuration.policies[name]
        command = ["/usr/sbin/kamailio", "-DD", "-f", str(BENCHMARK / f"kamailio-{mode}.cfg"), "-x", "fm", "-X", "fm"]
        command += ["-b", str(BUFFER_BYTES), "-m", str(Kamailio.shared_memory_megabytes), "-M", "64", "-n", "1"]
        command += ["-Y", str(place), "-P", str(place / "kamailio.pid")]
        command += ["-A", f"LISTEN_ADDRESS=udp:{self._addresses[name]}", "-A", f'NEXT_HOP="sip:{target}"']
        return command, {"NEXT_HOP": f"sip:{target}"}

    def _answering_scenario(self) -> Path | None:
        """SIPp's own answering side rejects a retransmitted INVITE once it lost its own answers: see the file."""
        if self.options.state_class == DIALOG:
            return DIALOG_CALLEE
        return BENCHMARK.parent / "endtoend" / "uas-lossy.xml" if self.options.lost_percent else None


def _routing_script(targets: dict[str, Address], *, tracks_dialogs: bool = False) -> str:
    """Requests by the user they are for: SIPp's calls of a flow are for a user of its name."""
    track = (
        "    if req:has_to_tag() then return req:relay() end\n"
        "    req:record_route()\n"
        '    if req.method == "INVITE" then dialog.track(req, { by = "holder" }) end\n'
        if tracks_dialogs else ""
    )
    table = "\n".join(f'    {flow} = "sip:{target}",' for flow, target in targets.items())
    return (
        f"local next_hop = {{\n{table}\n}}\n\n"
        "function on_request(req)\n"
        f"{track}"
        "    local target = next_hop[req.uri.user]\n"
        '    if not target then return req:reply(404, "Not Found") end\n'
        "    return req:relay { to = target }\n"
        "end\n"
    )


class Callers:
    """The calling SIPps of one step, one a flow."""

    def __init__(self, uacs: list[Uac]) -> None:
        self.uacs = uacs

    def running(self) -> bool:
        return any(uac.child.poll() is None for uac in self.uacs)

    def totals(self) -> dict[str, int]:
        """Sums of SIPp's counters so far."""
        sums = {"TotalCallCreated": 0, "SuccessfulCall(C)": 0, "FailedCall(C)": 0, "Retransmissions(C)": 0,
                "CurrentCall": 0}
        for uac in self.uacs:
            row = uac.counters()
            for key in sums:
                sums[key] += int(row.get(key) or 0)
        return sums

    def wait(self, *, give_up_early: bool = False) -> list[UacResult]:
        return [uac.wait(give_up_early=give_up_early) for uac in self.uacs]
