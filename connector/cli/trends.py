"""How a number compares with earlier ones, in a few characters."""

import sys
from collections.abc import Sequence

from connector.reporting.trend import Change

_HEIGHTS = "▁▂▃▄▅▆▇█"
SMALL = 2.0
"""Per cent; less than that is no change."""


def change(now: Change, history: Sequence[float]) -> str:
    """Such as `+12 %`; to a person at a terminal also the earlier numbers as a line of bars."""
    said = "new" if now.percent is None else "=" if abs(now.percent) < SMALL else f"{now.percent:+,.0f} %"
    return f"{bars(history)} {said}" if _can_be_drawn() else said


def bars(numbers: Sequence[float]) -> str:
    """One character a number, the higher the larger."""
    most = max(numbers, default=0) or 1
    return "".join(_HEIGHTS[min(int(number / most * len(_HEIGHTS)), len(_HEIGHTS) - 1)] for number in numbers)


def _can_be_drawn() -> bool:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return sys.stdout.isatty() and encoding.startswith("utf")
