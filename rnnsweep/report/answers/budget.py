"""The benefit of tuning, and the settings that are worth their time and size."""

from collections.abc import Iterator

from rnnsweep.report.factor import Factor
from rnnsweep.report.pictures import pictures
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.setting_labels import level_name
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import anchor

RANK = 70

ASKS = "How much does tuning improve the result, and which settings are worth their time and size?"


def answers(section: Section) -> Iterator[Answer]:
    """The figures by cell, pooling or optimizer, and a sentence if these were not tried equally often."""
    arms = section.factor("cell", "pooling", "optimizer")
    answer = Answer(anchor(section.task, "budget"), "Budget and cost", ASKS)
    answer.pictures = pictures(["budget", "pareto"], Subject(section.runs, section.metric, arms=arms))
    tried = {level: _tried(section, arms, code) for code, level in enumerate(arms.levels)} if arms else {}
    if arms and len(set(tried.values())) > 1:
        told = ", ".join(f"{level_name(arms.key, level)} {count}" for level, count in tried.items())
        answer.sentences.append(
            f"Unequal tuning effort: configurations tried per level of {arms.key}: {told}. The best of more "
            "configurations is, on average, better by chance alone."
        )
    yield answer


def _tried(section: Section, arms: Factor, code: int) -> int:
    """The number of configurations of a level that were trained."""
    runs = section.runs
    return int(runs.frame.loc[(arms.column == code) & runs.tried, "setting"].nunique())
