"""TLS for programs that speak TCP only."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading
from pathlib import Path

from benchmark.sipp import Address

PIECE_BYTES = 65_536


class Certificates:
    """A root, and a certificate for 127.0.0.1 that it signed, made by the `openssl` command."""

    def __init__(self, folder: Path) -> None:
        self.root, self._root_key = folder / "root.pem", folder / "root.key"
        self.certificate, self.key = folder / "proxy.pem", folder / "proxy.key"
        self._configuration = folder / "openssl.cnf"
        self._configuration.write_text("[req]\ndistinguished_name=names\n[names]\n")
        self._make("root", self.root, self._root_key, "basicConstraints=critical,CA:TRUE")
        self._make(
            "proxy", self.certificate, self.key, "basicConstraints=critical,CA:FALSE", "subjectAltName=IP:127.0.0.1",
            signer=["-CA", str(self.root), "-CAkey", str(self._root_key)],
        )

    def _make(self, name: str, certificate: Path, key: Path, *extensions: str, signer: list[str] | None = None) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-config", str(self._configuration), "-subj", f"/CN={name}"]
        command += ["-keyout", str(key), "-out", str(certificate), *(signer or [])]
        for extension in extensions:
            command += ["-addext", extension]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


class Tunnel:
    """Passes connections on, with TLS on one side: the accepting or the connecting one. On a thread of its own."""

    def __init__(self, listen: Address, target: Address, certificates: Certificates, *, accepts_tls: bool) -> None:
        self._listen, self._target = listen, target
        self._accepting = self._connecting = None
        if accepts_tls:
            self._accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._accepting.load_cert_chain(certificates.certificate, certificates.key)
        else:
            self._connecting = ssl.create_default_context(cafile=str(certificates.root))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, self._listen.host, self._listen.port, backlog=512, ssl=self._accepting
        )

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection(
                self._target.host, self._target.port, ssl=self._connecting
            )
            await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()
