"""Findings of a paper that are not single numbers: which ablations hurt, and which settings explain the variance."""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.report import fanova, stats
from rnnsweep.report.effect_tables import effect_text
from rnnsweep.report.effects import Effect
from rnnsweep.report.matched_runs import MatchedRuns
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.numbers import number, p_value
from rnnsweep.report.pairs import FEW
from rnnsweep.report.published_values import OPEN, missing_setting
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import short_name
from rnnsweep.report.table import Cell, Table, anchor, estimate, level_cell, rows_of

Claim = dict[str, Any]
"""One published finding: an `Ablation` or a `VarianceShare` of sweep/published.py."""


# Ablations -------------------------------------------------------------------------------------------------------


def ablation_table(runs: Runs, metric: MetricColumn, spec: Claim, claim: Claim, name: str) -> Table | None:
    """A published ablation beside ours.

    Args:
        runs: The runs of the task.
        metric: The validation metric, which chooses the best settings.
        spec: The published results of a study.
        claim: The ablation.
        name: The name of the table.

    Returns:
        A row for each level that the paper speaks of, with our difference, its p, and the verdict; None if the factor
        or the baseline does not occur in these runs.
    """
    factor = next((factor for factor in runs.factors if factor.key == claim["factor"]), None)
    if factor is None or claim["baseline"] not in factor.levels:
        return None
    inside = _best(runs, MatchedRuns(runs, factor, metric).table, metric, claim["best"])
    judged = runs.metric(spec["metric"])
    effects = {e.level: e for e in MatchedRuns(runs, factor, judged, inside, settings=True).against(claim["baseline"])}
    rows: list[list[str | Cell]] = []
    lacks = missing_setting(runs, spec)
    for kind in ("hurts", "harmless"):
        for level in claim[kind]:
            found = effects.get(level)
            if found is None or not found.values:
                rows.append([level_cell(factor.key, level), kind, Cell("–", None), Cell("–", None), "no complete pair"])
                continue
            ours = Cell(effect_text(found), estimate(found.interval))
            tested = f"{p_value(found.adjusted)} (of {found.family})" if found.interval.known else "—"
            p = Cell(tested, found.adjusted)
            told = f"not judged: {lacks}" if lacks else _verdict(found, kind, judged, claim["margin"])
            rows.append([level_cell(factor.key, level), kind, ours, p, told])
    used = {int(row) for effect in effects.values() for side in ("row", "base") for row in effect.pairs[side]}
    notes = [str(run_counts(runs, sorted(used), judged.name)), _how(claim)]
    notes += [f"Settings differ: {spec['differs']}"] if spec.get("differs") else []
    columns = (
        factor.key,
        "published",
        f"ours: Δ {judged.name} to {short_name(factor.key, claim['baseline'])}",
        "Holm p",
        "verdict",
    )
    return Table(name, f"{spec['source']}: what hurts", columns, rows_of(*rows), tuple(notes))


def _how(claim: Claim) -> str:
    told = (
        f"hurts: reproduced if the level is worse at Holm p < {stats.ALPHA:.2g} over all levels, not reproduced if the "
        f"95% interval excludes a harm of {number(claim['margin'], 2)}. harmless: reproduced if the interval excludes "
        "that harm, not reproduced if the whole interval lies above it. Otherwise undecided."
    )
    if claim["best"] < 1:
        told += f" Only the best {claim['best']:.0%} of settings count, by the mean of all levels on validation."
    return told


def _best(runs: Runs, table: pd.DataFrame, metric: MetricColumn, share: float) -> NDArray[Any]:
    """Which runs are of the best settings, by the mean of all levels; each level of such a setting has a value."""
    means = table.groupby("block")["value"].agg(lambda values: values.mean(skipna=False)) * metric.sign
    kept = means.dropna().sort_values().index[: math.ceil(share * len(means))]
    inside = np.zeros(len(runs.frame), bool)
    inside[table.loc[table["block"].isin(kept), "row"]] = True
    return inside


def _verdict(effect: Effect, kind: str, metric: MetricColumn, margin: float) -> str:
    """`reproduced`, `not reproduced`, undecided, or not judged."""
    if len(effect.values) < FEW:
        return f"not judged: fewer than {FEW} pairs"
    low, high = sorted((effect.interval.ends[0] * metric.sign, effect.interval.ends[1] * metric.sign))
    if kind == "hurts":
        worse = low > 0 and (effect.interval.flat or effect.adjusted < stats.ALPHA)
        return "reproduced" if worse else "not reproduced" if high < margin else OPEN
    return "reproduced" if high < margin else "not reproduced" if low >= margin else OPEN


# Shares of the variance ------------------------------------------------------------------------------------------


def shares_table(runs: Runs, spec: Claim, name: str) -> Table | None:
    """The published shares of the variance beside ours by the same method, with the verdict on each."""
    if not spec.get("shares"):
        return None
    metric = runs.metric(spec["metric"])
    found, problem = fanova.importance(runs, metric)
    rows: list[list[str | Cell]] = []
    lacks = missing_setting(runs, spec)
    for claim in spec["shares"]:
        value, least, ours = float(claim["value"]), claim.get("least"), found.get(claim["key"])
        wanted = f"{value:.0%}" + (f" ({least:.0%} or more)" if least is not None else "")
        if ours is None:
            told = problem or "not drawn here"
        elif least is None:
            told = "not judged"
        elif lacks:
            told = f"not judged: {lacks}"
        else:
            told = "reproduced" if ours >= least else "not reproduced"
        shown = Cell("–", None) if ours is None else Cell(f"{ours:.1%}", ours)
        rows.append([claim["key"], Cell(wanted, value), shown, told])
    done = np.flatnonzero(np.isfinite(runs.values(metric.name)))
    notes = (str(run_counts(runs, done, metric.name)), "fANOVA by a random forest (Optuna), over all levels together.")
    columns = ("setting", "published share", "ours", "verdict")
    return Table(name, f"{spec['source']}: shares of the variance of {metric.words}", columns, rows_of(*rows), notes)


def tables(runs: Runs, metric: MetricColumn, spec: Claim, index: int) -> list[Table]:
    """The tables of a study's published findings, without those that need settings which these runs do not have."""
    stem = f"published-{anchor(runs.task)}-{index + 1}"
    claims = enumerate(spec.get("ablations", []), 1)
    found = [ablation_table(runs, metric, spec, claim, f"{stem}-ablation-{order}") for order, claim in claims]
    return [table for table in (*found, shares_table(runs, spec, f"{stem}-shares")) if table is not None]
