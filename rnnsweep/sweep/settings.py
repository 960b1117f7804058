"""The settings of a sweep, `hydra.sweeper.*`, each with its type: what is wrong is refused by name."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from rnnsweep.config import Config, checked
from rnnsweep.errors import ConfigError
from rnnsweep.interpolation import said
from rnnsweep.own import Own
from rnnsweep.places import name_below
from rnnsweep.sweep import published
from rnnsweep.sweep.grid import Params
from rnnsweep.sweep.samplers import Pruner, Sampler
from rnnsweep.types import Count, Positive

KEY = "hydra.sweeper"


def _ranges(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    example = '{optimizer.lr: "tag(log, interval(1e-4, 3e-2))"}'
    raise PydanticCustomError("ranges", f"Input should be keys with ranges, as in {example}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """What `hydra.sweeper` sets."""

    name: str | int
    """The study's directory below multirun/."""
    params: Params = dataclasses.field(default_factory=dict)
    """Key -> values or a text in Hydra's grammar; the command line's overrides come after and win."""
    small: Params = dataclasses.field(default_factory=dict)
    """Params that take the place of those of the same key under `size=small`."""
    blocks: list[Params] = dataclasses.field(default_factory=list)
    """Several sets of params; the sweep is the union of their grids, each with `params`."""
    paired: list[Params] = dataclasses.field(default_factory=list)
    """Sets of params whose values move together."""
    draws: Count | None = None
    """How many points to draw at random from the grid's continuous ranges and from choices tagged `draw`. All other
    settings are run at each point."""
    skip: str | list[str] = dataclasses.field(default_factory=list)
    """Conditions over a run's settings; where one holds, there is no such run."""
    workers: Count | Literal["auto"] = "auto"
    """How many; auto: one a core, or one a GPU where there are."""
    stack: Count | Literal["auto"] = "auto"
    """Runs of one shape that a worker trains as one program; auto: measured."""
    on_error: Literal["continue", "stop"] = "continue"
    """After a failed run: continue with the other runs, or stop."""
    plan: bool = False
    """Only tell what would be done."""
    search: Sampler | Own | None = None
    """An Optuna sampler in place of the grid's product, or a class of yours."""
    n_trials: Count = 20
    """Trials of a search in all, those of earlier commands included."""
    seeds: list[int] | int | str = dataclasses.field(default_factory=lambda: [0])
    """Of each trial; its value is their mean. A list or a text such as `range(3)`."""
    metrics: str | list[str] = "val/loss"
    """What a search makes better, in the direction that the task declares; several make it multi-objective. A leading
    `-` says that a metric is maximised, and has to agree with the declaration."""
    pruner: Pruner | Own | None = None
    """Of a search, null: none, or a class of yours; of a tuned sweep none or asha, null: asha."""
    compare: str | list[str] = dataclasses.field(default_factory=list)
    """The swept settings that the study compares; the report begins with them."""
    tune: Annotated[Params, BeforeValidator(_ranges)] = dataclasses.field(default_factory=dict)
    """Key -> the range from which trials take it, for each compared arm. What is neither compared nor tuned is a fixed
    condition."""
    tune_trials: Count = 16
    """Tuning trials of each arm, at the same points."""
    seeds_max: Count | None = None
    """Fresh seeds are added at planned looks, up to so many; null: all fresh seeds are run at once."""
    margin: Positive | None = None
    """A difference below it does not matter, in the unit of the metric: comparisons may end as equivalent. null: they
    can only differ or stay open."""
    storage: str | None = None
    """Of a search: an SQLAlchemy URL; null: a journal file in the study's directory."""
    published: Config | None = None
    """Numbers of a paper that the report compares with; see published.py."""
    studies: dict[str, Params | None] = dataclasses.field(default_factory=dict)
    """Other studies by name, with params in the place of their own: each is swept after the one before, in a directory
    of its own below this one's. `params` are then for all of them, and `small` in the place of each one's under
    `size=small`."""
    report: bool = False
    """Write the report into the study's directory when the sweep ends."""

    @property
    def conditions(self) -> list[str]:
        return [self.skip] if isinstance(self.skip, str) else self.skip

    @property
    def objectives(self) -> list[str]:
        return [self.metrics] if isinstance(self.metrics, str) else self.metrics

    @property
    def compared(self) -> list[str]:
        return [self.compare] if isinstance(self.compare, str) else self.compare

    @property
    def seeds_text(self) -> str:
        return ",".join(map(str, self.seeds)) if isinstance(self.seeds, list) else str(self.seeds)

    def sized(self, is_small: bool) -> Params:
        """The params of the full or of the small study."""
        return self.params | (self.small if is_small else {})

    @property
    def of_grids(self) -> list[str]:
        """The settings that only a grid knows, as far as they are set."""
        set_to = {"blocks": self.blocks, "paired": self.paired, "draws": self.draws, "skip": self.skip}
        return [name for name, value in set_to.items() if value]


def of_each_run(study: Path) -> Config:
    """Settings that are the sweep's and not a run's, as they stand in each run's config."""
    return {"out": str(study), "rerun": False, "resume_changed": False}


DESCRIBED = ("params", "small", "blocks", "paired", "studies", "tune")
"""Settings that describe runs: an interpolation in them is for the config of each run."""


def read(settings: Mapping[str, Any], **changes: Any) -> Sweep:
    """The settings of a node of Hydra's config, with some of them changed.

    Raises:
        ConfigError: a name is misspelt, or a value has a wrong type or is out of range.
    """
    plain = {name: _plain(settings, name) for name in settings if not name.startswith("_")}
    empty = {name for name, value in plain.items() if value is None and name in (*DESCRIBED, "skip")}
    known = checked(Sweep, {name: value for name, value in (plain | changes).items() if name not in empty}, KEY)
    if known["published"]:
        known["published"] = published.read(known["published"])
    sweep = Sweep(**known | {"name": name_below(f"{KEY}.name", str(known["name"]))})
    pruned = sweep.tune or sweep.pruner not in (None, "none")
    if not sweep.objectives or (pruned and len(sweep.objectives) > 1):
        raise ConfigError(f"{KEY}.metrics", "expected at least one, and exactly one where trials are pruned or tuned")
    return sweep


def _plain(settings: Mapping[str, Any], name: str) -> Any:
    try:
        value = settings[name]
        return OmegaConf.to_container(value, resolve=name not in DESCRIBED) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException as error:  # of an interpolation
        raise ConfigError(f"{KEY}.{name}", said(error)) from None
