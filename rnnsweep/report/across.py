"""The tuned arms over several tasks: tasks are the unit, seeds only say how well each task's score is known.

A score is (x − chance) / (best − chance): 0 is what the best constant answer reaches, 1 the best arm of the task
(cf. Agarwal et al. 2021, who give the interquartile mean and the probability of improvement, and Demšar 2006 for the
tests over data sets).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.report import stats
from rnnsweep.report.arm_tables import seeds_of
from rnnsweep.report.declared import plain_name
from rnnsweep.report.numbers import number, p_value
from rnnsweep.report.table import Cell, Table, rows_of
from rnnsweep.report.tuned_comparison import TunedComparison

WILCOXON, RANKS = 6, 10
"""Tasks from which the tests over tasks are worth their name."""
SEEDS = 5
"""Seeds of each task from which a bootstrap over seeds is."""
DRAWS = 2000
NEMENYI = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
"""Quantiles at 5% for the critical difference of so many arms (Demšar 2006, table 5a)."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """The scores of the arms that all tasks have."""

    arms: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: dict[tuple[str, str], NDArray[Any]]
    """(arm, task) -> the score of each seed."""
    left_out: tuple[str, ...]
    """Tasks of which no chance level is known."""

    @property
    def means(self) -> NDArray[Any]:
        """(arm, task)"""
        return np.array([[self.seeds[arm, task].mean() for task in self.tasks] for arm in self.arms])

    @property
    def order(self) -> list[int]:
        """The arms by their mean over the tasks, the best first."""
        return [int(arm) for arm in np.argsort(-self.means.mean(1), kind="stable")]

    @property
    def wins(self) -> list[int]:
        """On how many tasks each arm is the best."""
        return [int(n) for n in (self.means == self.means.max(0)).sum(1)]


def scores(comparisons: Sequence[TunedComparison | None]) -> Scores | None:
    """The scores of several tasks; None where fewer than two tasks have a tuned comparison of the same arms."""
    known = [each for each in comparisons if each is not None]
    names = [[arm.name for arm in each.tuning.ranked] for each in known]
    common = [name for name in names[0] if all(name in other for other in names)] if names else []
    if len(known) < 2 or len(common) < 2:
        return None
    found, tasks, left_out = dict[tuple[str, str], NDArray[Any]](), list[str](), list[str]()
    for each in known:
        chance = _chance(each)
        values = {arm.name: np.array(list(seeds_of(each, arm).values())) for arm in each.tuning.ranked}
        best = min((values[name].mean() * each.metric.sign for name in common if len(values[name])), default=math.nan)
        if chance is None or not math.isfinite(best) or best * each.metric.sign == chance:
            left_out.append(each.runs.task)
            continue
        tasks.append(each.runs.task)
        span = best * each.metric.sign - chance
        found |= {(name, each.runs.task): (values[name] - chance) / span for name in common}
    return Scores(tuple(common), tuple(tasks), found, tuple(left_out)) if len(tasks) > 1 else None


def _chance(of: TunedComparison) -> float | None:
    """What the best constant answer reaches by the metric, as the records declare it; the mean where runs differ."""
    told = [declared.get(plain_name(of.metric.name)) for declared in of.runs.frame["declared"].dropna()]
    known = [each.chance for each in told if each is not None and each.chance is not None]
    return float(np.mean(known)) if known else None


def table(of: Scores) -> Table:
    """A row for each arm, the best mean first."""
    means, order, wins = of.means, of.order, of.wins
    leader = order[0]
    columns = ["arm", *of.tasks, "mean", "interquartile mean", "best on", f"better than {of.arms[leader]}"]
    p = _wilcoxon(means, leader) if len(of.tasks) >= WILCOXON else None
    columns += ["Holm p (Wilcoxon)"] if p else []
    columns += ["mean rank"] if len(of.tasks) >= RANKS else []
    ranks = np.mean([ranked(-column) for column in means.T], 0)
    rows = []
    for arm in order:
        cells = [Cell(of.arms[arm], bold=bool(arm == leader)), *(Cell(number(v, 2), v) for v in means[arm])]
        cells += [Cell(number(means[arm].mean(), 2), means[arm].mean()), _iqm(of, of.arms[arm])]
        cells += [Cell(f"{wins[arm]} of {len(of.tasks)}", wins[arm]), _improves(of, arm, leader)]
        cells += [Cell(p_value(p[arm]), p[arm])] if p else []
        cells += [Cell(number(ranks[arm], 2), ranks[arm])] if len(of.tasks) >= RANKS else []
        rows.append(cells)
    return Table("across", "Tuned arms over all tasks", tuple(columns), rows_of(*rows), tuple(_notes(of)))


def sentence(of: Scores) -> str:
    """As in `GRU is best on 3 of 4 tasks`."""
    leader = of.order[0]
    mean = number(of.means[leader].mean(), 2)
    return (
        f"Over {len(of.tasks)} tasks {of.arms[leader]} has the best mean score, {mean}, and "
        f"is best on {of.wins[leader]} of {len(of.tasks)}; a score is 0 at chance and 1 for the best arm of a task."
    )


def _notes(of: Scores) -> list[str]:
    said = [
        "A score is (x − chance) / (best − chance): 0 is what the best constant answer reaches, 1 the task's best arm."
    ]
    said += [
        "Better than: the share of pairs of seeds in which the arm is better, the mean over tasks; a tie is a half."
    ]
    if len(of.tasks) < WILCOXON:
        said.append(f"Tasks are the unit: with fewer than {WILCOXON} there is no test over tasks.")
    if len(of.tasks) >= RANKS and len(of.arms) in NEMENYI:
        k, n = len(of.arms), len(of.tasks)
        said.append(
            f"Critical difference of mean ranks (Nemenyi, 5%): {NEMENYI[k] * math.sqrt(k * (k + 1) / (6 * n)):.2f}."
        )
    if min(map(len, of.seeds.values())) >= SEEDS:
        said.append("Interquartile mean with its 95% interval: bootstrap over the seeds of each task.")
    said += [f"Left out, for their chance level is not known: {', '.join(of.left_out)}."] if of.left_out else []
    return said


def iqm(values: NDArray[Any]) -> float:
    """The mean of the middle half."""
    ordered, cut = np.sort(values), len(values) // 4
    return float(ordered[cut : len(values) - cut].mean())


def _iqm(of: Scores, arm: str) -> Cell:
    every = [of.seeds[arm, task] for task in of.tasks]
    value = iqm(np.concatenate(every))
    if min(map(len, every)) < SEEDS:
        return Cell(number(value, 2), value)
    noise = np.random.default_rng(0)
    draws = [iqm(np.concatenate([noise.choice(each, len(each)) for each in every])) for _ in range(DRAWS)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Cell(f"{number(value, 2)} [{number(low, 2)}, {number(high, 2)}]", {"mean": value, "low": low, "high": high})


def _improves(of: Scores, arm: int, leader: int) -> Cell:
    if arm == leader:
        return Cell("·", math.nan)
    shares = []
    for task in of.tasks:
        gaps = of.seeds[of.arms[arm], task][:, None] - of.seeds[of.arms[leader], task][None, :]
        shares.append(float((gaps > 0).mean() + (gaps == 0).mean() / 2))
    return Cell(f"{np.mean(shares):.0%}", float(np.mean(shares)))


def _wilcoxon(means: NDArray[Any], leader: int) -> list[float]:
    """Signed-rank tests over tasks against the leader, corrected by Holm; not a number for the leader."""
    from scipy.stats import wilcoxon  # a second to import, where there are so many tasks only

    p = [math.nan if arm == leader else float(wilcoxon(means[arm] - means[leader]).pvalue) for arm in range(len(means))]
    return stats.holm(p)


def ranked(values: NDArray[Any]) -> NDArray[Any]:
    """Ranks from one; equal values share theirs."""
    found: NDArray[Any] = pd.Series(values).rank().to_numpy()
    return found
