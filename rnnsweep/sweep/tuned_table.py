"""How a tuned sweep ended: for each arm its best setting, the test values on fresh seeds, and the verdict."""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnsweep import looks, planned
from rnnsweep.config import Config
from rnnsweep.planned import Planned
from rnnsweep.progress import number
from rnnsweep.record import RunStore
from rnnsweep.study_folder import FOLDER
from rnnsweep.sweep.compared import value
from rnnsweep.tuned_plan import ChosenTrial, Tuned, of_the_test

Values = dict[int, float]
"""Test values by fresh seed, those of runs that have one."""


def closing(tuned: Tuned, study: Path) -> str:
    """The table of each condition, from the files of the study alone."""
    if not tuned.chosen:
        return "\nno setting is chosen yet; the same command continues"
    runs = _runs(tuned, study)
    conditions = list({json.dumps(each.condition): each.condition for each in tuned.chosen}.values())
    lines: list[str] = []
    for condition in conditions:
        arms = [each for each in tuned.chosen if each.condition == condition]
        head = [f"{named(condition)}:"] if condition else []
        lines += ["", *head, *_table(tuned, arms, _tests(tuned, arms, runs, study))]
    return "\n".join([*lines, *_edges(tuned, runs)])


def named(values: Config) -> str:
    """Settings as a person types them."""
    return " ".join(f"{key}={shown(each)}" for key, each in values.items())


def shown(each: Any) -> str:
    """A setting's value as a person reads it."""
    return each if isinstance(each, str) else json.dumps(each)


def _runs(tuned: Tuned, study: Path) -> list[Planned]:
    """The runs of all stages."""
    found = {run.id: run for name in tuned.stages for run in planned.read(study / FOLDER / name) or []}
    return list(found.values())


def _tests(tuned: Tuned, arms: Sequence[ChosenTrial], runs: Sequence[Planned], study: Path) -> list[Values]:
    """Of each arm the test values of its best setting on fresh seeds."""
    metric = of_the_test(tuned.metric)
    alike: dict[str, dict[int, str]] = {}
    for run in runs:
        alike.setdefault(_without_seed(run.config), {})[run.config["seed"]] = run.id
    keys = {run.id: _without_seed(run.config) for run in runs}
    found = []
    for arm in arms:
        ids = alike.get(keys.get(arm.trial, ""), {})
        records = {seed: RunStore(study / name).record() for seed, name in ids.items() if seed != tuned.tuning_seed}
        best = {seed: record.best.get(metric) for seed, record in records.items() if record}
        found.append({seed: float(test) for seed, test in sorted(best.items()) if test is not None})
    return found


def _without_seed(config: Config) -> str:
    return json.dumps({key: each for key, each in config.items() if key != "seed"}, sort_keys=True)


def _table(tuned: Tuned, arms: Sequence[ChosenTrial], tests: Sequence[Values]) -> list[str]:
    places = sorted(range(len(arms)), key=lambda i: (-1 if tuned.maximised else 1) * (arms[i].value or 0.0))
    leader = arms[places[0]]
    test = of_the_test(tuned.metric)
    less = f"difference to {' '.join(map(shown, leader.arm.values()))}"
    head = [*tuned.compare, *tuned.tune, tuned.metric, f"{test} (95%)", "seeds", less, "verdict"]
    rows = [
        [
            *(shown(arms[i].arm[key]) for key in tuned.compare),
            *(shown(arms[i].setting[key]) for key in tuned.tune),
            "–" if arms[i].value is None else number(arms[i].value or 0.0),
            _mean(list(tests[i].values())),
            str(len(tests[i])),
            "" if i == places[0] else _difference(tuned, arms[i], len(arms), tests[i], tests[places[0]]),
            arms[i].verdict or ("" if i != places[0] else "best on validation"),
        ]
        for i in places
    ]
    return list(aligned([head, *rows]))


def aligned(rows: Sequence[Sequence[str]], right: bool = False) -> Iterator[str]:
    """The rows as lines, in columns; `right`: all but the first are aligned at their ends."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        ended = [text.rjust(width) for text, width in zip(row, widths, strict=True)]
        yield "  ".join([padded[0], *(ended if right else padded)[1:]]).rstrip()


def _mean(values: Sequence[float]) -> str:
    """A mean over seeds with the half width of its 95% interval."""
    if len(values) < 2:
        return number(values[0]) if values else "–"
    return _within(statistics.fmean(values), looks.half_width(values))


def _difference(tuned: Tuned, arm: ChosenTrial, arms: int, ours: Values, leaders: Values) -> str:
    """The mean difference to the leader over common seeds, with the interval at the level of the arm's last look."""
    differences = [ours[seed] - leaders[seed] for seed in ours if seed in leaders]
    if len(differences) < 2:
        return "–"
    level = tuned.levels[tuned.looks.index(arm.seeds)] / (arms - 1) if arm.seeds in tuned.looks else 0.05
    said = _within(statistics.fmean(differences), looks.half_width(differences, level))
    return f"{said} ({100 * (1 - level):.4g}%)"


def _within(mean: float, reach: float) -> str:
    """A mean and a half width, to two digits of the latter."""
    digits = max(0, 1 - math.floor(math.log10(reach))) if reach > 0 else 4
    return f"{mean:.{digits}f} ± {reach:.{digits}f}"


def _edges(tuned: Tuned, runs: Sequence[Planned]) -> list[str]:
    """Best settings that are the lowest or highest of those that were tried: a better one may lie beyond."""
    configs = [run.config for run in runs if run.config["seed"] == tuned.tuning_seed]
    lines = []
    for key in tuned.tune:
        tried = {each for config in configs if is_number(each := value(config, key))}
        for end, name in ((min(tried), "lowest"), (max(tried), "highest")) if len(tried) > 2 else ():
            arms = [named(chosen.condition | chosen.arm) for chosen in tuned.chosen if chosen.setting[key] == end]
            if arms:
                remedy = "a wider range may hold a better one (try it under another hydra.sweeper.name)"
                lines.append(f"{', '.join(arms)}: {key}={shown(end)} is the {name} value that was tried; {remedy}")
    return ["", *lines] if lines else []


def is_number(each: Any) -> bool:
    """Whether a setting's value is a number; True and False are none."""
    return isinstance(each, int | float) and not isinstance(each, bool)
