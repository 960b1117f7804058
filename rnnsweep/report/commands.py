"""Commands that a report suggests: more seeds for the best settings, and a wider range for a tuned setting."""

import math
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rnnsweep import planned
from rnnsweep.report import data_sets
from rnnsweep.report.factor import Factor
from rnnsweep.report.tuned_arm import TunedArm
from rnnsweep.report.tuned_comparison import TunedComparison
from rnnsweep.study_folder import from_here

ONCE = ("hydra.sweeper.plan", "rerun", "resume_changed")
"""What a command that goes on with a sweep does not repeat."""

CHOOSING = (
    "hydra.sweeper.draws",
    *(f"hydra.sweeper.{name}" for name in ("tune", "tune_trials", "seeds_max", "margin")),
)
"""What a grid of chosen settings does not have: it draws and tunes nothing."""

OF_A_SEARCH = tuple(f"hydra.sweeper.{name}" for name in ("search", "n_trials", "seeds", "metrics", "pruner", "storage"))

FRESH = 5
"""How many fresh seeds a confirmation asks for."""


def confirmation(of: TunedComparison, count: int = FRESH) -> str:
    """The commands that train the best settings with fresh seeds.

    Args:
        of: The tuned comparison.
        count: How many fresh seeds.
    """
    plan = of.tuning.design.plan
    if plan is None or plan.tuning_seed is None:
        return _added(of, of.tuning.ranked, count)
    fresh = [] if plan.looks else [f"seed={','.join(map(str, plan.fresh(max(count, len(plan.seeds)))))}"]
    return f"`{_command(of, fresh, tunes=True)}`"  # the tuned sweep goes on


def more(of: TunedComparison, arms: Sequence[TunedArm], count: int) -> str:
    """A sentence with the command that gives some arms the fresh seeds that they need.

    Args:
        of: The tuned comparison.
        arms: The arms that need seeds.
        count: How many fresh seeds.
    """
    plan = of.tuning.design.plan
    if plan is None or plan.tuning_seed is None:
        return f"The command for the smallest of these: {_added(of, arms, count)}"
    if plan.looks:
        return f"The planned looks end at {plan.looks[-1]} seeds; more seeds need a new study with another name."
    there = max(len(choice.fresh) for arm in arms for choice in arm.choices.values())
    seed = f"seed={','.join(map(str, plan.fresh(max(count, there + 1))))}"
    return f"The command for the smallest of these: `{_command(of, [seed], tunes=True)}`"


def _added(of: TunedComparison, arms: Sequence[TunedArm], count: int) -> str:
    """The commands that train the best settings of these arms with new seeds; arms with equal settings share one.

    An arm that is the result of another program has none.
    """
    arms = [arm for arm in arms if not of.tuning.external[arm.rows].any()]
    start = 1 + max(int(seed) for arm in of.tuning.arms for choice in arm.choices.values() for seed in choice.runs)
    groups: dict[tuple[str, ...], list[TunedArm]] = {}
    for arm in arms:
        for choice in arm.choices.values():
            words = _words(of, choice.setting)
            if arm not in groups.setdefault(words, []):
                groups[words].append(arm)
    seeds = f"seed=range({start},{start + count})"
    if not _is_plain(of):
        chosen = dict.fromkeys(choice.setting for arm in arms for choice in arm.choices.values())
        return "; ".join(f"`{_alone(of, setting, seeds)}`" for setting in chosen)
    lines = []
    for words, mine in groups.items():
        levels = zip(*(arm.levels for arm in mine), strict=True)
        compared = [
            f"{factor.key}={','.join(dict.fromkeys(level.split(' (')[0] for level in each))}"
            for factor, each in zip(of.tuning.design.compared, levels, strict=True)
            if factor.key != data_sets.COLUMN
        ]
        lines.append(_command(of, [*compared, *words, seeds]))
    return "; ".join(f"`{line}`" for line in lines) or "none, because another program trains these arms"


def _is_plain(of: TunedComparison) -> bool:
    """Whether the sweep's command trains one setting if the values of the factors are added to it.

    It does not if settings move together, or if the command is that of several studies.
    """
    design, frame = of.tuning.design, of.runs.frame
    typed = _study(shlex.split(next(iter(frame["sweep"].dropna()), "")))
    own = {_study(shlex.split(command)) for command in frame["command"].dropna()} if typed else set()
    return not any(factor.together for factor in (*design.compared, *design.tuned)) and own <= {typed, None}


def _study(words: Sequence[str]) -> str | None:
    return next((word for word in words if _key(word) == "study"), None)


