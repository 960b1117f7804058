"""Sweeps in Hydra's grammar as distributions to draw from.

A continuous range becomes Optuna's float or integer distribution, a list of choices a categorical one.
"""

from typing import Any

from hydra.core.override_parser.types import IntervalSweep, RangeSweep


def of(sweep: Any) -> Any:
    """The distribution to draw from for a sweep in Hydra's grammar."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(sweep, IntervalSweep):
        low, high = sweep.start or 0, sweep.end or 0
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log="log" in sweep.tags)
        return FloatDistribution(low, high, log="log" in sweep.tags)
    if isinstance(sweep, RangeSweep):
        numbers = list(sweep.range())
        if all(isinstance(number, int) for number in numbers):
            return IntDistribution(int(min(numbers)), int(max(numbers)), step=abs(int(sweep.step)))
        return CategoricalDistribution([float(number) for number in numbers])
    return CategoricalDistribution([_unquoted(item) for item in sweep.list])


def quantile(distribution: Any, share: float) -> Any:
    """The value below which this share of the distribution lies, floats to four digits."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(share * len(distribution.choices))]
    whole = isinstance(distribution, IntDistribution)
    if whole and distribution.step > 1:
        steps = range(distribution.low, distribution.high + 1, distribution.step)
        return steps[int(share * len(steps))]
    low, high = distribution.low, distribution.high + whole  # an integer stands for the interval up to the next one
    value = low * (high / low) ** share if distribution.log else low + (high - low) * share
    return min(int(value), distribution.high) if whole else float(f"{value:.4g}")


def _unquoted(item: Any) -> Any:
    """A choice with plain texts, also inside a list or a mapping."""
    if isinstance(item, list):
        return [_unquoted(each) for each in item]
    if isinstance(item, dict):
        return {_unquoted(key): _unquoted(each) for key, each in item.items()}
    return getattr(item, "text", item)
