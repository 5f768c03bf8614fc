"""The competitors: how to configure and start each proxy in each mode.

A new competitor is a subclass of Proxy with `command`; add it to all_proxies.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .cgroup import CpuCap
from .meter import Meter
from .processes import Supervisor, group_members
from .sipp import BUFFER_BYTES, Address, wait_for_udp_port

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODES = ("stateless", "stateful", "lua")


class Unavailable(Exception):
    """This proxy cannot run here; the message says what to do about it."""


@dataclass(frozen=True)
class Setup:
    """What a proxy is asked to do for one run."""

    mode: str
    listen: Address
    next_hop: Address
    folder: Path
    workers: int = 1
    # 0 leaves the proxy's default; the memory measurement needs room for more.
    transactions_max: int = 0

    @property
    def next_hop_uri(self) -> str:
        return f"sip:{self.next_hop}"


class Proxy:
    """One proxy under test. Use `start` … `stop`, or `with proxy.running(…)`."""

    name = ""
    modes: tuple[str, ...] = MODES

    def check(self) -> None:
        """Raises Unavailable when the proxy is not installed or built."""

    def version(self) -> str:
        return ""

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        """Writes configuration files into setup.folder; returns the command line and extra environment."""
        raise NotImplementedError

    def running(self, supervisor: Supervisor, setup: Setup, cgroup: CpuCap | None = None) -> "Running":
        return Running(self, supervisor, setup, cgroup)


class Running:
    """A started proxy as a context manager, with its meter and its control commands."""

    def __init__(self, proxy: Proxy, supervisor: Supervisor, setup: Setup, cgroup: CpuCap | None) -> None:
        self.setup = setup
        self._supervisor = supervisor
        command, environment = proxy.command(setup)
        self.log = setup.folder / f"{proxy.name}.log"
        self.child = supervisor.start(
            command, log=self.log, cwd=setup.folder, cgroup=cgroup, environment=environment
        )
        try:
            wait_for_udp_port(setup.listen.port, self.child, proxy.name, self.log)
            self._settle()
        except BaseException:
            supervisor.stop(self.child)
            raise
        self.meter = Meter(self.child.pid)

    def _settle(self) -> None:
        """A multi-process proxy binds before it forks: waits until its process count stops changing."""
        count, same = 0, 0
        while same < 3:
            time.sleep(0.1)
            members = len(group_members(self.child.pid))
            same, count = (same + 1, count) if members == count else (0, members)

    def alive(self) -> bool:
        return self.child.poll() is None

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop(self.child)


class Kamailio(Proxy):
    """Debian's Kamailio, with its fast allocator: the default `qm` debug allocator is four times slower."""

    name = "kamailio"
    shared_memory_megabytes = 2048
    private_memory_megabytes = 64

    def check(self) -> None:
        if not Path("/usr/sbin/kamailio").exists():
            raise Unavailable("kamailio is not installed; run scripts/setup bench")

    def version(self) -> str:
        output = subprocess.run(["/usr/sbin/kamailio", "-v"], capture_output=True, text=True, check=False).stdout
        return output.split("\n")[0].replace("version: ", "")

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        command = ["/usr/sbin/kamailio", "-DD", "-f", str(HERE / f"kamailio-{setup.mode}.cfg")]
        command += ["-x", "fm", "-X", "fm", "-b", str(BUFFER_BYTES)]
        command += ["-m", str(self.shared_memory_megabytes), "-M", str(self.private_memory_megabytes)]
        command += ["-n", str(setup.workers), "-Y", str(setup.folder), "-P", str(setup.folder / "kamailio.pid")]
        command += ["-A", f"LISTEN_ADDRESS=udp:{setup.listen}", "-A", f'NEXT_HOP="{setup.next_hop_uri}"']
        command += ["-A", f'ROUTING_SCRIPT="{HERE / "kamailio-routing.lua"}"']
        return command, {"NEXT_HOP": setup.next_hop_uri}


class Servartuka(Proxy):
    """Our release build."""

    name = "servartuka"

    def __init__(self, binary: Path | None = None) -> None:
        self.binary = binary or Path(os.environ.get("PROXY_BINARY", ROOT / ".build/release/servartuka"))

    def check(self) -> None:
        if not self.binary.exists():
            raise Unavailable(f"{self.binary} is not built; run swift build -c release")

    def version(self) -> str:
        try:
            output = subprocess.run(
                [self.binary, "--version"], capture_output=True, text=True, check=False, timeout=5
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return output.strip().split("\n")[0]

    def script(self, setup: Setup) -> str:
        """The routing script of the `lua` mode."""
        return (HERE / "servartuka-routing.lua.in").read_text().replace("@NEXT_HOP@", setup.next_hop_uri)

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        lines = [
            f'listen: ["udp:{setup.listen}"]',
            f"workers: {setup.workers}",
            "sockets:",
            f"  receive_buffer_bytes: {BUFFER_BYTES}",
            f"  send_buffer_bytes: {BUFFER_BYTES}",
            f"control: {{socket: {control_socket(setup)}}}",
            "logging: {level: warning}",
        ]
        if setup.mode == "lua":
            script = setup.folder / "routing.lua"
            script.write_text(self.script(setup))
            lines.append(f"script: {script}")
        else:
            lines += [f'next_hop: "{setup.next_hop}"', f"state: {{policy: {setup.mode}}}"]
        if setup.transactions_max:
            lines.append(f"limits: {{transactions: {setup.transactions_max}}}")
        configuration = setup.folder / "servartuka.yaml"
        configuration.write_text("\n".join(lines) + "\n")
        return [str(self.binary), "run", "--config", str(configuration)], {}

    def control(self, setup: Setup, *arguments: str, timeout_seconds: float = 10) -> subprocess.CompletedProcess:
        """Runs `servartuka ctl` against the proxy started with `setup`."""
        command = [str(self.binary), "ctl", *arguments, "--socket", str(control_socket(setup))]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_seconds)


class KernelFloor(Proxy):
    """recvmmsg and sendmmsg without any SIP: what no proxy can beat. Lua costs the kernel nothing."""

    name = "floor"

    def __init__(self, folder: Path | None = None) -> None:
        self._binary = (folder or ROOT / ".build") / "benchmark-floor"

    def check(self) -> None:
        source = HERE / "floor.c"
        if self._binary.exists() and self._binary.stat().st_mtime > source.stat().st_mtime:
            return
        self._binary.parent.mkdir(parents=True, exist_ok=True)
        build = subprocess.run(
            ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(self._binary), str(source)],
            capture_output=True, text=True, check=False,
        )
        if build.returncode != 0:
            raise Unavailable(f"the kernel floor does not compile:\n{build.stderr}")

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        command = [str(self._binary), setup.listen.host, str(setup.listen.port), str(setup.next_hop.port)]
        return command + ([] if setup.mode == "stateless" else ["--trying"]), {}


def control_socket(setup: Setup) -> Path:
    return setup.folder / "servartuka.sock"


def all_proxies() -> dict[str, Proxy]:
    return {proxy.name: proxy for proxy in (Kamailio(), Servartuka(), KernelFloor())}
