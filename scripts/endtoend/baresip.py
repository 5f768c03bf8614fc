"""baresip, a real telephone without a window: started for a test, told what to do, asked what it saw.

Its module ctrl_tcp speaks JSON in netstrings: commands one way, answers and events the other.
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.sipp import Address

PROGRAM = Path("/usr/bin/baresip")
WAIT_SECONDS = 20.0
# The whole configuration: no sound devices, what is heard is said again.
CONFIGURATION = """\
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
audio_source aubridge,echo
audio_player aubridge,echo
net_interface 127.0.0.1
sip_listen {address}
ctrl_tcp_listen {control}
rtp_ports {rtp_ports}
call_max_calls 4
"""


class Telephone:
    """One baresip with one account. Use as a context manager."""

    def __init__(
        self, supervisor: Supervisor, folder: Path, name: str, account: str, address: Address, control_port: int
    ) -> None:
        self.name = name
        self.events: list[dict] = []
        self._supervisor, self._folder = supervisor, folder / f"phone-{address.port}"
        self._control = Address(address.host, control_port)
        self._folder.mkdir()
        (self._folder / "accounts").write_text(account + "\n")
        first = 20_000 + 20 * (control_port % 1000)
        (self._folder / "config").write_text(CONFIGURATION.format(
            address=address, control=self._control, rtp_ports=f"{first}-{first + 19}"))
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._seen = 0

    def __enter__(self) -> "Telephone":
        self._child = self._supervisor.start(
            [str(PROGRAM), "-f", str(self._folder)], log=self._folder / "log", cwd=self._folder, niceness=0)
        deadline = time.monotonic() + WAIT_SECONDS
        while self._socket is None:
            try:
                self._socket = socket.create_connection((self._control.host, self._control.port), timeout=1)
            except OSError as error:
                if time.monotonic() > deadline or self._child.poll() is not None:
                    raise RuntimeError(f"{self.name}: baresip does not start: {self.log()}") from error
                time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket:
            self._socket.close()
        self._supervisor.stop(self._child)

    def log(self) -> str:
        path = self._folder / "log"
        return path.read_text(errors="replace")[-400:] if path.exists() else ""

    def wait_until_registered(self) -> None:
        """By the log: the event may have passed before anybody listened for events."""
        deadline = time.monotonic() + WAIT_SECONDS
        while " 200 OK " not in (self._folder / "log").read_text(errors="replace"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: not registered: {self.log()}")
            time.sleep(0.05)

    def command(self, name: str, parameters: str = "") -> None:
        text = json.dumps({"command": name, "params": parameters}).encode()
        assert self._socket is not None
        self._socket.sendall(str(len(text)).encode() + b":" + text + b",")

    def wait(self, kind: str) -> dict:
        """The next event of a kind after the last one waited for.

        Raises RuntimeError with what was seen instead when it does not come.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            while self._seen < len(self.events):
                event = self.events[self._seen]
                self._seen += 1
                if event["type"] == kind:
                    return event
            if time.monotonic() > deadline:
                seen = ", ".join(f"{event['type']} {event.get('param', '')}".strip() for event in self.events)
                raise RuntimeError(f"{self.name}: no {kind} within {WAIT_SECONDS:g} s; seen: {seen or 'nothing'}")
            self._read()

    def _read(self) -> None:
        assert self._socket is not None
        self._socket.settimeout(0.2)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return
        if not data:
            raise RuntimeError(f"{self.name}: baresip ended: {self.log()}")
        self._buffer += data
        while b":" in self._buffer:
            length, rest = self._buffer.split(b":", 1)
            size = int(length)
            if len(rest) <= size:
                return
            message = json.loads(rest[:size])
            self._buffer = rest[size + 1 :]
            if message.get("event"):
                self.events.append(message)
