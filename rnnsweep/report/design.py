"""Which factors a study compares, which it tunes for each compared level, and which are fixed conditions."""

import dataclasses
import fnmatch
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rnnsweep import planned
from rnnsweep.report.factor import Factor
from rnnsweep.report.runs import Runs
from rnnsweep.tuned_plan import Tuned

GUESSED = ("optimizer.*", "train.clip", "train.schedule", "train.warmup", "train.floor", "train.decay*")
"""Settings that count as tuned if neither the study nor the user says which are."""


@dataclasses.dataclass(frozen=True)
class Design:
    """The factors of a study by their role."""

    compared: tuple[Factor, ...]
    tuned: tuple[Factor, ...]
    conditions: tuple[str, ...]
    """Keys that vary and are neither compared nor tuned. Arms are compared within each combination of their values."""
    said: str
    """Where this design comes from: that it is declared, or what of it is a guess."""
    plan: Tuned | None = None
    """The plan of the tuned sweep, if there was one."""
    random: tuple[str, ...] = ()
    """Conditions whose values are a random sample of more values, as the user says."""
    seen: frozenset[int] = frozenset()
    """Seeds of earlier plans that are not seeds of this one. They are not fresh: their results may have led to it."""

    @property
    def effort(self) -> str:
        """A plural noun for the configurations of an arm: `learning rates`."""
        if [factor.key for factor in self.tuned] == ["optimizer.lr"]:
            return "learning rates"
        return f"settings of {' and '.join(factor.key for factor in self.tuned)}"

    @property
    def one(self) -> str:
        """A singular noun for one of them: `rate`."""
        return "rate" if self.effort == "learning rates" else "setting"


def design(runs: Runs, compare: Sequence[str] = (), tune: Sequence[str] = ()) -> Design | None:
    """The design of one task's runs.

    Args:
        runs: The runs of the task.
        compare: The compared keys, if the user names them.
        tune: The tuned keys, if the user names them.

    Returns:
        The design; None if nothing is compared or nothing is tuned.

    Raises:
        ReportError: A named key does not vary among these runs.
    """
    studies = [Path(study) for study in runs.frame["study"].unique()]
    plans = planned.tuned(*studies)
    plan = plans[-1] if plans else None
    different = _differing(plans)
    if plan and plan.tune and not ({*compare} <= {*plan.compare} and {*tune} <= {*plan.tune}):
        plan = None  # another comparison than the planned one: its choices and looks say nothing of it
    seen = _seen(studies, plan) if plan else frozenset()
    compared = [runs.settings.factor(key, "--compare") for key in compare] or _known(runs, plan.compare if plan else ())
    tuned = [runs.settings.factor(key, "--tune") for key in tune] or _known(runs, plan.tune if plan else ())
    guessed, named = not tuned, bool(compared)
    tuned = tuned or [f for f in runs.factors if f not in compared and _matches(f.key)]
    compared = compared or _guess(runs, tuned)
    tuned = [factor for factor in tuned if factor.key not in {each.key for each in compared}]
    if not compared or not tuned:
        return None
    conditions = _conditions(runs, compared, tuned)
    if guessed and not _chooses(runs, compared, tuned, conditions):
        return None
    told = _origin(tuned if guessed else [], [] if named else compared)
    told += f"; of {different} plans that differ, the newest counts" if plan and different > 1 else ""
    random = tuple(key for key in runs.sampled if key in conditions)
    return Design(tuple(compared), tuple(tuned), conditions, told, plan, random, seen)


def _origin(tuned: Sequence[Factor], compared: Sequence[Factor]) -> str:
    """Says which roles of factors are a guess.

    Args:
        tuned: the factors that are guessed to be tuned; empty if they are declared.
        compared: the factors that are guessed to be compared; empty if they are declared.
    """
    said, options = [], []
    for option, role, factors in (("--tune", "tuned", tuned), ("--compare", "compared", compared)):
        if factors:
            said.append(f"{_joined(factors)} {'counts' if len(factors) == 1 else 'count'} as {role}")
            options.append(option)
    if not said:
        return "the tuned and the compared settings are as declared"
    declare = "declares" if len(options) == 1 else "declare"
    return f"{' and '.join(said)}, which is a guess ({' and '.join(options)} {declare} it)"


def _differing(plans: Sequence[Tuned]) -> int:
    """The number of different plans, whatever has been found by them."""
    return len({repr(dataclasses.replace(plan, chosen=[], stages={})) for plan in plans})


def _seen(studies: Sequence[Path], plan: Tuned) -> frozenset[int]:
    begun = planned.begun(*studies).values()
    return frozenset(seed for each in begun for seed in each.every_seed) - frozenset(plan.every_seed)


def _known(runs: Runs, keys: Sequence[str] | dict[str, str]) -> list[Factor]:
    return [factor for factor in runs.factors if set(factor.keys) & set(keys)]


def _matches(key: str) -> bool:
    return any(fnmatch.fnmatch(key, pattern) for pattern in GUESSED)


def _guess(runs: Runs, tuned: Sequence[Factor]) -> list[Factor]:
    """The first factor that a person would compare: the cell, the pooling, the optimizer, or else another factor."""
    left = [factor for factor in runs.factors if factor not in tuned and len(factor.levels) > 1]
    groups = [factor for factor in left if "." not in factor.key]
    return (groups or left)[:1]


def _conditions(runs: Runs, compared: Sequence[Factor], tuned: Sequence[Factor]) -> tuple[str, ...]:
    aside = {key for f in (*compared, *tuned) for key in (*f.keys, *f.derived)}
    aside |= {key for f in (*compared, *tuned) for key in runs.settings.own(f)}
    return tuple(key for key in runs.settings.varying if key not in aside)


def _chooses(runs: Runs, compared: Sequence[Factor], tuned: Sequence[Factor], conditions: Sequence[str]) -> bool:
    """Whether some arm has several tuned values under one condition; in matched random settings each has one."""
    of_tuned, of_compared = ([key for factor in each for key in factor.keys] for each in (tuned, compared))
    arms = runs.settings.codes([*of_compared, *conditions])
    return bool((pd.Series(runs.settings.codes(of_tuned)).groupby(arms).nunique() > 1).any())


def _joined(factors: Sequence[Factor]) -> str:
    return ", ".join(factor.key for factor in factors)
