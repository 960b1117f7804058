"""The numbers of a paper that a study is compared with, as its YAML names them; the report reads them as a file."""

import dataclasses
import json
from pathlib import Path

from rnnsweep import files
from rnnsweep.config import Config, checked
from rnnsweep.errors import ConfigError
from rnnsweep.study_folder import published_file
from rnnsweep.types import Share

KEY = "hydra.sweeper.published"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """One published number; it is reproduced where all that is stated holds for our interval over seeds."""

    where: Config
    """The settings, by key, that it is about."""
    value: float
    band: float | None = None
    """Ours is at most this far away."""
    at_most: bool = False
    """Ours is no larger."""
    at_least: bool = False
    """Ours is no smaller."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ablation:
    """Which levels of a factor hurt and which do not, against one of them: judged by our matched pairs."""

    factor: str
    baseline: str
    hurts: list[str] = dataclasses.field(default_factory=list)
    """Levels that are worse: reproduced where ours are, by Holm's p over all levels that we have."""
    harmless: list[str] = dataclasses.field(default_factory=list)
    """Levels that are not worse: reproduced where the interval excludes a harm of `margin`."""
    margin: float
    """The least harm that counts, in the unit of the metric."""
    best: Share = 1.0
    """Share of our settings that are judged: the best on validation, by the mean over all levels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class VarianceShare:
    """The share of the variance that a randomly drawn setting explains by itself; `interactions`: several together."""

    key: str
    value: float
    least: float | None = None
    """It is reproduced where ours is at least this."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """Something that a paper reports, and where."""

    source: str
    """Paper, table and page."""
    metric: str
    """Of ours, at the setting that is best on validation: test/loss, or last:val/loss for the value after the last
    step."""
    values: list[Config] = dataclasses.field(default_factory=list)
    """Each a Value."""
    ablations: list[Config] = dataclasses.field(default_factory=list)
    """Each an Ablation."""
    shares: list[Config] = dataclasses.field(default_factory=list)
    """Each a VarianceShare."""
    orders: list[list[Config]] = dataclasses.field(default_factory=list)
    """Orders that the paper finds: lists of settings, the best first."""
    differs: str = ""
    """Where our setting is another."""
    needs: list[str] = dataclasses.field(default_factory=list)
    """Settings, such as task.path, without which our data are others: nothing is judged where one is null."""


KINDS: dict[str, type] = {"values": Value, "ablations": Ablation, "shares": VarianceShare}


def read(content: Config) -> Config:
    """The content with every value checked.

    Raises:
        ConfigError: a name or a type is wrong.
    """
    found = checked(Published, content, KEY)
    for name, kind in KINDS.items():
        found[name] = [checked(kind, each, f"{KEY}.{name}[{number}]") for number, each in enumerate(found[name])]
    if not any(found[name] for name in (*KINDS, "orders")):
        raise ConfigError(KEY, f"expected something published: {', '.join(KINDS)} or orders")
    return found


def tell(content: Config, study: Path) -> None:
    """Leaves the numbers where the report finds them."""
    file = published_file(study)
    files.make(file.parent)
    files.write(file, json.dumps(content, indent=1))
