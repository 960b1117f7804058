"""What a sweep compares: settings that contradict each other are refused, and the comparison is written down."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rnnsweep import files, planned
from rnnsweep.config import Config, near
from rnnsweep.errors import ConfigError
from rnnsweep.study_folder import FOLDER
from rnnsweep.sweep.objective import Objective
from rnnsweep.sweep.settings import KEY, Sweep
from rnnsweep.tuned_plan import Tuned


def check(sweep: Sweep) -> None:
    """Checks that the settings of a comparison agree.

    Raises:
        ConfigError: two of them contradict each other, or one lacks another.
    """
    both = ", ".join(f"`{key}`" for key in sweep.compared if key in sweep.tune)
    needs_tune = "belongs to a tuned sweep; say what is tuned, as in 'hydra.sweeper.tune={optimizer.lr: \"1e-3,1e-2\"}'"
    wrong_pruner = sweep.pruner not in (None, "none", "asha")
    for wrong, name, problem in (
        (both, "tune", f"{both} cannot be compared and tuned at once; remove it from one of the two"),
        ("seed" in sweep.compared, "compare", "seeds are not compared; leave `seed` out"),
        ("seed" in sweep.tune, "tune", "the seed is not tuned; leave `seed` out"),
        (sweep.tune and not sweep.compared, "tune", f"tunes each compared arm; add {KEY}.compare=cell"),
        (sweep.search and sweep.tune, "search", f"a search tunes by itself; leave out {KEY}.search or {KEY}.tune"),
        (sweep.search and sweep.compared, "search", f"a search does not compare; leave it out, or {KEY}.compare"),
        (sweep.seeds_max and not sweep.tune, "seeds_max", needs_tune),
        (sweep.margin and not sweep.tune, "margin", needs_tune),
        (sweep.margin and not sweep.seeds_max, "margin", f"is judged at planned looks; add {KEY}.seeds_max=18"),
        (sweep.tune and wrong_pruner, "pruner", "a tuned sweep prunes by `asha` or `none`"),
    ):  # fmt: skip
        if wrong:
            raise ConfigError(f"{KEY}.{name}", problem)


def check_swept(keys: Iterable[str], configs: Iterable[Config]) -> None:
    """Checks that each compared setting has more than one value.

    Raises:
        ConfigError: one has a single value.
    """
    every = list(configs)
    for key in keys:
        if len({json.dumps(value(config, key), sort_keys=True) for config in every}) < 2:
            groups = {name: part for name, part in every[0].items() if isinstance(part, dict)}
            raise one_value(key, [*every[0], *(f"{name}.{each}" for name, part in groups.items() for each in part)])


def one_value(key: str, known: list[str]) -> ConfigError:
    """The error of a sweep that compares a setting and gives it one value.

    Args:
        key: the setting.
        known: names, one of which may have been meant.
    """
    hint = "" if key in known else near(key, known)
    problem = f"`{key}` has one value in this sweep; sweep it, as in `{key}=A,B`"
    return ConfigError(f"{KEY}.compare", f"{problem}.{hint}" if hint else problem)


def value(config: Config, key: str) -> Any:
    """The value of a setting, or the choice of a group; None where there is none."""
    if key in config["choices"]:
        return config["choices"][key]
    for name in key.split("."):
        config = config.get(name, {}) if isinstance(config, dict) else {}
    return config


def declaration(sweep: Sweep, chosen_by: Objective) -> Tuned:
    """Of a plain grid: what it compares."""
    return Tuned(
        compare=sweep.compared,
        tune={},
        conditions=[],
        trials=0,
        tuning_seed=None,
        rungs=[],
        metric=chosen_by.name,
        maximised=chosen_by.maximised,
        seeds=[],
        looks=[],
        levels=[],
        margin=None,
    )


@dataclasses.dataclass
class Declared:
    """The file in which a study says what it compares.

    Args:
        study: the study's directory.
        fixed: settings that all runs have in common, as they were typed; other settings make another comparison.
        content: what the file is to hold.
    """

    study: Path
    fixed: list[str]
    content: Tuned

    @property
    def path(self) -> Path:
        """The same comparison is the same file, also with more arms, conditions or trials."""
        same = (sorted(self.content.compare), self.content.tune, sorted(self.fixed), self.content.metric)
        digest = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:12]
        return self.study / FOLDER / f"tuned-{digest}.json"

    def begin(self) -> None:
        """Writes the file, or adds to what an earlier command wrote."""
        self.check()
        if before := self.before():
            self.content = dataclasses.replace(
                self.content, chosen=before.chosen, stages=dict.fromkeys(before.stages, "")
            )
        files.make(self.path.parent)
        self._write()

    def before(self) -> Tuned | None:
        """What an earlier command wrote of this comparison."""
        return files.read(self.path, Tuned)

    def seen(self) -> set[int]:
        """The fresh seeds of the study's other comparisons: their results are known already."""
        others = (each for path, each in planned.begun(self.study).items() if path != self.path)
        return {seed for each in others if each.chosen for seed in each.every_seed}

    def check(self) -> None:
        """Checks that the study began with these seeds, looks and margin.

        Raises:
            ConfigError: it began with others; after a change the error rate would not hold.
        """
        begun = planned.begun(self.study).items()
        for (path, before), (name, key) in itertools.product(begun, LOCKED.items()):
            if name == "seeds" and path != self.path:
                continue  # another range is another comparison, and needs other seeds
            then, now = getattr(before, name), getattr(self.content, name)
            if then != now and (before.looks or self.content.looks):
                problem = f"the study began with {_said(then)} and cannot go on with {_said(now)}"
                reason = "the looks are planned before the first run, because the error rate depends on the plan"
                raise ConfigError(key, f"{problem}: {reason}. Use the former, or another hydra.sweeper.name")

    def update(self, **changes: Any) -> None:
        """Writes what became known."""
        self.content = dataclasses.replace(self.content, **changes)
        self._write()

    def _write(self) -> None:
        files.write(self.path, json.dumps(dataclasses.asdict(self.content), indent=1))


LOCKED = {"looks": f"{KEY}.seeds_max", "seeds": "seed", "margin": f"{KEY}.margin"}
"""What cannot be changed when a study with planned looks has begun, and the setting that says it."""


def _said(value: Any) -> str:
    named = {int: "", float: "a margin of "}.get(type(value), "")
    return "none" if value in (None, []) else f"{named}{value}"
