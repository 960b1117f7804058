"""Importance of what a random search drew: Optuna's fANOVA, a forest. For grids the exact shares are used instead."""

import warnings

import numpy as np

from rnnsweep.report.collect import UNSET
from rnnsweep.report.runs import MetricColumn, Runs

LEAST = 10  # trials below which a forest says nothing


def importance(runs: Runs, metric: MetricColumn) -> tuple[dict[str, float], str | None]:
    """The share of the variance that each setting explains by itself, and several together as `interactions`.

    Empty with the reason where that cannot be told. A trial is a setting's mean over its seeds. What a draw was crossed
    with, such as the cell, is a setting of the trial like those that were drawn.
    """
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if not runs.random:
        return {}, "The search was guided: its trials crowd where it looked, so no importance is computed from them."
    derived = {key for factor in runs.factors for key in factor.derived} - runs.searched
    keys = [f.key for f in runs.factors if f.key not in derived and not (runs.frame[f.key] == UNSET).any()]
    values, setting = runs.values(metric.name), runs.frame["setting"].to_numpy()
    numbers = {f.key: f.numbers is not None for f in runs.factors}
    trials = []
    for code in np.unique(setting[np.isfinite(values)]):
        rows = np.flatnonzero((setting == code) & np.isfinite(values))
        drawn = {key: runs.frame[key].iloc[rows[0]] for key in keys}
        trials.append(({k: float(v) if numbers[k] else str(v) for k, v in drawn.items()}, float(values[rows].mean())))
    if len(trials) < LEAST or not keys:
        return {}, f"{len(trials)} finished trials are too few for a forest ({LEAST} are needed)."
    space: dict[str, optuna.distributions.BaseDistribution] = {}
    for key in keys:
        seen = [drawn[key] for drawn, _ in trials]
        if numbers[key]:
            low, high = min(map(float, seen)), max(map(float, seen))
            space[key] = FloatDistribution(low, high, log=low > 0 and high / low > 20)
        else:
            space[key] = CategoricalDistribution(sorted({str(value) for value in seen}))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize" if metric.lower else "maximize")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.add_trials([optuna.trial.create_trial(params=d, distributions=space, value=v) for d, v in trials])
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        alone = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    return {**alone, "interactions": max(0.0, 1 - sum(alone.values()))}, None
