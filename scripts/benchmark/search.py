"""The search for the highest rate that is sustained."""

from __future__ import annotations

from collections.abc import Callable


def search_peak(
    sustains: Callable[[float], bool], guess: float, *, tolerance: float, steps_max: int, growth: float, shrink: float
) -> float:
    """Highest rate tried that was sustained, to within `tolerance` of one that was not; 0 when none was.

    From the guess up by `growth` or down by `shrink` until the peak lies between two rates, then by halves.
    """
    low, high, rate = 0.0, float("inf"), guess
    for _ in range(steps_max):
        if sustains(rate):
            low = max(low, rate)
        else:
            high = min(high, rate)
        if low and high / low <= 1 + tolerance:
            break
        if high == float("inf"):
            rate = low * growth
        elif not low:
            rate = high * shrink
        else:
            rate = (low + high) / 2
    return low
