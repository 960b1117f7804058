"""From the runs of one task to its section of the report."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from rnnsweep import planned
from rnnsweep.errors import ReportError
from rnnsweep.report import arm_tables, leaderboard, listings, seeds_needed, tuned_comparison, variance_tables
from rnnsweep.report.arms import Tuning
from rnnsweep.report.baselines import baselines
from rnnsweep.report.declared import plain_name
from rnnsweep.report.design import design
from rnnsweep.report.discovery import modules
from rnnsweep.report.headline import headline
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.prompt_samples import samples
from rnnsweep.report.runs import Runs
from rnnsweep.report.section import Section, default_margin
from rnnsweep.report.table import Table
from rnnsweep.report.tuned_comparison import TunedComparison
from rnnsweep.tuned_plan import Tuned, too_wide


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
    """The section of a report about one task.

    Args:
        runs: The runs of the task.
        by: The factors to report; all that vary, if it is empty.
        metric: The metric to compare by; None for the validation loss.
        asked: The baseline levels that the user names, by key.
        margin: The margin below which a difference is small; None for that of the plan, or the default of the unit.
        out: The report's directory; links to runs are relative to it.
        tuned: The tuned comparison, if there is one.
        views: The user's views that the command names.

    Raises:
        ReportError: The runs do not have one of these factors, levels or metrics.
    """
    chosen = runs.metric(metric)
    factors = [runs.settings.factor(key) for key in by] if by else runs.factors
    plan = tuned.tuning.design.plan if tuned else None
    least = _margin(runs, chosen, margin, plan)
    section = Section(runs, chosen, least, baselines(runs, factors, asked), factors)
    section.tuned, section.views = tuned, views
    if tuned:
        alike = plain_name(tuned.metric.name) == plain_name(chosen.name)
        section.top_tables = _top_tables(tuned, least if alike else _margin(runs, tuned.metric, None, plan))
    section.leaderboard = leaderboard.leaderboard(runs, chosen, section.baselines, plan.tuning_seed if plan else None)
    for chapter in sorted(modules("answers", runs.packages).values(), key=lambda module: module.RANK):
        section.answers += filter(None, chapter.answers(section))
    section.listings = _listings(section, out)
    section.appendix = [variance_tables.marginals_table(runs, chosen)] if runs.factors else []
    section.samples, section.headline = samples(section), headline(section)
    return section


def _margin(runs: Runs, metric: MetricColumn, asked: float | None, plan: Tuned | None) -> float:
    """The margin in the unit of a metric: the one that is asked for, else that of the plan, else that of the unit."""
    if asked is not None:
        if problem := too_wide(asked, metric.words, metric.unit):
            raise ReportError(f"--margin {asked:g}: {problem}")
        return asked
    if plan and plan.margin is not None and plain_name(plan.metric) == plain_name(metric.name):
        return plan.margin
    return default_margin(runs, metric)


def _listings(section: Section, out: Path) -> list[Table]:
    runs, metric = section.runs, section.metric
    found = (
        listings.failures(runs),
        listings.all_runs(runs, metric, out),
        listings.settings(runs, metric),
        listings.pairs(runs, section.effects, metric),
    )
    return [table for table in found if table and table.rows]


def _top_tables(tuned: TunedComparison, margin: float) -> list[Table]:
    found = (arm_tables.comparison_table(tuned), seeds_needed.table(tuned, margin), arm_tables.fairness(tuned))
    return [table for table in found if table]


@dataclasses.dataclass(frozen=True)
class DesignOptions:
    """The design, as far as the user names it by options."""

    compare: Sequence[str] = ()
    tune: Sequence[str] = ()


def tuned_comparisons(
    tasks: Sequence[Runs], metric: str | None, levels: dict[str, str], asked: DesignOptions
) -> list[TunedComparison | None]:
    """The tuned comparison of each task, with one correction over all of them.

    Args:
        tasks: The runs of each task.
        metric: The metric that the user names, if any. The settings are chosen by its value on validation.
        levels: The baseline levels that the user names, by key.
        asked: The design, as far as the user names it.

    Returns:
        For each task its tuned comparison; None if nothing is compared or nothing is tuned.

    Raises:
        ReportError: The runs do not have one of these factors, levels or metrics.
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
    """The settings that the searches and random points of some studies drew, by sampler.

    Args:
        studies: The directories of the studies.
    """
    found: dict[str, list[str]] = {}
    for study in studies:
        if keys := planned.drawn(Path(study)):
            found.setdefault("random", []).extend(keys)
        for search in planned.every_search(Path(study)):
            keys = [*search.groups, *(key for _, space in search.bases.values() for key in space)]
            sampler = search.sampler if isinstance(search.sampler, str) else search.sampler["_target_"]
            found.setdefault(sampler, []).extend(keys)
    return found
