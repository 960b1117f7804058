"""The table of the tuned arms over several tasks, and the sentence that summarises it."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsweep.report.across import ranks
from rnnsweep.report.across.ranks import RANKS, WILCOXON
from rnnsweep.report.across.scores import Scores, iqm, pooled
from rnnsweep.report.numbers import number, p_clause, p_value
from rnnsweep.report.table import Cell, Table, rows_of

SAID = "scores between chance (0) and the task's best arm (1); interquartile mean with its 95% bootstrap interval"


def table(of: Scores) -> Table:
    """The scores as a table: a row for each arm, the best mean first."""
    means, order, count = of.means, of.order, len(of.tasks)
    columns = ["arm", *of.tasks, "mean", "interquartile mean", "best on", f"better than {of.leader}"]
    p = ranks.wilcoxon(means, order[0]) if count >= WILCOXON else None
    columns += ["Holm p (Wilcoxon)"] if p else []
    columns += ["mean rank"] if count >= RANKS else []
    rows = [_row(of, arm, means, p) for arm in order]
    return Table(
        "across", "Tuned arms over all tasks", tuple(columns), rows_of(*rows), tuple(_notes(of)), measured=SAID
    )


def _row(of: Scores, arm: int, means: NDArray[Any], p: list[float] | None) -> list[Cell]:
    name, mean, wins = of.arms[arm], float(means[arm].mean()), of.wins[arm]
    cells = [Cell(name, bold=name == of.leader), *(Cell(number(v, 2), v) for v in means[arm])]
    cells += [Cell(number(mean, 2), mean), _iqm(of, name)]
    cells += [Cell(f"{wins} of {len(of.tasks)}", wins), _improves(of, name)]
    cells += [Cell("·" if math.isnan(p[arm]) else p_value(p[arm]), p[arm])] if p else []
    rank = ranks.mean_ranks(means)[arm]
    return cells + ([Cell(number(rank, 2), rank)] if len(of.tasks) >= RANKS else [])


def sentence(of: Scores) -> str:
    """The sentence about the leader, as in `Over 4 tasks GRU has the best mean score`."""
    leader = of.order[0]
    mean = number(of.means[leader].mean(), 2)
    told = "" if of.fresh else "; exploratory: the seeds of some task chose the settings"
    return (
        f"Over {len(of.tasks)} tasks {of.leader} has the best mean score, {mean}, and is best on {of.wins[leader]} of "
        f"{len(of.tasks)}; a score is 0 at chance and 1 for the best arm of a task{told}."
    )


def _notes(of: Scores) -> list[str]:
    said = ["A score is (x − chance) / (best − chance): 0 is the best constant answer, 1 is the best arm of the task."]
    said += [
        "Better than: the share of pairs of seeds in which the arm is better, averaged over tasks; a tie counts half."
    ]
    if of.enough:
        said.append(
            "Interquartile mean with its 95% interval: a bootstrap over the seeds of each task, which treats chance "
            "and best as known."
        )
    said += _tests(of)
    said += [f"Left out, because the chance level is not known: {', '.join(of.left_out)}."] if of.left_out else []
    told = f"Left out, because no arm is better than chance: {', '.join(of.unlearned)}."
    said += [told] if of.unlearned else []
    return said


def _tests(of: Scores) -> list[str]:
    """The notes about the tests over tasks, and their results."""
    arms, tasks = len(of.arms), len(of.tasks)
    if tasks < WILCOXON:
        return [f"Tasks are the units; a test over tasks needs {WILCOXON} or more."]
    said = [f"Wilcoxon's signed-rank test over tasks against {of.leader}; Holm over all pairs of arms."]
    if tasks >= RANKS:
        p = ranks.friedman(ranks.mean_ranks(of.means), tasks)
        difference = ranks.critical_difference(arms, tasks)
        said.append(
            f"Friedman's test of the ranks (Iman and Davenport): {p_clause(p)}. Two arms are shown to differ if their "
            f"mean ranks differ by more than {difference:.2f} (Nemenyi's critical difference, 5%; Demšar 2006)."
        )
    return said


def _iqm(of: Scores, arm: str) -> Cell:
    value = float(iqm(pooled(of.of(arm))))
    if not of.enough:
        return Cell(number(value, 2), value)
    low, high = of.interval(arm)
    return Cell(f"{number(value, 2)} [{number(low, 2)}, {number(high, 2)}]", {"mean": value, "low": low, "high": high})


def _improves(of: Scores, arm: str) -> Cell:
    if arm == of.leader:
        return Cell("·", math.nan)
    shares = []
    for mine, theirs in zip(of.of(arm), of.of(of.leader), strict=True):
        gaps = mine[:, None] - theirs[None, :]
        shares.append(float((gaps > 0).mean() + (gaps == 0).mean() / 2))
    return Cell(f"{np.mean(shares):.0%}", float(np.mean(shares)))
