"""A page in headless Chromium that registers over wss with a password, and exchanges messages with SIPp over UDP."""

from __future__ import annotations

import http.server
import json
import queue
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmark.processes import Supervisor
from benchmark.progress import Progress
from benchmark.proxies import Servartuka, Setup
from benchmark.sipp import Address, Uac, tail

from .authentication import AuthenticatingProxy
from .calls import Outcome
from .tunnel import Certificates

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
PROXY_PORT, UAS_PORT, UAC_PORT = 18161, 18171, 18181
WSS_PORT, PAGE_PORT = 18162, 18163
PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class BrowserCase:
    workers: int

    @property
    def name(self) -> str:
        return f"Chromium over wss ↔ SIPp over UDP, {self.workers} worker{'s' if self.workers > 1 else ''}"


class BrowserProxy(AuthenticatingProxy):
    """The proxy of docs/authentication.md for our page only."""

    def __init__(self, binary: Path, certificates: Certificates) -> None:
        super().__init__(binary)
        self._certificates = certificates

    def command(self, setup: Setup) -> tuple[list[str], dict[str, str]]:
        command = super().command(setup)
        configuration = setup.folder / "servartuka.yaml"
        udp = f'listen: ["udp:{setup.listen}"'
        text = configuration.read_text().replace(udp, f'{udp}, "wss:{Address(HOST, WSS_PORT)}"')
        text += f"tls: {{certificate: {self._certificates.certificate}, key: {self._certificates.key}}}\n"
        text += f'ws: {{path: /sip, origins: ["http://{HOST}:{PAGE_PORT}"]}}\n'
        configuration.write_text(text)
        return command


class PageServer(http.server.ThreadingHTTPServer):
    """Serves the page, and takes what it has to tell."""

    def __init__(self) -> None:
        super().__init__((HOST, PAGE_PORT), PageRequest)
        self.results: queue.Queue[dict] = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class PageRequest(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = (HERE / "browser.html").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def do_POST(self) -> None:
        self.server.results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def run_browser(supervisor: Supervisor, proxy: Servartuka, case: BrowserCase, progress: Progress) -> Outcome:
    outcome = Outcome(case.name, False)
    with tempfile.TemporaryDirectory(prefix="servartuka-e2e-") as name:
        folder = Path(name)
        setup = Setup("lua", Address(HOST, PROXY_PORT), Address(HOST, UAS_PORT), folder, workers=case.workers)
        server = PageServer()
        try:
            with BrowserProxy(proxy.binary, Certificates(folder)).running(supervisor, setup) as running:
                outcome.detail = _exchange(supervisor, setup, server)
                if not running.alive():
                    outcome.detail = f"the proxy died: {tail(running.log)}"
        finally:
            server.shutdown()
            server.server_close()
    outcome.passed = not outcome.detail
    outcome.calls, outcome.failed = (2, 0) if outcome.passed else (0, 1)
    return outcome


def _exchange(supervisor: Supervisor, setup: Setup, server: PageServer) -> str:
    """What went wrong; empty: nothing."""
    registered = Uac(
        supervisor, setup.folder, local=Address(HOST, UAC_PORT), proxy=setup.listen, rate=1, calls=1,
        scenario=HERE / "uac-password-register.xml", service=str(setup.next_hop), trace_errors=True,
    ).wait()
    if registered.successful != 1:
        return f"bob cannot register: {registered.first_error or registered.reasons}"
    callee = supervisor.start(
        ["sipp", "-sf", str(HERE / "uas-browser.xml"), "-i", HOST, "-p", str(UAS_PORT), "-m", "1", "-nostdin",
         "-timeout", f"{PATIENCE_SECONDS}s", "-timeout_error"],
        log=setup.folder / "callee.log", cwd=setup.folder,
    )
    log = setup.folder / "chromium.log"
    chromium = supervisor.start(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--ignore-certificate-errors", f"--user-data-dir={setup.folder / 'chromium'}",
         f"http://{HOST}:{PAGE_PORT}/?proxy=wss://{HOST}:{WSS_PORT}/sip"],
        log=log, cwd=setup.folder,
    )
    try:
        told = server.results.get(timeout=PATIENCE_SECONDS)
        if told["result"] != "passed":
            return f"{told['result']} after {told['steps']}"
        deadline = time.monotonic() + 10
        while callee.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return "" if callee.poll() == 0 else f"SIPp ended with {callee.poll()}: {tail(setup.folder / 'callee.log')}"
    except queue.Empty:
        return f"the page told nothing: {tail(log)}"
    finally:
        supervisor.stop(chromium)
        supervisor.stop(callee)
