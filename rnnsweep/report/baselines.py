"""The baseline of each factor: the level that its other levels are compared with."""

from collections.abc import Sequence

from rnnsweep.errors import ReportError, listed, nearest
from rnnsweep.report.factor import Factor
from rnnsweep.report.runs import Runs, refuse_constant

DEFAULTS = {"cell": "rnn", "pooling": "last", "optimizer": "adamw", "train.clip": "null"}
"""The baseline if the user names none. A factor that is not here, or lacks this level, takes its first level."""


def read(options: Sequence[str], tasks: Sequence[Runs]) -> dict[str, str]:
    """The baselines that the user names, by key.

    Args:
        options: The options as typed, such as `cell=gru`.
        tasks: The runs of each task.

    Raises:
        ReportError: An option is not of the form `KEY=LEVEL`, names a key twice, or names one that varies in no task.
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
        factors: The factors that are reported.
        asked: The baselines that the user names, from `read`. Keys that do not vary in this task are ignored.

    Raises:
        ReportError: No run has this level.
    """
    found = {f.key: DEFAULTS[f.key] if DEFAULTS.get(f.key) in f.levels else f.levels[0] for f in factors if f.levels}
    named: dict[str, str] = {}
    for key, typed in asked.items():
        if not runs.settings.varies(key):
            continue
        factor, level = runs.settings.factor(key), _level(runs, key, typed)
        if named.setdefault(factor.key, level) != level:
            problem = f"{factor.label} has this level in other runs than the baseline before; name one of them"
            raise ReportError(f"--baseline {key}={typed}: {problem}")
    return named | {key: level for key, level in found.items() if key not in named}


def _level(runs: Runs, key: str, typed: str) -> str:
    """The level of the key's factor in the runs with the level that the user typed."""
    factor, mine = runs.settings.factor(key), runs.settings.alone(key)
    if key == factor.key:
        return _shown(runs, factor, typed)
    rows = mine.column == mine.levels.index(_shown(runs, mine, typed))
    return factor.levels[int(factor.column[rows.argmax()])]


def _shown(runs: Runs, factor: Factor, typed: str) -> str:
    """The level that the user typed, as the report shows it: 1e-3 is 0.001."""
    if typed in factor.levels:
        return typed
    if factor.numbers is not None and (number := _as_number(typed)) in factor.numbers:
        return factor.levels[factor.numbers.index(number)]
    close = nearest(typed, factor.levels)
    meant = f"did you mean {close}? " if close else ""
    raise ReportError(
        f"--baseline {factor.key}={typed}: no run of task {runs.task} has this level; {meant}"
        f"there are {listed(factor.levels, form=str)}"
    )


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
