"""What a study compares, what it tunes for each of these, and what is a fixed condition."""

import dataclasses
import fnmatch
from collections.abc import Sequence
from pathlib import Path

from rnnsweep import planned
from rnnsweep.planned import Tuned
from rnnsweep.report.runs import Factor, Runs

GUESSED = ("optimizer.*", "train.clip", "train.schedule", "train.warmup", "train.floor", "train.decay*")
"""Settings that are taken as tuned where nobody says what is."""


@dataclasses.dataclass(frozen=True)
class Design:
    """The factors of a study by their part in its question."""

    compared: tuple[Factor, ...]
    tuned: tuple[Factor, ...]
    conditions: tuple[str, ...]
    """Keys that vary and are neither: the comparison is made within each of their combinations."""
    said: str
    """Where this design comes from, in words: `as declared`, or what was guessed."""
    plan: Tuned | None = None
    """The tuned sweep that these runs are of."""
    random: tuple[str, ...] = ()
    """Conditions that stand for others of their kind."""
    seen: frozenset[int] = frozenset()
    """Fresh seeds of earlier plans that are none of this plan's: their results may have led to this plan."""

    @property
    def effort(self) -> str:
        """What the configurations of an arm are, in the plural: `learning rates`."""
        if [factor.key for factor in self.tuned] == ["optimizer.lr"]:
            return "learning rates"
        return f"settings of {' and '.join(factor.key for factor in self.tuned)}"

    @property
    def one(self) -> str:
        """The best of them, as a sentence names it."""
        return "rate" if self.effort == "learning rates" else "setting"


def design(runs: Runs, compare: Sequence[str] = (), tune: Sequence[str] = ()) -> Design | None:
    """The design of one task's runs; None where nothing is compared, or nothing is tuned.

    Args:
        runs: The runs of the task.
        compare: The compared keys that the report's user names.
        tune: The tuned keys that the user names.

    Raises:
        ReportError: a named key does not vary among these runs.
    """
    plans = [plan for study in runs.frame["study"].unique() for plan in planned.tuned(Path(study))]
    plan = plans[-1] if plans else None
    seen = _seen(runs, plan) if plan else frozenset()
    compared = [runs.factor(key, "--compare") for key in compare] or _known(runs, plan.compare if plan else ())
    tuned = [runs.factor(key, "--tune") for key in tune] or _known(runs, plan.tune if plan else ())
    guessed = not tuned
    tuned = tuned or [f for f in runs.factors if f not in compared and _matches(f.key)]
    compared = compared or _guess(runs, tuned)
    tuned = [factor for factor in tuned if factor.key not in {each.key for each in compared}]
    if not compared or not tuned:
        return None
    conditions = _conditions(runs, compared, tuned)
    names = f"{_joined(tuned)} {'is' if len(tuned) == 1 else 'are'} taken as tuned, {_joined(compared)} as compared"
    told = f"{names}; nobody declared it (--tune and --compare do)" if guessed else "as declared"
    random = tuple(key for key in runs.sampled if key in conditions)
    return Design(tuple(compared), tuple(tuned), conditions, told, plan, random, seen)


def _seen(runs: Runs, plan: Tuned) -> frozenset[int]:
    begun = [each for study in runs.frame["study"].unique() for each in planned.begun(Path(study)).values()]
    return frozenset(seed for each in begun for seed in each.every_seed) - frozenset(plan.every_seed)


def _known(runs: Runs, keys: Sequence[str] | dict[str, str]) -> list[Factor]:
    return [factor for factor in runs.factors if set(factor.keys) & set(keys)]


def _matches(key: str) -> bool:
    return any(fnmatch.fnmatch(key, pattern) for pattern in GUESSED)


def _guess(runs: Runs, tuned: Sequence[Factor]) -> list[Factor]:
    """The first factor that a person would compare: cell, pooling, optimizer, then another."""
    left = [factor for factor in runs.factors if factor not in tuned and len(factor.levels) > 1]
    groups = [factor for factor in left if "." not in factor.key]
    return (groups or left)[:1]


def _conditions(runs: Runs, compared: Sequence[Factor], tuned: Sequence[Factor]) -> tuple[str, ...]:
    aside = {key for f in (*compared, *tuned) for key in (*f.keys, *f.derived)}
    aside |= {key for f in (*compared, *tuned) for key in runs.own(f)}
    return tuple(key for key in runs.varying if key not in aside)


def _joined(factors: Sequence[Factor]) -> str:
    return ", ".join(factor.key for factor in factors)
