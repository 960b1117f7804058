"""The tables of the tuned comparison: the arms at their best settings, and the effort spent on tuning each."""

import math

import numpy as np

from rnnsweep.report import stats
from rnnsweep.report.commands import confirmation, wider
from rnnsweep.report.numbers import interval_of, number, p_value, plus, share, signed, size, spread
from rnnsweep.report.run_counts import run_counts
from rnnsweep.report.table import Cell, Table, TableRow, anchor, estimate, measured, setting_link
from rnnsweep.report.tuned_arm import TunedArm
from rnnsweep.report.tuned_comparison import ArmComparison, TunedComparison

SHOWN = 4
"""The most conditions whose best settings are listed in one cell."""


def comparison_table(of: TunedComparison) -> Table:
    """The tuned comparison as a table: a row for each arm, the best on validation first."""
    others = [of.leader] if of.baseline in (of.leader, None) else [of.baseline, of.leader]
    by = of.tuning.metric.name
    by = f"{by} of the choice" if by == of.metric.name else by  # the runs have no such metric of the test part
    columns = ["arm", "best setting", "configurations", by]
    columns += [of.metric.name, *(f"Δ to {other.name}" for other in others if other), "status"]
    columns += ["diverged", "parameters", "compute"]
    rows = []
    for arm in of.tuning.ranked:
        cells = [Cell(arm.name, bold=arm is of.leader), _best(of, arm), _tried(arm)]
        cells += [_validation(of, arm), _tested(of, arm)]
        cells += [_difference_cell(of, arm, other) for other in others if other]
        rows.append(TableRow((*cells, _status(of, arm), *_costs(of, arm))))
    title = f"Tuned comparison: {', '.join(factor.key for factor in of.tuning.design.compared)}"
    used = sorted({row for arm in of.tuning.ranked for row in arm.best})
    notes = [str(run_counts(of.runs, used, of.metric.name)), *_notes(of)]
    name = f"tuned-{anchor(of.runs.task)}"
    aside = (by, "configurations", "status", "diverged", "parameters", "compute")
    return Table(name, title, tuple(columns), tuple(rows), tuple(notes), measured=_measured(of), elsewhere=aside)


def _measured(of: TunedComparison) -> str:
    looked = any(comparison.look for comparison in of.comparisons)
    said = measured(of.metric, "interval of the look's level" if looked else "95% Student t interval")
    confirmed = all(comparison.confirmed for comparison in of.comparisons)
    return said if confirmed else f"{said}; exploratory: some settings were chosen on these seeds"


def _best(of: TunedComparison, arm: TunedArm) -> Cell:
    keys = [key for factor in of.tuning.design.tuned for key in factor.keys]
    told = [of.runs.settings.describe(choice.setting, only=keys) for choice in arm.choices.values()]
    if len(set(told)) == 1:
        return Cell(told[0], link=setting_link(of.runs, next(iter(arm.choices.values())).setting))
    return Cell("; ".join(told) if len(told) <= SHOWN else f"one for each of {len(told)} conditions")


def _tried(arm: TunedArm) -> Cell:
    return Cell(str(arm.tried) if arm.used == arm.tried else f"{arm.used} of {arm.tried}", arm.tried)


def _validation(of: TunedComparison, arm: TunedArm) -> Cell:
    if len(arm.choices) == 1:
        (choice,) = arm.choices.values()
        interval, values = of.tuning.validation(choice), of.tuning.values[list(choice.chosen_on.values())]
        return Cell(spread(interval, tuple(values)), estimate(interval))
    mean = of.tuning.mean(arm)
    return Cell(number(mean), mean)


def _tested(of: TunedComparison, arm: TunedArm) -> Cell:
    known = tuple(seeds_of(of, arm).values())
    interval = stats.t_interval(known)
    return Cell(spread(interval, known), estimate(interval))


def seeds_of(of: TunedComparison, arm: TunedArm) -> dict[float, float]:
    """The metric of an arm by seed, as the mean over the conditions.

    Args:
        of: The tuned comparison.
        arm: One of its arms.

    Returns:
        Seed -> metric; of fresh seeds if there are any, and only of seeds that all conditions have.
    """
    values = of.runs.values(of.metric.name)
    found: dict[float, list[float]] = {}
    for choice in arm.choices.values():
        for seed, row in (choice.fresh or choice.chosen_on).items():
            found.setdefault(seed, []).append(float(values[row]))
    means = {seed: float(np.mean(each)) for seed, each in sorted(found.items()) if len(each) == len(arm.choices)}
    return {seed: mean for seed, mean in means.items() if math.isfinite(mean)}


def _difference_cell(of: TunedComparison, arm: TunedArm, other: TunedArm) -> Cell:
    comparison = of.find(arm, other)
    if comparison is not None:
        return Cell(
            difference_text(comparison), _difference_data(comparison), bold=comparison.clear and better(of, comparison)
        )
    return Cell(f"see {other.name}" if of.find(other, arm) else "·", math.nan)


def better(of: TunedComparison, comparison: ArmComparison) -> bool:
    """Whether the first arm of a comparison is better on average."""
    return comparison.interval.mean * of.metric.sign < 0


