"""The level that each factor's others are compared with."""

import difflib
from collections.abc import Sequence

from rnnsweep.errors import ReportError, listed
from rnnsweep.report.runs import Factor, Runs, refuse_constant

DEFAULTS = {"cell": "rnn", "pooling": "last", "optimizer": "adamw", "train.clip": "null"}
"""What a factor's levels are compared with where the user names none and the grid has it; else its first level."""


def read(options: Sequence[str], tasks: Sequence[Runs]) -> dict[str, str]:
    """The baselines that the user names, by key.

    Args:
        options: As they were typed, `cell=gru`.
        tasks: The runs of each task.

    Raises:
        ReportError: an option is no `KEY=LEVEL`, a key has two levels, or no task has a factor or level of this name.
    """
    found: dict[str, str] = {}
    for text in options:
        key, equals, level = text.partition("=")
        if not (key and equals and level):
            raise ReportError(f"--baseline {text}: expected KEY=LEVEL, as in cell=gru")
        if key in found:
            raise ReportError(f"--baseline {text}: {key}={found[key]} is given too; name one level of each factor")
        found[key] = level
    refuse_constant("--baseline", found, tasks)
    return found


def baselines(runs: Runs, factors: Sequence[Factor], asked: dict[str, str]) -> dict[str, str]:
    """The baseline of each factor; those that the user names come first.

    Args:
        runs: The runs of a task.
        factors: Those that are reported.
        asked: What the user names, as `read` gives it; a key that does not vary in this task says nothing here.

    Raises:
        ReportError: no run has such a level.
    """
    found = {f.key: DEFAULTS[f.key] if DEFAULTS.get(f.key) in f.levels else f.levels[0] for f in factors if f.levels}
    mine = {runs.factor(key): level for key, level in asked.items() if runs.varies(key)}
    named = {factor.key: _level(runs, factor, level) for factor, level in mine.items()}
    return named | {key: level for key, level in found.items() if key not in named}


def _level(runs: Runs, factor: Factor, typed: str) -> str:
    """The level as it is shown: 1e-3 is 0.001."""
    if typed in factor.levels:
        return typed
    if factor.numbers is not None and (number := _number(typed)) in factor.numbers:
        return factor.levels[factor.numbers.index(number)]
    close = difflib.get_close_matches(typed, factor.levels, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    raise ReportError(
        f"--baseline {factor.key}={typed}: no run of task {runs.task} has this level; {meant}"
        f"there are {listed(factor.levels, form=str)}"
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
