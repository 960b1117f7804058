"""What tuning buys, and which settings are worth their time and size."""

from collections.abc import Iterator

from rnnsweep.report.pictures import pictures
from rnnsweep.report.runs import Factor
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.sentences import level_name
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import anchor

RANK = 70

TRIED = ["complete", "diverged", "pruned", "failed"]
ASKS = "What does tuning buy, and which settings are worth their time and size?"


def answers(section: Section) -> Iterator[Answer]:
    """The figures by cell, pooling or optimizer; a sentence where these were not tried equally often."""
    arms = section.factor("cell", "pooling", "optimizer")
    answer = Answer(anchor(section.task, "budget"), "Budget and cost", ASKS)
    answer.pictures = pictures(["budget", "pareto"], Subject(section.runs, section.metric, arms=arms))
    tried = {level: _tried(section, arms, code) for code, level in enumerate(arms.levels)} if arms else {}
    if arms and len(set(tried.values())) > 1:
        told = ", ".join(f"{level_name(arms.key, level)} {count}" for level, count in tried.items())
        answer.sentences.append(
            f"Unequal tuning effort: configurations tried per level of {arms.key}: {told}. The best "
            "of more is better by chance alone."
        )
    yield answer


def _tried(section: Section, arms: Factor, code: int) -> int:
    """How many configurations of a level were trained."""
    frame = section.runs.frame
    rows = (arms.column == code) & frame["state"].isin(TRIED).to_numpy()
    return int(frame.loc[rows, "setting"].nunique())