def difference_text(comparison: ArmComparison) -> str:
    """`−0.106 [−0.151, −0.061], p .03`."""
    interval = comparison.interval
    if interval.known:
        mean, ends = interval_of(interval)
        return f"{plus(mean)} {ends}, p {p_value(comparison.p)}"
    if interval.flat:
        return f"{signed(interval.mean)} in all {len(comparison.values)}"
    return " and ".join(signed(value) for value in comparison.values) if comparison.values else "—"


def _difference_data(comparison: ArmComparison) -> dict[str, float]:
    return estimate(comparison.interval) | {"p": comparison.p}


def _status(of: TunedComparison, arm: TunedArm) -> Cell:
    comparisons = [c for c in of.comparisons if arm in (c.arm, c.other)]
    confirmed = bool(comparisons) and all(c.confirmed for c in comparisons)
    told = "confirmed" if confirmed else "chosen on these seeds"
    if arm is of.leader:
        return Cell(f"leader, {told}")
    look = next((c.look for c in comparisons if c.look and of.leader in (c.arm, c.other)), None)
    return Cell(f"{look.verdict}, {told}" if look else told)


def _costs(of: TunedComparison, arm: TunedArm) -> tuple[Cell, Cell, Cell]:
    """The share of diverged runs, the parameters of the best setting, and the time of all runs of the arm."""
    states = of.runs.frame["state"].to_numpy(object)[arm.rows]
    diverged, ended = int((states == "diverged").sum()), int(np.isin(states, ["complete", "diverged"]).sum())
    parameters = float(np.median(of.runs.column("parameters")[arm.best]))
    seconds = float(np.nansum(of.runs.column("seconds")[arm.rows]))
    told = Cell(share(diverged, ended) if diverged else "none", diverged / ended if ended else math.nan)
    return told, Cell(size(parameters), parameters), Cell(time_text(seconds), seconds)


def time_text(seconds: float) -> str:
    """As in `12 s`, `3.5 min`, `2.1 h`."""
    for limit, name in ((3600, "h"), (60, "min")):
        if seconds >= limit:
            return f"{seconds / limit:.3g} {name}"
    return f"{seconds:.3g} s"


def _notes(of: TunedComparison) -> list[str]:
    design, tuning = of.tuning.design, of.tuning
    looked = any(comparison.look for comparison in of.comparisons)
    said = [
        f"Each arm is at its best {design.one}: {design.said}. The best has the best {tuning.metric.words} over the "
        "seeds that all settings of the arm share, among settings of which 80% of the seeds finished. Differences are "
        f"in {of.metric.words}, paired by seed, with the {'' if looked else '95% '}Student t interval over seeds."
    ]
    if design.plan and looked:
        plan = design.plan
        levels = ", ".join(f"{level:g}" for level in plan.levels)
        margin = f"margin {plan.margin:g}, " if plan.margin is not None else ""
        said.append(
            f"Planned before the first run: looks at {', '.join(map(str, plan.looks))} fresh seeds, {margin}levels "
            f"{levels}. A look's level is divided by the number of comparisons with the leader, "
            f"{max(1, len(tuning.ranked) - 1)}: p is compared with the quotient, and the interval has that level. "
            "A comparison stays open if a run with a fresh seed diverged, and between looks nothing is decided."
        )
    family = max((c.family for c in of.comparisons), default=0)
    over = f"all {family} tuned comparisons" if family > 1 else "the one tuned comparison"
    said += [f"p: Holm's correction over {over} of the report."] if family else []
    if not all(comparison.confirmed for comparison in of.comparisons):
        said.append(f"Exploratory until fresh seeds confirm it: {confirmation(of)}")
    said += [f"The best value is at the {end} end of its range ({key}). {to}" for key, end, to in wider(of)]
    if not tuning.equal:
        said.append(
            "Arms are compared at equal numbers of configurations: of an arm with more, only the first ones count."
        )
    return said


def fairness(of: TunedComparison) -> Table:
    """The table of the effort spent on tuning each arm."""
    columns = ("arm", "configurations", "compared at", "runs", "edge of range", "parameters", "diverged", "compute")
    rows = []
    for arm in of.tuning.arms:
        edges = ", ".join(f"{factor.key} ({end})" for factor, end in arm.edges) or "none"
        cells = [
            Cell(arm.name),
            Cell(str(arm.tried), arm.tried),
            Cell(str(arm.used) if arm.used else "no setting finished", arm.used),
            Cell(str(len(arm.rows)), len(arm.rows)),
            Cell(edges if arm.choices else "—"),
        ]
        diverged, parameters, compute = _costs(of, arm) if arm.choices else (Cell("—"),) * 3
        rows.append(TableRow((*cells, parameters, diverged, compute)))
    note = "compute: the time of all runs of the arm; a run counts its share of its stack's time."
    note += "" if of.runs.timed_alike else " The runs were not all timed on one host with equal threads and kernels."
    return Table(f"fairness-{anchor(of.runs.task)}", "Was each arm tuned as well?", columns, tuple(rows), (note,))
