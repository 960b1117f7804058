"""Pairs of runs that differ in one factor: what counts once among them, and which part of them is balanced."""

from typing import Literal

import numpy as np
import pandas as pd

from rnnsweep.report import stats

FEW = 3
"""With fewer settings than this, the seeds are the sample, and a result holds for these settings only."""

Unit = Literal["setting", "seed"]
COLUMNS: dict[Unit, str] = {"setting": "block", "seed": "seed"}
"""The column of a frame of pairs that tells the units apart."""


def counted_unit(pairs: pd.DataFrame) -> Unit:
    """What counts once: a setting where there are enough of them, else a seed."""
    return "setting" if pairs["block"].nunique() >= FEW else "seed"


def independent_means(done: pd.DataFrame) -> tuple[list[float], Unit]:
    """What the interval is over: seeds, each with its mean over the settings; settings where they share no seed.

    A seed has a similar effect in all settings, so settings of the same seeds are no independent repetitions.
    """
    if done["block"].nunique() > 1 and not _share_seeds(done):
        return [float(value) for value in done.groupby("block")["difference"].mean()], "setting"
    return [float(value) for value in balanced(done).groupby("seed")["difference"].mean()], "seed"


def _share_seeds(pairs: pd.DataFrame) -> bool:
    return bool(pairs.groupby("seed")["block"].nunique().gt(1).any())


def balanced(pairs: pd.DataFrame) -> pd.DataFrame:
    """The largest part of these pairs in which each setting has each seed: with FEW seeds or more if there is one.

    A seed's mean over the settings can be compared with another seed's only if both have the same settings.
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
    """The fewest and the most seeds of a setting; (0, 0) without pairs."""
    counts = done.groupby("block")["seed"].nunique()
    return (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)


def is_mixed(done: pd.DataFrame) -> bool:
    """Whether some settings by themselves are clearly better and others clearly worse (Holm over the settings)."""
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
    """Pairs of which each run is diverged, or complete with a value."""
    known = [
        (pairs[f"state{side}"] == "diverged") | np.isfinite(pairs[f"value{side}"].astype(float))
        for side in ("", "_base")
    ]
    return pairs[known[0] & known[1]]
