"""Numbers as text: as many digits as they deserve, a real minus sign, p without its leading zero."""

import math

from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.stats import Interval, wilson

MINUS = "−"


def number(value: float, digits: int = 3) -> str:
    """A value with `digits` decimals; with more if it is small, as a power of ten if it is huge."""
    if not math.isfinite(value):
        return "—"
    size = abs(value)
    if size >= 1e5:
        text = f"{value:.2e}"
    elif size >= 1000:
        text = f"{value:,.0f}"
    elif 0 < size < 10**-digits:
        text = f"{value:.2g}"
    else:
        text = f"{value:.{digits}f}"
    return text.replace("-", MINUS)


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign and `digits` decimals."""
    return plus(number(value, digits))


def p_value(p: float) -> str:
    """As in `.002`, `<.001`; a dash if there is no p."""
    if not math.isfinite(p):
        return "—"
    if p < 0.001:
        return "<.001"
    text = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return text if p >= 0.995 else text.lstrip("0")


def p_clause(p: float) -> str:
    """`p = .002` or `p < .001`."""
    return f"p {p_value(p).replace('<', '< ')}" if p < 0.001 else f"p = {p_value(p)}"


def places(half: float) -> int:
    """How many decimals show two digits of a half width; below zero, how many digits before the point to round."""
    return 1 - int(f"{half:.1e}".partition("e")[2])  # rounded first: 0.0996 is 0.10


def aligned(half: float, *values: float) -> list[str]:
    """Values with as many decimals as two digits of their interval's half width need."""
    if not (math.isfinite(half) and half > 0):
        return [number(value) for value in values]
    return [_fixed(value, places(half)) for value in values]


def _fixed(value: float, decimals: int) -> str:
    size = math.floor(math.log10(abs(value))) if value else 0
    if decimals > 7 or size > 9:
        text = f"{value:.{max(0, size + decimals)}e}"
    else:
        text = f"{round(value, decimals):,.{max(0, decimals)}f}"
    return (text.removeprefix("-") if float(text.replace(",", "")) == 0 else text).replace("-", MINUS)


def interval_of(interval: Interval) -> tuple[str, str]:
    """A mean and its interval, with two digits of the half width: `0.0467`, `[0.0402, 0.0531]`."""
    mean, low, high = aligned(interval.half, interval.mean, interval.low, interval.high)
    return mean, f"[{low}, {high}]"


def plus(text: str) -> str:
    """A difference with its sign, also if it is above zero."""
    return text if text[:1] in (MINUS, "—") or not any(digit in text for digit in "123456789") else f"+{text}"


def spread(interval: Interval, values: tuple[float, ...] = (), digits: int = 3) -> str:
    """A mean as text, by the number of its values.

    One value stands alone, two values are both shown, three or more are a mean with its interval's half width. Of
    values that are all equal, one is shown with their number.
    """
    if interval.n == 0:
        return "—"
    if interval.known:
        return " ± ".join(aligned(interval.half, interval.mean, interval.half))
    if interval.flat:
        return f"{number(interval.mean, digits)} in all {interval.n}"
    shown = values if len(values) == 2 else (interval.mean,)
    return " and ".join(number(value, digits) for value in shown)


def share(count: int, n: int, independent: bool = False) -> str:
    """A rate in percent, `60% (3 of 5)`; for independent cases with Wilson's interval, `60% [23, 88] (3 of 5)`."""
    if n == 0:
        return "—"
    low, high = wilson(count, n)
    interval = f" [{100 * low:.0f}, {100 * high:.0f}]" if independent else ""
    return f"{count / n:.0%}{interval} ({count} of {n})"


def ratio(value: float) -> str:
    """As in `+36%`, `× 2.7`."""
    if not math.isfinite(value):
        return "—"
    if value >= 2 or value <= 0.5:
        return f"× {value:.3g}"
    percent = round(100 * (value - 1))
    return "equal" if percent == 0 else f"{percent:+d}%".replace("-", MINUS)


def ratios(logs: Interval) -> str:
    """A ratio with its interval, from the interval of its log: `× 2.7 [2.3, 3.1]`, `+36% [+20%, +54%]`.

    All three are percents, or all are factors: `× 0.61 [0.105, 3.59]`.
    """
    if not logs.known:
        return ratio(math.exp(logs.mean))
    values = [math.exp(log) for log in (logs.mean, logs.low, logs.high)]
    shown, low, high = [ratio(value) for value in values]
    if any(text.startswith("×") for text in (shown, low, high)):
        shown, low, high = [f"{value:.3g}" for value in values]
        shown = f"× {shown}"
    return f"{shown} [{low}, {high}]"


def size(value: float, unit: str = "") -> str:
    """A large number with a prefix: 48.4 k, 1.2 M."""
    if not math.isfinite(value):
        return "—"
    for limit, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}".strip()


def with_unit(text: str, metric: MetricColumn) -> str:
    """A number with the unit of its metric; a share has none."""
    return f"{text} {metric.unit}" if metric.unit and metric.unit != "share" else text