def _alone(of: TunedComparison, setting: int, seeds: str) -> str:
    """The command that trains one setting with other seeds, from the command of one of its runs."""
    rows = of.runs.frame[of.runs.frame["setting"] == setting]
    study, command = Path(rows["study"].iloc[0]), next(iter(rows["command"].dropna()), "python -m rnnsweep")
    kept = [word for word in shlex.split(command) if _key(word) not in ("seed", "out", "hydra.mode")]
    where = [f"hydra.sweep.dir={from_here(study.parent)}", f"hydra.sweeper.name={study.name}"]
    return shlex.join([*kept[:3], "-m", *kept[3:], seeds, *where])


def _words(of: TunedComparison, setting: int) -> tuple[str, ...]:
    """The overrides of one setting: its tuned values and its conditions."""
    design = of.tuning.design
    keys = {*design.conditions, *(factor.key for factor in design.tuned)}
    first = of.runs.frame.iloc[int(np.argmax(of.runs.frame["setting"] == setting))]
    shown = of.runs.settings.setting_values(setting)
    return tuple(f"{key}={_all_digits(first[key], text)}" for key, text in shown if key in keys - {data_sets.COLUMN})


def _all_digits(value: object, shown: str) -> str:
    """A value as a person types it. A float keeps all its digits: with fewer it would be another setting."""
    return shown if not isinstance(value, float) or float(shown) == value else repr(value)


def _command(of: TunedComparison, overrides: Sequence[str], tunes: bool = False) -> str:
    """The command of the sweep with other overrides, which trains a grid, unless it tunes again."""
    sweeps = of.runs.frame["sweep"].dropna()
    typed = shlex.split(sweeps.mode()[0]) if len(sweeps) else ["python", "-m", "rnnsweep", "-m"]
    plan = of.tuning.design.plan
    if tunes and plan:  # a later command may have added trials
        least = f"hydra.sweeper.tune_trials={plan.trials}"
        typed = [least if _key(word) == _key(least) else word for word in typed]
    overrides = [*([] if tunes else _task(of, typed)), *overrides]
    searches = [search for study in of.runs.frame["study"].unique() for search in planned.searched(Path(study))]
    aside = {*map(_key, overrides), *ONCE, *([] if tunes else CHOOSING), *(OF_A_SEARCH if searches else ())}
    kept = [word for word in typed if _key(word) not in aside]
    of_a_file = bool(searches) and not any(_key(word) == OF_A_SEARCH[0] for word in typed)  # `+study=` names it
    return shlex.join([*kept, *overrides, *([f"{OF_A_SEARCH[0]}=null"] if of_a_file else [])])


def _task(of: TunedComparison, typed: Sequence[str]) -> list[str]:
    """The word for this task if the sweep's command, or the study that it names, has the task among its settings."""
    word, words = f"task={of.runs.learned}", list(typed)
    if _study(typed):
        words += [each for command in of.runs.frame["command"].dropna() for each in shlex.split(command)]
    return [word] if "task" in map(_key, words) and word not in typed else []


def _key(override: str) -> str:
    return override.split("=")[0].lstrip("+")


def wider(of: TunedComparison) -> Iterator[tuple[str, str, str]]:
    """For each tuned setting whose best value is at an end of its range: its key, the end, and how to extend it."""
    for factor, end in {(f.key, end): (f, end) for arm in of.tuning.arms for f, end in arm.edges}.values():
        plan = of.tuning.design.plan
        if plan is not None and factor.key in plan.tune:
            place = f"hydra.sweeper.tune, under a new hydra.sweeper.name: {plan.tune[factor.key]}"
            yield factor.key, end, f"Widen it at this end in {place}."
        elif factor.key in of.runs.searched:
            yield factor.key, end, "Widen the range that it is drawn from at this end."
        elif not _is_plain(of):
            yield factor.key, end, "Add a value at this end."
        else:
            value = beyond(factor, end)
            known = [_all_digits(n, level) for n, level in zip(factor.numbers or (), factor.levels, strict=True)]
            levels = [*known, value] if end == "high" else [value, *known]
            yield factor.key, end, f"Extend it: `{_command(of, [factor.key + '=' + ','.join(levels)])}`"


def beyond(factor: Factor, end: str) -> str:
    """The next value beyond one end of a range.

    The ratio of the next value to the last is that of the last to the one before it. If a value is not positive,
    the difference is kept instead of the ratio. The next value is rounded to one digit.

    Args:
        factor: A factor whose levels are numbers.
        end: `low` or `high`.
    """
    assert factor.numbers is not None
    last, before = factor.numbers[::-1][:2] if end == "high" else factor.numbers[:2]
    whole = all(float(n).is_integer() for n in factor.numbers)
    value = last * last / before if last > 0 and before > 0 else last + (last - before)
    if whole:
        return str(max(0, round(value)))
    digits = -math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, digits):g}"
