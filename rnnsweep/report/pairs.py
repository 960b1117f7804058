"""Pairs of runs that differ in one factor: which differences are independent, and which part is balanced.

A frame of pairs has a row for each pair. `block` is a number for the other settings, and `seed` is the seed. `value`
and `state` are those of the level's run, `value_base` and `state_base` those of the baseline's run. A frame of
finished pairs also has `difference`, level minus baseline.
"""

from typing import Literal

import numpy as np
import pandas as pd

from rnnsweep.report import stats

FEW = 3
"""The fewest values that get an interval. With fewer settings than this, units are seeds, not settings."""

Unit = Literal["setting", "seed"]
COLUMNS: dict[Unit, str] = {"setting": "block", "seed": "seed"}
"""The column of a frame of pairs that says which unit a pair belongs to."""


def counted_unit(pairs: pd.DataFrame) -> Unit:
    """The unit that counts once in a sign test: a setting if there are FEW or more, else a seed.

    Args:
        pairs: A frame of pairs, with the column `block`.
    """
    return "setting" if pairs["block"].nunique() >= FEW else "seed"


def independent_means(done: pd.DataFrame) -> tuple[list[float], Unit]:
    """The independent differences that an interval is computed from.

    A seed has a similar effect in all settings, so settings with the same seeds are not independent repetitions.

    Args:
        done: Finished pairs, with the columns `block seed difference`.

    Returns:
        The mean difference of each seed over the settings, and "seed". If no two settings share a seed, the mean
        difference of each setting, and "setting".
    """
    if done["block"].nunique() > 1 and not _share_seeds(done):
        return [float(value) for value in done.groupby("block")["difference"].mean()], "setting"
    return [float(value) for value in balanced(done).groupby("seed")["difference"].mean()], "seed"


def _share_seeds(pairs: pd.DataFrame) -> bool:
    return bool(pairs.groupby("seed")["block"].nunique().gt(1).any())


def balanced(pairs: pd.DataFrame) -> pd.DataFrame:
    """The largest part of some pairs in which every setting has every seed.

    The means of two seeds over the settings can be compared only if both seeds have the same settings.

    Args:
        pairs: A frame of pairs, with the columns `block seed`.

    Returns:
        Some of the rows; they have FEW seeds or more, if such a part exists.
    """
    blocks, seeds = (pd.factorize(pairs[name], sort=True)[0] for name in ("block", "seed"))
    has = np.zeros((blocks.max(initial=-1) + 1, seeds.max(initial=-1) + 1), bool)
    has[blocks, seeds] = True
    if has.all():
        return pairs
    order = np.argsort(-has.sum(0), kind="stable")
    whole = np.logical_and.accumulate(has[:, order], axis=1)  # (block, n): whether it has the first n of these seeds
    counts = whole.sum(0)
    n = max(range(1, len(order) + 1), key=lambda n: (n >= FEW and counts[n - 1] > 0, n * counts[n - 1]))
    return pairs[np.isin(seeds, order[:n]) & whole[blocks, n - 1]]


def seeds_per_setting(done: pd.DataFrame) -> tuple[int, int]:
    """The fewest and the most seeds of a setting.

    Args:
        done: Finished pairs, with the columns `block seed`.

    Returns:
        Both numbers; (0, 0) if there are no pairs.
    """
    counts = done.groupby("block")["seed"].nunique()
    return (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)


def is_mixed(done: pd.DataFrame) -> bool:
    """Whether a level is clearly better in some settings and clearly worse in others.

    Each setting is tested by itself, by a t test over its seeds with Holm's correction over the settings.

    Args:
        done: Finished pairs, with the columns `block difference value`.
    """
    groups = done.groupby("block")["difference"].agg(["mean", "std", "count"])
    rounding = stats.ROUNDING * done["value"].abs().groupby(done["block"]).mean()
    groups = groups[(groups["count"] >= FEW) & (groups["std"] > rounding)]
    if len(groups) < 2 or not (groups["mean"] > 0).any() or not (groups["mean"] < 0).any():
        return False
    error = groups["std"] / np.sqrt(groups["count"])
    p = [stats.two_sided(t, n - 1) for t, n in zip(groups["mean"] / error, groups["count"], strict=True)]
    clear = groups["mean"][np.array(stats.holm(p)) < stats.ALPHA]
    return bool((clear > 0).any() and (clear < 0).any())


def ended_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs whose runs both ended: each run diverged, or has a value.

    Args:
        pairs: A frame of pairs, with the columns `state state_base value value_base`.
    """
    known = [
        (pairs[f"state{side}"] == "diverged") | np.isfinite(pairs[f"value{side}"].astype(float))
        for side in ("", "_base")
    ]
    return pairs[known[0] & known[1]]
