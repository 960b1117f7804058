"""The importance of the settings that a random search drew, by Optuna's fANOVA. For grids, `anova` is exact."""

import warnings
from typing import Any

import numpy as np

from rnnsweep.report import stats
from rnnsweep.report.collect import UNSET
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.runs import Runs

LEAST = 10  # fewest trials for a forest

Trial = tuple[dict[str, Any], float]
"""The settings that were drawn, by key, and the metric."""


def importance(runs: Runs, metric: MetricColumn) -> tuple[dict[str, float], str | None]:
    """The share of the variance that each setting explains.

    A trial is a setting's mean over its seeds. A factor that the draws were crossed with, such as the cell, counts
    like one that was drawn.

    Args:
        runs: The runs of the task.
        metric: The metric.

    Returns:
        The share of each setting by itself, with `interactions` for the rest, and None; or nothing, and the reason.
    """
    if not runs.random:
        return {}, "No importance is computed: the search was guided, and its trials crowd where it found good values."
    derived = {key for factor in runs.factors for key in factor.derived} - runs.searched
    keys = [f.key for f in runs.factors if f.key not in derived and not (runs.frame[f.key] == UNSET).any()]
    values, setting = runs.values(metric.name), runs.frame["setting"].to_numpy()
    numbers = {f.key: f.numbers is not None for f in runs.factors}
    trials: list[Trial] = []
    for code in np.unique(setting[np.isfinite(values)]):
        rows = np.flatnonzero((setting == code) & np.isfinite(values))
        drawn = {key: runs.frame[key].iloc[rows[0]] for key in keys}
        trials.append(({k: float(v) if numbers[k] else str(v) for k, v in drawn.items()}, float(values[rows].mean())))
    if len(trials) < LEAST or not keys:
        return {}, f"{len(trials)} finished trials are too few for a forest ({LEAST} are needed)."
    if stats.alike([value for _, value in trials]):
        return {}, f"All {len(trials)} finished trials have one value: there is no variance to explain."
    alone = _fanova(trials, [key for key in keys if numbers[key]], metric.lower)
    return {**alone, "interactions": max(0.0, 1 - sum(alone.values()))}, None


def _fanova(trials: list[Trial], numeric: list[str], lower: bool) -> dict[str, float]:
    """The share of each setting by itself, by Optuna's forest."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    space: dict[str, optuna.distributions.BaseDistribution] = {}
    for key in trials[0][0]:
        seen = [drawn[key] for drawn, _ in trials]
        if key in numeric:
            low, high = min(map(float, seen)), max(map(float, seen))
            space[key] = FloatDistribution(low, high, log=low > 0 and high / low > 20)
        else:
            space[key] = CategoricalDistribution(sorted({str(value) for value in seen}))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize" if lower else "maximize")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.add_trials([optuna.trial.create_trial(params=d, distributions=space, value=v) for d, v in trials])
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found: dict[str, float] = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    return found
