"""A curve on one line of a terminal."""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40


def sparkline(values: Sequence[float | None], width: int = WIDTH) -> str:
    """Numbers as bars: the lowest is ▁, the highest █.

    Args:
        values: the numbers in order; None and what is not finite is a gap.
        width: characters at most; of more values as many are shown, evenly spaced, the first and the last among them.

    Example:
        >>> sparkline([4, 3, 2, 1])
        '█▆▃▁'
    """
    places = (
        range(len(values)) if len(values) <= width else (i * (len(values) - 1) // (width - 1) for i in range(width))
    )
    shown = [math.nan if (value := values[i]) is None else value for i in places]
    finite = [value for value in shown if math.isfinite(value)]
    low = min(finite, default=0.0)
    reach = max(finite, default=0.0) - low or 1.0
    top = len(BARS) - 1
    return "".join(BARS[round((value - low) / reach * top)] if math.isfinite(value) else " " for value in shown)
