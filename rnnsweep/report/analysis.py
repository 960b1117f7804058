"""From the runs of one task to its section of the report."""

from collections.abc import Sequence
from pathlib import Path

from rnnsweep import planned
from rnnsweep.report import ablations, leaderboard, listings
from rnnsweep.report.found import modules
from rnnsweep.report.headline import headline
from rnnsweep.report.runs import Runs
from rnnsweep.report.samples import samples
from rnnsweep.report.section import Section, baselines, default_margin


def analyse(
    runs: Runs, by: Sequence[str], metric: str | None, asked: dict[str, str], margin: float | None, out: Path
) -> Section:
    """Everything about one task.

    Args:
        runs: The runs of the task.
        by: The factors to report; all that vary, where there are none.
        metric: What to compare by; the validation loss.
        asked: The levels that the others are compared with, by factor.
        margin: Below it a difference is small.
        out: The report's directory, from which the links to the runs lead.

    Raises:
        ReportError: a factor, level or metric that these runs do not have.
    """
    chosen = runs.metric(metric)
    factors = [runs.factor(key) for key in by] if by else runs.factors
    least = margin if margin is not None else default_margin(runs, chosen)
    section = Section(runs, chosen, least, baselines(runs, factors, asked), factors)
    section.leaderboard = leaderboard.leaderboard(runs, chosen, section.baselines)
    for chapter in sorted(modules("answers", runs.packages).values(), key=lambda module: module.RANK):
        section.answers += filter(None, chapter.answers(section))
    found = (
        listings.failures(runs),
        listings.all_runs(runs, chosen, out),
        listings.settings(runs, chosen),
        listings.pairs(runs, section.effects, chosen),
    )
    section.listings = [table for table in found if table and table.rows]
    section.appendix = [ablations.marginals(runs, chosen)] if runs.factors else []
    section.samples = samples(section)
    section.headline = headline(section)
    return section


def searched(studies: Sequence[str]) -> dict[str, list[str]]:
    """The settings that each study's searches, and its grids, drew, and by which sampler."""
    found: dict[str, list[str]] = {}
    for study in studies:
        if keys := planned.drawn(Path(study)):
            found.setdefault("random", []).extend(keys)
        for search in planned.searched(Path(study)):
            keys = [*search.groups, *(key for _, space in search.bases.values() for key in space)]
            found.setdefault(search.sampler, []).extend(keys)
    return found
