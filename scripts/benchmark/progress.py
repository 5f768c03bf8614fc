"""Progress on standard error: a line that rewrites itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

REDRAW_SECONDS = 0.25


class Progress:
    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._drawn = 0.0
        self._started = time.monotonic()

    def show(self, label: str, share: float) -> None:
        """Draws a bar for work in hand; silent when standard error is not a terminal."""
        now = time.monotonic()
        if not self._terminal or now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        filled = int(20 * min(1.0, max(0.0, share)))
        bar = "█" * filled + "·" * (20 - filled)
        sys.stderr.write(f"\r\x1b[K{self._elapsed()} {label} {bar}")
        sys.stderr.flush()

    def line(self, text: str) -> None:
        """Reports something finished."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
        sys.stderr.write(f"{self._elapsed()} {text}\n")
        sys.stderr.flush()

    def _elapsed(self) -> str:
        seconds = int(time.monotonic() - self._started)
        return f"[{seconds // 60:3d}:{seconds % 60:02d}]"
