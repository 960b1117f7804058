"""From the runs of one task to its section of the report."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from rnnsweep import planned
from rnnsweep.report import arm_tables, leaderboard, listings, seeds_needed, tuned_comparison, variance_tables
from rnnsweep.report.arms import Tuning
from rnnsweep.report.baselines import baselines
from rnnsweep.report.design import design
from rnnsweep.report.discovery import modules
from rnnsweep.report.headline import headline
from rnnsweep.report.prompt_samples import samples
from rnnsweep.report.runs import Runs
from rnnsweep.report.section import Section, default_margin
from rnnsweep.report.table import Table
from rnnsweep.report.tuned_comparison import TunedComparison


def analyse(
    runs: Runs,
    by: Sequence[str],
    metric: str | None,
    asked: dict[str, str],
    margin: float | None,
    out: Path,
    tuned: TunedComparison | None = None,
    views: Sequence[ModuleType] = (),
) -> Section:
    """Everything about one task.

    Args:
        runs: The runs of the task.
        by: The factors to report; all that vary, where there are none.
        metric: What to compare by; the validation loss.
        asked: The levels that the others are compared with, by key.
        margin: Below it a difference is small; that of the plan, else a default by the unit.
        out: The report's directory, from which the links to the runs lead.
        tuned: The tuned comparison, corrected over all of the report.
        views: The user's views that the command names.

    Raises:
        ReportError: a factor, level or metric that these runs do not have.
    """
    chosen = runs.metric(metric)
    factors = [runs.factor(key) for key in by] if by else runs.factors
    plan = tuned.tuning.design.plan if tuned else None
    planned_margin = plan.margin if plan and plan.metric == chosen.name else None
    least = next((each for each in (margin, planned_margin) if each is not None), default_margin(runs, chosen))
    section = Section(runs, chosen, least, baselines(runs, factors, asked), factors)
    section.tuned, section.views = tuned, views
    section.top_tables = _top_tables(tuned, least) if tuned else []
    section.leaderboard = leaderboard.leaderboard(runs, chosen, section.baselines, plan.tuning_seed if plan else None)
    for chapter in sorted(modules("answers", runs.packages).values(), key=lambda module: module.RANK):
        section.answers += filter(None, chapter.answers(section))
    found = (
        listings.failures(runs),
        listings.all_runs(runs, chosen, out),
        listings.settings(runs, chosen),
        listings.pairs(runs, section.effects, chosen),
    )
    section.listings = [table for table in found if table and table.rows]
    section.appendix = [variance_tables.marginals_table(runs, chosen)] if runs.factors else []
    section.samples = samples(section)
    section.headline = headline(section)
    return section


def _top_tables(tuned: TunedComparison, margin: float) -> list[Table]:
    found = (arm_tables.comparison_table(tuned), seeds_needed.table(tuned, margin), arm_tables.fairness(tuned))
    return [table for table in found if table]


@dataclasses.dataclass(frozen=True)
class DesignOptions:
    """What the report's user says of the design."""

    compare: Sequence[str] = ()
    tune: Sequence[str] = ()


def tuned_comparisons(
    tasks: Sequence[Runs], metric: str | None, levels: dict[str, str], asked: DesignOptions
) -> list[TunedComparison | None]:
    """The tuned comparison of each task, under one correction.

    Args:
        tasks: The runs of each task.
        metric: What the user compares by; the settings are chosen by it on validation.
        levels: The baselines that the user names.
        asked: What the user says of the design.

    Raises:
        ReportError: a factor, level or metric that these runs do not have.
    """
    return tuned_comparison.adjusted([_tuned_comparison(runs, metric, levels, asked) for runs in tasks])


def _tuned_comparison(
    runs: Runs, metric: str | None, levels: dict[str, str], asked: DesignOptions
) -> TunedComparison | None:
    known = {key for factor in runs.factors for key in factor.keys}
    named = ([key for key in keys if key in known] for keys in (asked.compare, asked.tune))
    found = design(runs, *named)
    if found is None:
        return None
    chosen = found.plan.metric if found.plan and metric is None else runs.metric(metric).name
    chosen = f"val/{chosen.removeprefix('test/')}" if chosen.startswith("test/") else chosen
    if not chosen.startswith("val/") or chosen not in runs.metrics:
        return None
    tuning = Tuning(runs, found, runs.metric(chosen))
    return tuned_comparison.compare_arms(runs, tuning, baselines(runs, runs.factors, levels))


def searched_keys(studies: Sequence[str]) -> dict[str, list[str]]:
    """The settings that each study's searches, and its grids, drew, and by which sampler."""
    found: dict[str, list[str]] = {}
    for study in studies:
        if keys := planned.drawn(Path(study)):
            found.setdefault("random", []).extend(keys)
        for search in planned.searched(Path(study)):
            keys = [*search.groups, *(key for _, space in search.bases.values() for key in space)]
            sampler = search.sampler if isinstance(search.sampler, str) else search.sampler["_target_"]
            found.setdefault(sampler, []).extend(keys)
    return found
